import { expect, test } from 'vitest';
import { stalePages } from '../../scripts/reference.ts';

test('the generated pages of docs/ say what the code says: npm run docs', async () => {
  expect(await stalePages()).toEqual([]);
});
