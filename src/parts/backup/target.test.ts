import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AgentWindow, History } from '../../agent/backup/contract.ts';
import { parseTarget, reachable, targetText, unreachable } from './target.ts';

const now = new Date('2026-11-24T16:00:00Z');
const at = (text: string) => parseTarget(text, now).toISOString();

/** What is thrown, as plain data. */
function refusal(of: () => unknown): {
  code: string;
  exitCode: number;
  message: string;
  lastSeen?: string;
  next: string;
} {
  try {
    of();
  } catch (error) {
    const { code, exitCode, message, lastSeen, next } = error as ReturnType<typeof refusal>;
    return { code, exitCode, message, next, ...(lastSeen === undefined ? {} : { lastSeen }) };
  }
  throw new Error('nothing was thrown');
}

describe('a target', () => {
  test.each([
    ['2026-11-24 15:03Z', '2026-11-24T15:03:00.000Z'],
    ['2026-11-24T15:03:12Z', '2026-11-24T15:03:12.000Z'],
    ['2026-11-24t15:03:12z', '2026-11-24T15:03:12.000Z'],
    ['2026-11-24 15:03:12.5Z', '2026-11-24T15:03:12.500Z'],
    ['2026-11-24 15:03:12.007+01', '2026-11-24T14:03:12.007Z'],
    ['2026-11-24 15:03:12+01:00', '2026-11-24T14:03:12.000Z'],
    ['2026-11-24 15:03:12 +0100', '2026-11-24T14:03:12.000Z'],
    ['2026-11-24 00:03-05:30', '2026-11-24T05:33:00.000Z'],
    ['2024-02-29 00:00+14', '2024-02-28T10:00:00.000Z'],
    ['  2026-11-24 15:03Z\n', '2026-11-24T15:03:00.000Z'],
    ['2026-11-24 16:00Z', '2026-11-24T16:00:00.000Z'],
  ])('%s', (text, expected) => expect(at(text)).toBe(expected));

  test.each([
    '2026-02-30 12:00Z',
    '2025-02-29 12:00Z',
    '2026-13-01 12:00Z',
    '2026-00-10 12:00Z',
    '2026-11-24 24:00Z',
    '2026-11-24 12:60Z',
    '2026-11-24 12:00:60Z',
    '2026-11-24 12:00+16',
    '2026-11-24 12:00+01:60',
    '2026-11-24 12:00:00.1234567Z',
    '2026-11-24',
    '2026-11-24 12Z',
    '0042-11-24 12:00Z',
    '2026-02-30 12:00',
    'yesterday',
    '',
    "2026-11-24 12:00Z' --delta '",
  ])('%j is no time', (text) => {
    const { code, exitCode, next } = refusal(() => parseTarget(text, now));
    expect([code, exitCode]).toEqual(['target-invalid', 2]);
    expect(next).toContain("--to '2026-11-24 15:03:12+01:00'");
  });

  test('without a zone is shown with one', () => {
    expect(refusal(() => parseTarget('2026-11-24 15:03', now))).toEqual({
      code: 'target-zoneless',
      exitCode: 2,
      message: '"2026-11-24 15:03" has no zone, and the machines may not agree on one',
      next: "horme restore --to '2026-11-24 15:03Z' for UTC, or another zone, such as 2026-11-24 15:03+01:00",
    });
  });

  test('in the future is refused, also by its zone alone', () => {
    expect(refusal(() => parseTarget('2026-11-24 16:00:00.001Z', now)).code).toBe('target-future');
    expect(refusal(() => parseTarget('2026-11-24 15:30-01', now)).message).toBe(
      '2026-11-24 16:30:00Z is still to come: it is 2026-11-24 16:00:00Z now',
    );
  });

  const moment = fc.date({ min: new Date('1000-01-01T00:00:00Z'), max: now, noInvalidDate: true });

  test('is the moment that was written, in whatever zone', () => {
    const minutes = fc.integer({ min: -15 * 60 - 59, max: 15 * 60 + 59 });
    fc.assert(
      fc.property(moment, minutes, fc.constantFrom(':', ''), (date, offset, colon) => {
        const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, -1);
        const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
        const size = Math.abs(offset);
        const zone = `${offset < 0 ? '-' : '+'}${two(size / 60)}${colon}${two(size % 60)}`;
        expect(parseTarget(`${local}${zone}`, now)).toEqual(date);
      }),
    );
  });

  test('is read again as it is written', () => {
    fc.assert(fc.property(moment, (date) => parseTarget(targetText(date), now).getTime() === date.getTime()));
  });

  test('is a moment of the past or an error that says what to type, whatever the text is', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.stringMatching(/^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}Z$/)),
        (text) => {
          try {
            expect(parseTarget(text, now).getTime()).toBeLessThanOrEqual(now.getTime());
          } catch (error) {
            expect(error).toMatchObject({ code: expect.stringMatching(/^target-/) as string, exitCode: 2 });
            expect(String(error)).toMatch(/^[ -~]*$/);
          }
        },
      ),
    );
  });
});

