import { expect, test } from 'vitest';
import { OperatorError, exitCodes } from '../errors.ts';
import { deployDefaults } from './options.ts';
import { interrupted, nextAfter } from './standing.ts';
import { api, content, running } from './testing.ts';

const release = content([api()]);
const seen = running(release);
const next = nextAfter(deployDefaults, 7);

test('who pressed Ctrl-C hears what is there, and the way back by its number', () => {
  const told = interrupted(seen, release, next, new Error('aborted'), new AbortController().signal);
  expect(told).toMatchObject({ code: 'interrupted', exitCode: exitCodes.interrupted });
  expect(told.message).toContain('api: 3 of release 1 running, with traffic');
  expect(told.next).toContain('horme rollback 7');
});

test('who lost the lock hears who took it, and what is there', () => {
  const lost = new AbortController();
  const reason = { code: 'lock-lost', exitCode: exitCodes.lockHeld, next: '' };
  lost.abort(new OperatorError('the lock is lost: eve@laptop released it', reason));
  const told = interrupted(seen, release, next, new Error('aborted'), lost.signal);
  expect(told).toMatchObject({ code: 'lock-lost', exitCode: exitCodes.lockHeld });
  expect(told.message).toMatch(/^the lock is lost: eve@laptop released it.*\n {2}api: 3 of release 1 running/);
  expect(told.next).toContain('horme status');
});
