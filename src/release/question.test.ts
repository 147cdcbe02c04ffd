import { expect, test } from 'vitest';
import { health, route } from '../deploy/testing.ts';
import { isGoodStatus, questionsOf } from './question.ts';

test('each port is asked once, under the host of its first route', () => {
  const routes = [
    { ...route(80), host: 'shop.localhost', health },
    { ...route(80), host: 'www.shop.localhost', health },
    { ...route(81), host: 'admin.shop.localhost' },
  ];
  expect(questionsOf(routes)).toEqual([
    { port: 80, host: 'shop.localhost', health },
    { port: 81, host: 'admin.shop.localhost', health: undefined },
  ]);
});

test('a good status is one of the codes and ranges', () => {
  const good = (code: number) => isGoodStatus(code, '200-299,304,401');
  expect([200, 204, 299, 304, 401].every(good)).toBe(true);
  expect([199, 300, 303, 400, 500].some(good)).toBe(false);
});
