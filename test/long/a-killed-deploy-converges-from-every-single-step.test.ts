import { expect, test } from 'vitest';
import { killAtEveryBoundary } from '../e2e/harness/boundaries.ts';
import { useProject } from '../e2e/harness.ts';

const project = useProject('e2e-killed-all');

test('SIGKILL at each boundary between two steps: the next deploy converges, no request fails', async () => {
  const boundaries = await killAtEveryBoundary(project(), { from: 1, every: 1 });
  expect(boundaries.length).toBeGreaterThan(6);
});
