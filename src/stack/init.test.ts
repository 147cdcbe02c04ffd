import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { initText } from './init.ts';

const options = { name: 'shop' };

test('a starter is a Compose file with x-horme', () => {
  const text = initText(undefined, options);
  expect(parse(text)).toMatchObject({
    name: 'shop',
    services: { web: {} },
    'x-horme': { environments: { local: {}, production: {} } },
  });
  expect(initText('', options)).toBe(text);
});

test.each([
  ['comments', '# mine\nservices: # all\n  a:   {image: x} # odd   spaces\n\n# the end\n'],
  ['CRLF', '# mine\r\nservices:\r\n  a: { image: x }\r\n'],
])('an existing text is kept to the byte: %s', (_name, existing) => {
  const text = initText(existing, options);
  expect(text.startsWith(existing.trimEnd())).toBe(true);
  expect(parse(text)).toMatchObject({ services: { a: { image: 'x' } }, 'x-horme': {} });
  expect(initText(text, options)).toBe(text);
});

test('a file in flow style, or with an end marker, is written anew', () => {
  for (const existing of ['{services: {a: {image: x}}} # mine\n', '# mine\nservices: {a: {image: x}}\n...\n']) {
    const text = initText(existing, options);
    expect(parse(text)).toMatchObject({ services: { a: { image: 'x' } }, 'x-horme': {} });
    expect(text).toContain('# mine');
    expect(initText(text, options)).toBe(text);
  }
});

test('a file that is not a Compose file is refused', () => {
  expect(() => initText('- a\n', options)).toThrow(/not a mapping/);
  expect(() => initText('a: [\n', options)).toThrow(/can't be extended/);
});
