import { beforeEach, expect, test } from 'vitest';
import type { OperatorError } from '../errors.ts';
import { failure } from './failure.ts';
import { Worker } from './worker.ts';

let ended: (OperatorError | undefined)[];
let worker: Worker;

beforeEach(() => {
  ended = [];
  worker = new Worker(() => undefined);
});

async function work(error?: Error): Promise<void> {
  const job = error ? () => Promise.reject(error) : () => Promise.resolve();
  worker.start('backup', job, async (outcome) => void ended.push(outcome));
  expect(worker.isBusy).toBe(true);
  await worker.join(10);
  expect(worker.isBusy).toBe(false);
}

test('failures are counted until it goes well', async () => {
  expect(worker.tried('backup').failures).toBe(0);
  await work(failure('backup-failed', 'refused'));
  await work(new TypeError('a bug'));
  expect(worker.tried('backup').failures).toBe(2);
  // A bug, with its stack.
  expect(ended.at(-1)).toMatchObject({
    code: 'bug',
    message: expect.stringMatching(/TypeError: a bug\n +at /) as string,
  });
  await work();
  expect(worker.tried('backup').failures).toBe(0);
});

test.each(['busy', 'stopped'])('%s counts as not tried', async (code) => {
  await work(failure(code, 'later'));
  expect(worker.tried('backup')).toEqual({ failures: 0, secondsAgo: Number.POSITIVE_INFINITY });
  expect(ended).toEqual([]);
});

test('what can not be recorded is logged, and the worker is free again', async () => {
  const logged: string[] = [];
  const logging = new Worker((text) => void logged.push(text));
  logging.start(
    'drill',
    () => Promise.resolve(),
    () => Promise.reject(new Error('no space')),
  );
  await logging.join(10);
  expect(logged[1]).toContain('drill: could not be recorded:\nError: no space');
  expect(logging.isBusy).toBe(false);
});
