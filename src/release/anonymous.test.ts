import { expect, test } from 'vitest';
import type { Image } from '../engine/engine.ts';
import { anonymousOf, strategyWith } from './anonymous.ts';

const image = { volumes: ['/var/lib/data/'] } as unknown as Image;
const surge = { kind: 'surge' } as const;
const reason = 'keeps data in the anonymous volume /var/lib/data';

test('a VOLUME of the image is data that only its container knows', () => {
  expect(strategyWith(surge, {}, image)).toEqual({ kind: 'stop-first', reason });
  expect(strategyWith({ kind: 'stop-first', reason: 'publishes port 1' }, {}, image)).toEqual({
    kind: 'stop-first',
    reason: `publishes port 1 and ${reason}`,
  });
});

test.each([
  [{ volumes: [{ type: 'volume', source: 'rows', target: '/var/lib/data' }] }],
  [{ volumes: [{ type: 'tmpfs', target: '/var/lib/data' }] }],
  [{ tmpfs: ['/var/lib/data:size=1m'] }],
  [{ tmpfs: '/var/lib/data' }],
])('%j covers it', (definition) => {
  expect(strategyWith(surge, definition, image)).toEqual(surge);
});

test('where the volumes are that a successor takes over', () => {
  const definition = { volumes: [{ type: 'volume', target: '/own' }] };
  expect(anonymousOf(definition, image)).toEqual(['/own', '/var/lib/data']);
  expect(anonymousOf({ volumes_from: ['db'] }, image)).toBeUndefined();
  expect(anonymousOf({ volumes: [{ type: 'volume', source: 'rows', target: '/var/lib/data' }] }, image)).toEqual([]);
});
