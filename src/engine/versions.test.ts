import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { shown, testedRange, untested, versions } from './versions.ts';

test.each([
  ['Docker Engine', '20.10.24+dfsg1'],
  ['Docker Engine', '28.5.2'],
  ['Docker Compose', '2.26.1-4'],
  ['Docker Compose', 'v2.40.3-desktop.1'],
] as const)('%s %s is tested', (program, version) => {
  expect(untested(program, version)).toBeUndefined();
});

test.each([
  ['Docker Engine', '29.0.1', 'newer than those that Horme is tested with, 20.10 to 28.5'],
  ['Docker Engine', '28.10.0', 'newer than those that Horme is tested with, 20.10 to 28.5'],
  ['Docker Engine', '4.9.3', 'older than those that Horme is tested with, 20.10 to 28.5'],
  ['Docker Engine', 'dev', 'calls itself "dev": Horme is tested with 20.10 to 28.5'],
  ['Docker Compose', '5.0.1', 'newer than those that Horme is tested with, 2.26 to 2.40'],
  ['Docker Compose', '2.24.7', 'older than those that Horme is tested with, 2.26 to 2.40'],
] as const)('%s %s is not, and it is said', (program, version, words) => {
  expect(untested(program, version)).toContain(words);
});

test('the guide has these numbers', () => {
  const guide = readFileSync(new URL('../../docs/getting-started.md', import.meta.url), 'utf8').replaceAll('\n', ' ');
  for (const program of ['Docker Engine', 'Docker Compose'] as const) {
    expect(guide).toContain(`${program} ${shown(versions[program].oldest)} or newer`);
    expect(guide).toContain(`${program} ${testedRange(program)}`);
  }
});
