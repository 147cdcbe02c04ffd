import { afterEach, expect, test, vi } from 'vitest';
import { stackOf } from '../release/testing.ts';
import type { CommandContext } from '../command/context.ts';
import { agreeTo } from './down.ts';

afterEach(() => void vi.unstubAllEnvs());

const session = (name: string) => ({
  stack: stackOf([], { project: `shop-${name}`, environment: { ...stackOf([]).environment, name } }),
});
const typed = (own: { env?: string; confirm?: string } = {}) => {
  const options = { json: true, ...(own.env !== undefined && { env: own.env }) };
  return {
    options,
    flags: { confirm: own.confirm },
    signal: new AbortController().signal,
  } as unknown as CommandContext;
};

test('what HORME_ENV chose goes down only when it is named', async () => {
  vi.stubEnv('HORME_ENV', 'production');
  const refused = { code: 'confirmation', next: 'horme down --env production' };
  await expect(agreeTo(typed(), session('production'), undefined)).rejects.toMatchObject(refused);
  await agreeTo(typed({ env: 'production' }), session('production'), undefined);
  await agreeTo(typed({ confirm: 'production' }), session('production'), undefined);
  await agreeTo(typed(), session('local'), undefined);
  vi.stubEnv('HORME_ENV', '');
  await agreeTo(typed(), session('production'), undefined);
});

test('data goes only with --confirm, and another name than the environment is told', async () => {
  const volumes = ['shop-staging_data'];
  const refused = { code: 'confirmation', message: expect.stringContaining('shop-staging_data') as string };
  await expect(agreeTo(typed({ env: 'staging' }), session('staging'), volumes)).rejects.toMatchObject(refused);
  await agreeTo(typed({ confirm: 'staging' }), session('staging'), volumes);
  const other = agreeTo(typed({ env: 'staging', confirm: 'production' }), session('staging'), volumes);
  await expect(other).rejects.toThrow('--confirm says production, but the environment is staging');
});
