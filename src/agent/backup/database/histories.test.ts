import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { local, quiet, s3 } from '../testing.ts';
import { isFailure } from '../../failure.ts';
import { list } from './histories.ts';
import { answering, began, failureOf, stanza, testWorld } from './testing.ts';
import { verify } from './verify.ts';
import { nameOf } from './wal.ts';

const former = '20261101-000000-aaaa';

/** As `pgbackrest info` has it. */
function told(name: string, code = 0, backups: number[] = [1]) {
  const wal = (position: number) => nameOf({ timeline: 1, position });
  return {
    name,
    status: { code, message: 'other' },
    repo: [{ status: { message: 'ERROR: [029]: damaged' } }],
    db: [{ 'system-id': 1, version: '17' }],
    backup: backups.map((one) => ({
      label: 'backup',
      type: 'full',
      timestamp: { start: began, stop: began + one },
      archive: { start: wal(one), stop: wal(one) },
      info: { size: 1, repository: { delta: 1 } },
    })),
  };
}

/** Repository 2 is away, or has what a test says. */
class Stage {
  readonly has: Record<number, unknown[]> = { 1: [told(stanza)], 2: [told('[invalid]', 99)] };
  readonly repositories = answering(async (command, _options, { repository = 0 }) => {
    switch (command) {
      case 'info':
        return JSON.stringify(this.has[repository]);
      case 'repo-ls':
        return '{}';
      default:
        return 'status: ok';
    }
  });
  readonly #world = testWorld({
    told: { encrypt: false, repositories: [local(1), s3(2)] },
    repositories: this.repositories,
  });

  constructor() {
    for (const name of ['s3-key-id', 's3-key-secret'])
      writeFileSync(join(this.#world.folders.secrets, name), 'secret\n');
  }

  async listed(): Promise<{ found: [string, number[]][]; problems: unknown[] }> {
    const { histories, problems = [] } = await list(this.#world, quiet);
    return {
      found: histories.map((one) => [one.stanza, one.repositories.map(({ repository }) => repository)]),
      problems,
    };
  }

  async verified(): Promise<string[]> {
    try {
      await verify(this.#world, quiet);
      return [];
    } catch (error) {
      if (isFailure(error, 'verification-failed')) return error.message.split('\n');
      throw error;
    }
  }
}

test("a repository that can't be read is a problem of the list", async () => {
  const message = "it can't be read: ERROR: [029]: damaged / other";
  expect(await new Stage().listed()).toEqual({
    found: [[stanza, [1]]],
    problems: [{ repository: 2, kind: 's3', stanza: null, message }],
  });
});

test("a history that can't be read hides no other", async () => {
  const stage = new Stage();
  stage.has[2] = [told(former, 99), told(stanza)];
  const { found, problems } = await stage.listed();
  expect(found).toEqual([[stanza, [1, 2]]]);
  expect(problems).toEqual([
    expect.objectContaining({
      stanza: former,
      message: expect.stringMatching(`^history ${former} can't be read: ERROR`) as string,
    }),
  ]);
  expect((await stage.repositories.history(2, stanza))?.name).toBe(stanza);
  expect((await failureOf(() => stage.repositories.history(2, former))).message).toContain(former);
  expect((await stage.verified()).join(' ')).toMatch(new RegExp(`^repository 2 .s3.: history ${former} can't be read`));
});

test("a history that can't be read is not one that is not there", async () => {
  const stage = new Stage();
  await failureOf(() => stage.repositories.history(2, stanza));
  stage.has[2] = [];
  expect(await stage.repositories.history(2, stanza)).toBeUndefined();
});

test('a repository without a backup of the present history is not well', async () => {
  const stage = new Stage();
  const missing = [`repository 2 (s3): it has no readable backup of the present history ${stanza}`];
  for (const has of [[], [told(former)], [told(stanza, 2, [])]]) {
    stage.has[2] = has;
    expect(await stage.verified()).toEqual(missing);
  }
  stage.has[2] = [told(stanza)];
  expect(await stage.verified()).toEqual([]);
});
