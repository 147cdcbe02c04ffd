import { expect, test } from 'vitest';
import { OperatorError, exitCodes } from '../errors.ts';
import { describeFailure } from './failure.ts';
import { style } from './style.ts';

const plain = style(false);

test('an operator error says what was last seen and the next command, with its exit code', () => {
  const error = new OperatorError('lock held by ana since 12:03', {
    code: 'lock-held',
    exitCode: exitCodes.lockHeld,
    lastSeen: 'deploy of api\nstep 3',
    next: 'horme lock',
  });
  const failure = describeFailure(error, plain);
  expect(failure.text).toBe(
    'error: lock held by ana since 12:03\nlast seen:\n  deploy of api\n  step 3\nnext: horme lock',
  );
  expect(failure.object).toEqual({
    schema: 'horme.error/1',
    code: 'lock-held',
    message: 'lock held by ana since 12:03',
    lastSeen: 'deploy of api\nstep 3',
    next: 'horme lock',
    exitCode: 4,
  });
});

test('anything else is a bug of ours, with its stack and cause', () => {
  const failure = describeFailure(new Error('outer', { cause: new Error('inner') }), plain);
  expect(failure.exitCode).toBe(70);
  expect(failure.text).toMatch(/^error: this is a bug in Horme: outer\n.*at .*inner/s);
  expect(describeFailure('thrown string', plain).exitCode).toBe(70);
});
