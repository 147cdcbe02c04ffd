import { expect, test } from 'vitest';
import { archived, before, compare, containing, gaps, gapText, nameOf, newestOf, parse } from './wal.ts';

const segment = (position: number, timeline = 1) => ({ timeline, position });
const checksum = '0123456789abcdef0123456789abcdef01234567';

test('a name is parsed and written alike, over the border of a log', () => {
  for (const name of ['0000000100000000000000FF', '000000010000000100000000', '0000000AFFFFFFFF000000FF']) {
    expect(nameOf(parse(name))).toBe(name);
  }
  expect(parse('000000010000000100000000').position - parse('0000000100000000000000FF').position).toBe(1);
});

test('a later timeline is sorted after all of an earlier one', () => {
  expect(compare(segment(9, 1), segment(1, 2))).toBeLessThan(0);
  expect(newestOf([segment(9, 1), segment(3, 2), segment(2, 2)])).toEqual(segment(3, 2));
  expect(newestOf([])).toBeUndefined();
});

test('of a listing the segments of the newest system count, and nothing else', () => {
  const path = (system: string, name: string) => `${system}/${name.slice(0, 16)}/${name}-${checksum}.zst`;
  const [first, second] = [nameOf(segment(1)), nameOf(segment(2))];
  const paths = [path('17-9', first), path('17-10', second), '17-10/archive.info', '17-10/0000000100000000/junk'];
  expect(archived(paths)).toEqual([{ ...segment(2), path: path('17-10', second) }]);
  expect(archived([])).toEqual([]);
});

test('a gap is what is missing between two segments, also behind a change of the timeline', () => {
  const missing = gaps([segment(1), segment(2), segment(5), segment(8, 2)], segment(1));
  expect(missing.map(gapText)).toEqual([
    `${nameOf(segment(3))} to ${nameOf(segment(4))}`,
    `${nameOf(segment(6, 2))} to ${nameOf(segment(7, 2))}`,
  ]);
  expect(gaps([segment(3), segment(4)], segment(4))).toEqual([]);
  expect(before({ first: segment(6, 2), last: segment(7, 2) }, [segment(5), segment(8, 2)])).toEqual(segment(5));
});

test('the byte at a border belongs to the segment that it ends', () => {
  expect(containing(1, '0/3000000')).toEqual(segment(2));
  expect(containing(1, '0/3000001')).toEqual(segment(3));
  expect(containing(1, '1/0')).toEqual(segment(255));
});