const history = (stanza: string, current: boolean, ...windows: (AgentWindow | null)[]): History => ({
  stanza,
  current,
  systemId: '1',
  repositories: windows.map((window, index) => ({
    repository: index + 1,
    kind: 'local',
    window,
    backups: [],
    gaps: [],
  })),
});
const day = (from: number, to: number): AgentWindow => ({
  from: `2026-11-${String(from).padStart(2, '0')}T03:00:00Z`,
  to: `2026-11-${String(to).padStart(2, '0')}T15:00:00Z`,
});

/** Its name, or what is said where there is none. */
function holding(target: Date, histories: History[]): string {
  const found = reachable(target, histories);
  if (!found) throw unreachable(target, histories);
  return found.stanza;
}

describe('the history of a target', () => {
  const histories = [
    history('20261101-000000-aaaa', false, day(2, 14), day(1, 12)),
    history('20261110-000000-bbbb', true, day(12, 24), null),
    history('20261105-000000-cccc', false, null),
  ];
  const of = (text: string) => holding(new Date(text), histories);

  test('is the one whose window holds it, the newest where several do', () => {
    expect(of('2026-11-01T03:00:01Z')).toBe('20261101-000000-aaaa');
    expect(of('2026-11-05T12:00:00Z')).toBe('20261101-000000-aaaa');
    expect(of('2026-11-13T12:00:00Z')).toBe('20261110-000000-bbbb');
    expect(of('2026-11-24T15:00:00Z')).toBe('20261110-000000-bbbb');
  });

  test('is the current one, whatever its name', () => {
    const both = [history('20261201-000000-zzzz', false, day(1, 9)), history('20261101-000000-aaaa', true, day(1, 9))];
    expect(holding(new Date('2026-11-05T00:00:00Z'), both)).toBe('20261101-000000-aaaa');
  });

  test('does not hold a moment behind missing WAL, whatever lies around it, unless another repository has it', () => {
    const one = history('20261110-000000-bbbb', true, day(2, 24));
    const [repository] = one.repositories;
    const windows = [day(2, 9), day(12, 24)];
    const holed = { ...one, repositories: repository ? [{ ...repository, windows }] : [] };
    const [before, within] = [new Date('2026-11-09T12:00:00Z'), new Date('2026-11-10T12:00:00Z')];
    expect(holding(before, [holed])).toBe(one.stanza);
    expect(refusal(() => holding(within, [holed]))).toMatchObject({
      code: 'target-unreachable',
      lastSeen: [
        '2026-11-02 03:00:00Z to 2026-11-09 15:00:00Z (history 20261110-000000-bbbb)',
        '2026-11-12 03:00:00Z to 2026-11-24 15:00:00Z (history 20261110-000000-bbbb)',
      ].join('\n'),
      next: "horme restore --to '2026-11-09 15:00:00Z'",
    });
    const whole = { ...one, repositories: [...holed.repositories, ...one.repositories] };
    expect(holding(within, [whole])).toBe(one.stanza);
  });

  test('is told by what can be reached when there is none', () => {
    expect(refusal(() => of('2026-10-30T12:00:00Z'))).toEqual({
      code: 'target-unreachable',
      exitCode: 3,
      message: 'no backup reaches 2026-10-30 12:00:00Z; these times are reachable',
      lastSeen: [
        '2026-11-12 03:00:00Z to 2026-11-24 15:00:00Z (history 20261110-000000-bbbb)',
        '2026-11-02 03:00:00Z to 2026-11-14 15:00:00Z (history 20261101-000000-aaaa)',
        '2026-11-01 03:00:00Z to 2026-11-12 15:00:00Z (history 20261101-000000-aaaa)',
      ].join('\n'),
      next: "horme restore --to '2026-11-01 03:00:01Z'",
    });
    expect(refusal(() => of('2026-11-24T15:00:01Z')).next).toBe('horme restore --latest');
    expect(refusal(() => holding(now, [history('a', true, null)]))).toEqual({
      code: 'target-unreachable',
      exitCode: 3,
      message: 'no backup reaches 2026-11-24 16:00:00Z: there is none yet',
      next: 'horme backup now',
    });
  });

  test('always holds it, and no newer one does; what is proposed instead can be reached', () => {
    const days = fc
      .tuple(fc.integer({ min: 1, max: 28 }), fc.integer({ min: 1, max: 28 }))
      .map(([a, b]) => day(Math.min(a, b), Math.max(a, b)));
    const windows = fc.array(fc.option(days), { maxLength: 3 });
    const holds = (target: Date, all: (AgentWindow | null)[]) =>
      all.some((window) => window && new Date(window.from) <= target && target <= new Date(window.to));
    const instant = fc.date({ min: new Date('2026-10-30'), max: new Date('2026-11-30'), noInvalidDate: true });
    fc.assert(
      fc.property(fc.array(windows, { maxLength: 4 }), instant, (all, target) => {
        const those = all.map((each, index) => history(`2026110${index}`, index === all.length - 1, ...each));
        const expected = all.findLastIndex((each) => holds(target, each));
        if (expected >= 0) {
          expect(holding(target, those)).toBe(`2026110${expected}`);
          return;
        }
        const proposed = /--to '(.+)'/.exec(refusal(() => holding(target, those)).next)?.[1];
        if (proposed !== undefined) holding(parseTarget(proposed, new Date('2027-01-01')), those);
      }),
    );
  });
});
