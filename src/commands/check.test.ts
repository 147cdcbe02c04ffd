import { expect, test } from 'vitest';
import { versionCheck } from './check.ts';

test('versions within what is tested are told, without a warning', () => {
  const { check, warnings } = versionCheck('28.5.2', '2.40.3');
  expect(check).toEqual({
    name: 'versions',
    ok: true,
    detail: 'Docker Engine 28.5.2, Docker Compose 2.40.3: within what is tested, 20.10 to 28.5 and 2.26 to 2.40',
  });
  expect(warnings).toEqual([]);
});

test('what is newer passes the check with a warning', () => {
  const { check, warnings } = versionCheck('29.1.0', '5.0.1');
  expect(check).toMatchObject({ ok: true, detail: expect.stringContaining('not all within') as string });
  expect(warnings.join('\n')).toMatch(/Engine 29.1.0 is newer.*\n.*Compose 5.0.1 is newer/);
});
