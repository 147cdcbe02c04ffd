import { expect, test } from 'vitest';
import { composeProblems } from './compose-problems.ts';
import { parseSource, type SourceFile } from './source.ts';

const text = 'services:\n  api:\n    image: x\n    imgae: y\n    healthcheck: { interval: abc }\n';
const source = parseSource('/shop/compose.yaml', '/shop', text) as SourceFile;

// Messages of Compose 2.26, then of 2.40.
test.each([
  ['validating /shop/compose.yaml: services.api Additional property imgae is not allowed', 4, 5],
  ["validating /shop/compose.yaml: services.api additional properties 'imgae', 'prots' not allowed", 4, 5],
  ["error decoding 'services[api].healthcheck.interval': time: invalid duration", 5, 20],
  ["'services[api].healthcheck.interval' time: invalid duration", 5, 20],
])('the place that Compose means is found in the words of each version: %s', (words, line, column) => {
  expect(composeProblems([words], [source])).toMatchObject([{ line, column }]);
});

test.each([
  'services.api Additional property imgae is not allowed',
  "services.api additional properties 'imgae' not allowed",
])('a key that Compose does not know gets its mend: %s', (words) => {
  expect(composeProblems([words], [source])[0]?.mend).toContain('extensions begin with x-');
});
