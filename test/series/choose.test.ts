import { describe, expect, test } from 'vitest';
import { longFiles, type Table } from './files.ts';
import { areas } from '../areas.ts';
import { choose, daysOf, wallSeconds, type Chosen } from './choose.ts';

const table: Table = {
  stove: { proves: ['src/stove/'], alone: { boil: 100, fry: 90 } },
  oven: { proves: ['src/oven/'], together: { bake: 80, roast: 70 } },
  larder: { proves: ['src/larder/', 'src/oven/'], alone: { store: 60, find: 50, count: 40, clean: 30 } },
};
const core = ['src/*', 'src/house/'];
const names = (chosen: Chosen[]) => chosen.map(({ file }) => file.name);
/** Of the day that `boil` and no other has. */
const chosen = (changed: string[] | undefined, seconds = 10_000, day = 0) =>
  choose({ table, core, changed, day, seconds });

describe('the day', () => {
  test('has its files, whatever changed', () => {
    expect(names(chosen([]).run)).toEqual(['boil']);
    expect(names(chosen([], 10_000, 7).run)).toEqual(['boil']);
  });

  test('of a week: each file once', () => {
    const week = Array.from({ length: 7 }, (_, day) => names(chosen([], 10_000, 20_000 + day).run));
    expect(week.flat().sort()).toEqual(['bake', 'boil', 'clean', 'count', 'find', 'fry', 'roast', 'store']);
  });

  test('says when the day of the others comes', () => {
    const waits = chosen([], 10_000, 5).rest.map(({ file, why }) => `${file.name} ${/\d+ d/.exec(why)?.[0]}`);
    expect(waits).toContain('boil 2 d');
    expect(waits).toContain('clean 1 d');
  });

  test('has as much to do as another one, by the seconds of the table', () => {
    const days = daysOf(areas);
    const loads = Array.from({ length: 7 }, (_, day) =>
      longFiles.reduce((sum, { name, seconds }) => sum + (days.get(name) === day ? seconds : 0), 0),
    );
    const longest = Math.max(...longFiles.map(({ seconds }) => seconds));
    expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(longest);
  });
});

describe('a change', () => {
  test('brings the files of each area that its path is in', () => {
    const { run, noRoom } = chosen(['docs/x.md', 'src/oven/door.ts']);
    expect(names(run)).toEqual(['boil', 'bake', 'roast', 'store', 'find', 'count', 'clean']);
    expect(run.at(-1)?.why).toBe('src/oven/door.ts changed');
    expect(noRoom).toEqual([]);
  });

  test('in the core brings all, those of the areas that changed too before the others', () => {
    const { run, rest } = chosen(['src/house/roof.ts', 'src/stove/gas.ts']);
    expect(names(run)).toEqual(['boil', 'fry', 'bake', 'roast', 'store', 'find', 'count', 'clean']);
    expect(rest).toEqual([]);
  });

  test('in a file beside the folders is in the core; deeper it is not', () => {
    expect(names(chosen(['src/house.ts']).run)).toHaveLength(8);
    expect(names(chosen(['src/shed/door.ts']).run)).toEqual(['boil']);
  });

  test('in a long file brings that one', () =>
    expect(names(chosen(['test/long/roast.test.ts']).run)).toEqual(['boil', 'roast']));

  test('that nobody knows brings all', () => expect(names(chosen(undefined).run)).toHaveLength(8));
});

describe('the time', () => {
  test('is given to the day first, then to what was touched, and what has no room is named', () => {
    const { run, noRoom, rest } = chosen(['src/oven/door.ts'], 210);
    // 100 alone, then 80 beside 70; what is alone has 30 left.
    expect(names(run)).toEqual(['boil', 'bake', 'roast', 'clean']);
    expect(names(noRoom)).toEqual(['store', 'find', 'count']);
    expect(names(rest)).toEqual(['fry']);
  });

  test('that is over lets nothing begin, not even what the day has', () => {
    const { run, noRoom } = chosen([], 0);
    expect([names(run), names(noRoom)]).toEqual([[], ['boil']]);
  });

  test('of two files side by side is that of the longer one; a third begins when the shorter one has ended', () => {
    const side = (seconds: number) => ({ name: String(seconds), area: 'oven', seconds, alone: false });
    expect(wallSeconds([side(70), side(80)])).toBe(80);
    expect(wallSeconds([side(20), side(70), side(80)])).toBe(90);
    expect(wallSeconds([{ ...side(80), alone: true }, side(70)])).toBe(150);
    expect(wallSeconds([])).toBe(0);
  });
});
