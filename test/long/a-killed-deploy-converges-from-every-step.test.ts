import { expect, test } from 'vitest';
import { boundariesSeconds, killAtEveryBoundary } from '../e2e/harness/boundaries.ts';
import { useProject } from '../e2e/harness.ts';

const project = useProject('e2e-killed');
const timeout = boundariesSeconds * 1000;

test('SIGKILL between any two steps: the next deploy converges, no request fails', { timeout }, async () => {
  const boundaries = await killAtEveryBoundary(project());
  expect(boundaries.length).toBeGreaterThan(6);
});
