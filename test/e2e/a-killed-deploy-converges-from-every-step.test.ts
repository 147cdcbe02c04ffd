import { expect, test } from 'vitest';
import { killAtEveryBoundary } from './harness/boundaries.ts';
import { useProject } from './harness.ts';

const project = useProject('e2e-killed');

test('SIGKILL between any two steps: the next deploy converges, no request fails', async () => {
  const boundaries = await killAtEveryBoundary(project());
  expect(boundaries.length).toBeGreaterThan(6);
});
