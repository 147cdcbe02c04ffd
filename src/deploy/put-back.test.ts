import { beforeEach, expect, test } from 'vitest';
import type { Context } from './context.ts';
import { putBackAll } from './put-back.ts';
import { api, content, nothing, replica, service, version } from './testing.ts';

const former = content([api({ replicas: 2 }), service('worker')]);
const fresh = version(api({ replicas: 2 }), 'v2');
const old = [1, 2].map((number) => replica(api(), number, { membership: 'drain' }));
const bad = [3, 4].map((number) => replica(fresh, number));
let told: string[];
let known: string[];

const context = {
  routed: [fresh],
  balancers: {
    kept: async () => ({
      membership: async () => ({ api: Object.fromEntries(known.map((name) => [name, 'ready'])) }),
      readmit: async (_service: unknown, names: string[]) => void told.push(`readmit ${names.join()}`),
      drain: async (_service: unknown, names: string[]) => void told.push(`drain ${names.join()}`),
    }),
  },
} as unknown as Context;

beforeEach(() => {
  told = [];
  known = [...old, ...bad].map(({ name }) => name);
});

test('old replicas that were drained get their users back before anything else of the way back', async () => {
  await putBackAll(context, former, { ...nothing, replicas: [...old, ...bad] });
  expect(told).toEqual(['readmit shop-local-api-1,shop-local-api-2', 'drain shop-local-api-3,shop-local-api-4']);
});

test('of batches that have ended their old replicas the new ones carry the rest', async () => {
  const [one] = old;
  await putBackAll(context, former, { ...nothing, replicas: [...(one ? [one] : []), ...bad] });
  expect(told).toEqual(['readmit shop-local-api-1', 'drain shop-local-api-3']);
});

test('where HAProxy knows no old replica the new ones keep theirs', async () => {
  known = bad.map(({ name }) => name);
  await putBackAll(context, former, { ...nothing, replicas: [...old, ...bad] });
  expect(told).toEqual([]);
});
