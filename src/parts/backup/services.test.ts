import { expect, test } from 'vitest';
import { content } from '../../deploy/testing.ts';
import type { BackupOptions } from './options.ts';
import { hasAssertions } from './services.ts';
import { backupService } from './names.ts';

const check = { line: 1, sql: "SELECT '$1';", expected: '1' };
const wanted = (...assertions: BackupOptions['assertions']) => ({ assertions }) as BackupOptions;
const released = (agent: string) =>
  content([], {
    compose: { name: 'shop-local', services: { [backupService]: { environment: { HORME_BACKUP: agent } } } },
  });

test('whether drill.sql is what the agent asks', () => {
  const asked = released(JSON.stringify({ assertions: [check] }).replaceAll('$', '$$$$'));
  expect(hasAssertions(asked, wanted(check))).toBe(true);
  expect(hasAssertions(asked, wanted({ ...check, expected: '2' }))).toBe(false);
  expect(hasAssertions(asked, wanted())).toBe(false);
  expect(hasAssertions(content([]), wanted(check))).toBe(false);
  expect(hasAssertions(content([]), wanted())).toBe(true);
});
