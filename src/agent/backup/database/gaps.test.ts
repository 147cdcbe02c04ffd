import { expect, test } from 'vitest';
import { failure } from '../../failure.ts';
import type { Gap } from '../contract.ts';
import type { Status } from '../known.ts';
import { clockAt, local, s3 } from '../testing.ts';
import { everySeconds, gapWish, GapWatch } from './gaps.ts';
import { stanza, testWorld } from './testing.ts';

const first = {
  from: '000000010000000000000003',
  to: '000000010000000000000004',
  foundAt: '2026-11-24T15:00:00Z',
};
const hangs = failure('deadline', 'it hangs');

/** Two repositories, each with the gaps that a test gives it, or an error. */
class Stage {
  readonly has: Record<number, Omit<Gap, 'repository'>[] | Error> = { 1: [], 2: [] };
  /** In the middle of a look at a repository. */
  meanwhile: () => Promise<void> = async () => undefined;
  #steady = 5000;
  #asked: number[] = [];
  readonly #world = testWorld({
    told: { repositories: [local(1), s3(2)] },
    clock: { ...clockAt(new Date()), awake: () => ({ ...clockAt(new Date()).awake(), steady: this.#steady }) },
  });
  readonly #watch = new GapWatch(this.#world, async (_world, number) => {
    this.#asked.push(number);
    await this.meanwhile();
    const found = this.has[number] ?? [];
    if (found instanceof Error) throw found;
    return found.map((one) => ({ repository: number, ...one }));
  });

  /** The repositories that were asked. */
  async looks(): Promise<number[]> {
    this.#asked = [];
    await this.#watch.look();
    return this.#asked;
  }

  passes(seconds: number): void {
    this.#steady += seconds;
  }

  known(): Promise<Status> {
    return this.#world.status.read();
  }

  update(fields: Status): Promise<void> {
    return this.#world.status.update((known) => void Object.assign(known, fields));
  }

  async wishes(): Promise<(string | null)[]> {
    const { repositories = {} } = await this.known();
    return [1, 2].map((number) => repositories[number]?.backupWanted ?? null);
  }
}

test('each repository is asked once in six hours', async () => {
  const stage = new Stage();
  expect([await stage.looks(), await stage.looks()]).toEqual([[1, 2], []]);
  stage.passes(everySeconds + 1);
  expect(await stage.looks()).toEqual([1, 2]);
});

test('a repository that could not be asked is asked again, and what was known of it stays', async () => {
  const stage = new Stage();
  await stage.update({ stanza, gaps: [{ repository: 1, ...first }] });
  stage.has[1] = hangs;
  expect([await stage.looks(), await stage.looks()]).toEqual([[1, 2], [1]]);
  expect((await stage.known()).gaps).toEqual([{ repository: 1, ...first }]);
  stage.has[1] = [];
  expect([await stage.looks(), await stage.looks()]).toEqual([[1], []]);
  expect((await stage.known()).gaps).toEqual([]);
});

test('archiving that was mended makes a look due, also when it was mended during one', async () => {
  const stage = new Stage();
  await stage.looks();
  await stage.update({ archiveMendedAt: '2026-11-24T15:00:00Z' });
  stage.has[2] = hangs;
  expect(await stage.looks()).toEqual([1, 2]);
  stage.has[2] = [];
  stage.meanwhile = () => stage.update({ archiveMendedAt: '2026-11-24T15:01:00Z' });
  await stage.looks();
  stage.meanwhile = async () => undefined;
  expect(await stage.looks()).toContain(2);
});

test('archiving fails until every repository was looked at', async () => {
  const stage = new Stage();
  const failing = { archiveFailing: true, archiveFailingSince: '2026-11-24T14:00:00Z' };
  await stage.update({ ...failing, archiveMendedAt: '2026-11-24T15:00:00Z' });
  stage.has[2] = hangs;
  await stage.looks();
  expect((await stage.known()).archiveFailing).toBe(true);
  stage.has[2] = [];
  expect([await stage.looks(), await stage.looks()]).toEqual([[2], []]);
  expect(await stage.known()).toMatchObject({ archiveFailing: false, archiveFailingSince: null });
});

test('a new gap wants a backup, and a known one wants none', async () => {
  const stage = new Stage();
  stage.has[2] = [first];
  await stage.looks();
  expect((await stage.known()).gaps).toEqual([{ repository: 2, ...first }]);
  expect(await stage.wishes()).toEqual([null, gapWish]);
  await stage.update({ repositories: {}, archiveMendedAt: '2026-11-24T15:00:00Z' });
  stage.has[2] = [{ ...first, foundAt: '2026-11-24T16:00:00Z' }];
  expect(await stage.looks()).toEqual([1, 2]);
  expect((await stage.known()).gaps).toEqual([{ repository: 2, ...first }]);
  expect(await stage.wishes()).toEqual([null, null]);
});

test('gaps of another history are none of this one', async () => {
  const stage = new Stage();
  await stage.update({ stanza: 'before', gaps: [{ repository: 2, ...first }] });
  stage.has[2] = hangs;
  await stage.looks();
  expect(await stage.known()).toMatchObject({ stanza, gaps: [] });
});
