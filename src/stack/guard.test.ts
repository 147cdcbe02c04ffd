import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { formatDiagnostic } from './diagnostics.ts';
import { guardFiles } from './guard.ts';

let root: string;
let directory: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'horme-guard-'));
  directory = join(root, 'project');
  await mkdir(directory);
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function problems(text: string | Uint8Array, others: Record<string, string> = {}): Promise<string> {
  for (const [name, content] of Object.entries({ ...others })) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), content);
  }
  await writeFile(join(directory, 'compose.yaml'), text);
  const { diagnostics } = await guardFiles([join(directory, 'compose.yaml')], directory);
  return diagnostics.map(formatDiagnostic).join('\n');
}

function bomb(levels: number): string {
  const first = 'x-0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n';
  const rest = Array.from(
    { length: levels - 1 },
    (_, i) => `x-${i + 1}: &a${i + 1} [${Array(9).fill(`*a${i}`).join(', ')}]\n`,
  );
  return `services: { a: { image: b } }\n${first}${rest.join('')}`;
}

describe('files that are refused before Compose sees them', () => {
  const cases: [name: string, text: string | Uint8Array, expected: RegExp][] = [
    ['a nine-level alias bomb', bomb(9), /expand to 4\.\de\+8 nodes/],
    ['an alias in itself', 'services: &a { x: *a }', /contains itself/],
    ['10,000-deep lists', `a: ${'['.repeat(10_000)}${']'.repeat(10_000)}`, /nested too deep/],
    ['10,000-deep mappings', `a: ${'{a: '.repeat(10_000)}x${'}'.repeat(10_000)}`, /nested too deep/],
    ['10,000-deep compact lists', `a:\n  ${'- '.repeat(10_000)}x`, /nested too deep/],
    ['a file of 50 MB', Buffer.alloc(50_000_000, '#'), /47\.7 MiB, more than the limit of 1 MiB/],
    ['an empty file', '', /is empty/],
    ['a file of comments', '# nothing\n', /is empty/],
    ['a list', '- a\n', /not a mapping/],
    ['malformed YAML', 'services: {a: [}\n', /^compose\.yaml:1:/],
    ['tabs', 'services:\n\ta: b\n', /indent with spaces/],
    ['two documents', 'services: {}\n---\nservices: {}\n', /^compose\.yaml:2:\d+: a second YAML document/],
    ['duplicate keys', 'services:\n  a: {image: x}\n  a: {image: y}\n', /^compose\.yaml:3:3: .*unique/],
    ['NUL', 'services:\n  a: "x\u0000"\n', /^compose\.yaml:2:8: the character U\+0000/],
    [
      'a line separator that only Compose takes for a line end',
      'services: {} # \u2028env_file: /etc/shadow\n',
      /U\+2028/,
    ],
    ['a lone carriage return', 'services: {} # \renv_file: /etc/shadow\n', /U\+000D/],
    ['bytes that are not UTF-8', Buffer.from([0x61, 0xff, 0xfe]), /not UTF-8/],
    ['__proto__', 'services:\n  __proto__: {image: x}\n', /__proto__ is not allowed/],
    ['an encoded value', 'services: {a: {env_file: !!binary L2V0Yy9zaGFkb3c=}}', /binary.* is not allowed/],
    ['a YAML directive', '%TAG !! tag:x,2000:\n---\nservices: {}\n', /directives are not allowed/],
  ];
  test.each(cases)(
    '%s',
    async (_name, text, expected) => {
      expect(await problems(text)).toMatch(expected);
    },
    10_000,
  );
});

describe('files that are read outside the project', () => {
  const cases: [name: string, text: string][] = [
    ['env_file', 'services: {a: {image: x, env_file: /etc/shadow}}'],
    ['env_file in a list', 'services: {a: {image: x, env_file: [a.env, ../../etc/shadow]}}'],
    ['env_file, long form', 'services: {a: {image: x, env_file: [{path: /etc/shadow, required: false}]}}'],
    ['env_file behind <<', 'x-a: &a {env_file: /etc/shadow}\nservices: {a: {<<: *a, image: x}}'],
    [
      'env_file behind << in the long form',
      'x-a: &a {path: /etc/shadow}\nservices: {a: {image: x, env_file: [{<<: *a}]}}',
    ],
    ['env_file with an alias as key', 'x-a: &k env_file\nservices: {a: {image: x, *k : /etc/shadow}}'],
    ['env_file with an alias as value', 'x-a: &v /etc/shadow\nservices: {a: {image: x, env_file: *v}}'],
    ['extends', 'services: {a: {extends: {file: ../other.yaml, service: a}}}'],
    ['include', 'include: [../other.yaml]\nservices: {}'],
    ['include, long form', 'include: [{path: [inc.yaml, /etc/x.yaml]}]\nservices: {}'],
    ['include with the environment outside', 'include: [{path: inc.yaml, env_file: /etc/shadow}]\nservices: {}'],
    ['include with the folder outside', 'include: [{path: inc.yaml, project_directory: /etc}]\nservices: {}'],
    ['env_file of an included file', 'include: [sub/inc.yaml]\nservices: {}'],
    ['env_file by a link', 'services: {a: {image: x, env_file: link/shadow}}'],
    ['env_file by a dangling link', 'services: {a: {image: x, env_file: dangling}}'],
  ];
  test.each(cases)('%s', async (_name, text) => {
    await symlink('/etc', join(directory, 'link'));
    await symlink('/nowhere/at/all', join(directory, 'dangling'));
    const found = await problems(text, {
      'inc.yaml': 'services: {}',
      'sub/inc.yaml': 'services: {i: {image: x, env_file: ../../secret.env}}',
    });
    expect(found).toMatch(/leads outside the project directory/);
  });

  test('a path that only Compose can resolve, and a remote one', async () => {
    const found = await problems(
      'include: ["oci://example.com/x", "https://example.com/a.git"]\nservices: {a: {env_file: "${X}"}}',
    );
    expect(found).toMatch(/oci:.* is not a file of the project/);
    expect(found).toMatch(/"\$\{X\}" cannot be checked/);
  });
});

describe('files that are accepted', () => {
  const cases: [name: string, text: string][] = [
    ['BOM and CRLF', '\ufeffservices:\r\n  a:\r\n    image: x\r\n'],
    [
      'anchors and merges',
      'x-a: &a {restart: always}\nservices:\n' +
        Array.from({ length: 400 }, (_, i) => `  s${i}: {<<: *a, image: x}\n`).join(''),
    ],
    ["Compose's own tags", 'services: {a: {image: x, ports: !reset [], env_file: !override [a.env]}}'],
    [
      'env_file of an included file, inside',
      'include: [sub/inc.yaml]\nservices: {a: {extends: {file: sub/base.yaml, service: b}}}',
    ],
    ['extends within one file', 'services: {a: {extends: b}, b: {image: x}}'],
  ];
  test.each(cases)('%s', async (_name, text) => {
    const others = {
      'sub/inc.yaml': 'services: {i: {image: x, env_file: ../a.env}}',
      'sub/base.yaml': 'services: {b: {image: x}}',
    };
    expect(await problems(text, others)).toBe('');
  });

  test('what is included is guarded too', async () => {
    expect(await problems('include: [b.yaml]\nservices: {}', { 'b.yaml': bomb(9) })).toMatch(
      /^b\.yaml:1:1: its aliases/,
    );
  });
});
