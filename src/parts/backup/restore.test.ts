import { expect, test } from 'vitest';
import { differences } from './restore.ts';

const restored = { 'public.orders': 10, 'public.items': 20 };

test('each table that would have another number of rows is named', () => {
  const now = { 'public.orders': 12, 'public.made': 3 };
  expect(differences(now, restored)).toEqual([
    'public.items: comes back with 20 rows',
    'public.made: goes, with its 3 rows',
    'public.orders: 12 rows now, 10 then',
  ]);
  expect(differences(restored, restored)).toEqual(['every table has as many rows as now']);
});

test('what is damaged or locked in production, or in what was restored, is named and keeps nobody from the rest', () => {
  const now = { 'public.orders': null, 'public.items': 20, 'public.made': null };
  expect(differences(now, { ...restored, 'public.items': null })).toEqual([
    "public.items: is damaged, so that its rows can't be counted",
    "public.made: can't be counted now, goes",
    "public.orders: can't be counted now, 10 rows then",
  ]);
  expect(differences(undefined, restored)).toEqual(['production does not answer, so what would change is not known']);
});
