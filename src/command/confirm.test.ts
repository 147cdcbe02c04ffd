import { expect, test } from 'vitest';
import type { CommandContext } from './context.ts';
import { agreed, confirmsEnvironment } from './confirm.ts';

const typed = (confirm?: string) =>
  ({ flags: { confirm }, options: { json: true }, signal: new AbortController().signal }) as unknown as CommandContext;

test("the environment's name confirms, nothing does not, and another name is told with both", async () => {
  expect(confirmsEnvironment(typed('staging'), 'staging')).toBe(true);
  expect(confirmsEnvironment(typed(), 'staging')).toBe(false);
  expect(await agreed(typed(), 'staging', 'Really?')).toBe(false);
  expect(() => confirmsEnvironment(typed('production'), 'staging')).toThrow(
    '--confirm says production, but the environment is staging: nothing was done',
  );
});
