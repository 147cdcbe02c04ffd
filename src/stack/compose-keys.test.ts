import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { composeKeys } from './compose-keys.ts';
import { refusedKeys, toldKeys } from './key-findings.ts';

type Node = Record<string, unknown> & { $ref?: string; properties?: Record<string, Node>; items?: Node };

const schema = JSON.parse(
  readFileSync(new URL('../../test/compose-spec/compose-spec.json', import.meta.url), 'utf8'),
) as Node;

function resolved(node: Node): Node {
  if (node.$ref === undefined) return node;
  const steps = node.$ref.split('/').slice(1);
  return resolved(steps.reduce<Node>((inner, step) => inner[step] as Node, schema));
}

/** Every mapping that the schema knows, by its path, with its keys. */
function sectionsOf(start: Node): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  const walk = (given: Node, path: string[], open: Node[]): void => {
    const node = resolved(given);
    if (open.includes(node)) return;
    const inside = [...open, node];
    for (const list of ['oneOf', 'anyOf', 'allOf'])
      for (const one of (node[list] ?? []) as Node[]) walk(one, path, inside);
    for (const [key, inner] of Object.entries(node.properties ?? {})) {
      const place = path.join('.');
      found.set(place, (found.get(place) ?? new Set()).add(key));
      walk(inner, [...path, key], inside);
    }
    const patterns = Object.entries((node['patternProperties'] ?? {}) as Record<string, Node>);
    for (const [pattern, inner] of patterns) if (pattern !== '^x-') walk(inner, [...path, '*'], inside);
    if (typeof node['additionalProperties'] === 'object')
      walk(node['additionalProperties'] as Node, [...path, '*'], inside);
    if (node.items) walk(node.items, [...path, '[]'], inside);
  };
  walk(start, [], []);
  return found;
}

const specification = sectionsOf(schema);
const table = new Map(composeKeys.map(({ path, keys }) => [path, keys]));
/** Keys that are handled like their parent: `logging.options` like `logging`. */
const isCovered = (path: string): boolean => {
  const steps = path.split('.');
  return steps.some((step, index) => {
    const above = table.get(steps.slice(0, index).join('.'));
    return above !== undefined && step in above && above[step]?.text !== 'below';
  });
};

test('the table has each key of the Compose Specification', () => {
  const missing = [...specification].flatMap(([path, keys]) => {
    const known = table.get(path);
    if (!known) return isCovered(path) || hasSectionsBelow(path) ? [] : [path];
    return [...keys].filter((key) => !(key in known)).map((key) => `${path}.${key}`);
  });
  expect(missing).toEqual([]);
});

/** `deploy.resources` has nothing of its own but two sections. */
const hasSectionsBelow = (path: string) =>
  [...(specification.get(path) ?? [])].every((key) => table.has(`${path}.${key}`));

test('the table has no key that the Compose Specification lacks', () => {
  const surplus = composeKeys.flatMap(({ path, keys }) =>
    Object.keys(keys)
      .filter((key) => !specification.get(path)?.has(key))
      .map((key) => `${path}.${key}`),
  );
  expect(surplus).toEqual([]);
});

/** A document with this one value at a path of the table. */
const documentWith = (path: string, key: string, value: unknown): unknown =>
  [...(path === '' ? [] : path.split('.')), key].reduceRight<unknown>((inner, step) => {
    if (step === '[]') return [inner];
    return { [step === '*' ? 'one' : step]: inner };
  }, value);

const rows = composeKeys.flatMap(({ path, keys }) =>
  Object.entries(keys).map(([key, handling]) => ({ path, key, handling })),
);

test.each(rows.filter(({ handling }) => handling.kind === 'refused'))(
  '$path.$key is refused, with its mend',
  ({ path, key, handling }) => {
    const value = key === 'mode' ? 'global-job' : { x: 1 };
    const [finding, ...others] = refusedKeys(documentWith(path, key, value));
    expect([finding?.path.at(-1), finding?.mend, others]).toEqual([key, handling.text, []]);
    expect(refusedKeys(documentWith(path, key, {}))).toEqual([]);
  },
);

test.each(rows.filter(({ handling }) => handling.kind === 'told'))('$path.$key is told', ({ path, key, handling }) => {
  const [warning, ...others] = toldKeys(documentWith(path, key, key === 'restart' ? true : { x: 1 }));
  expect(warning).toContain(handling.text);
  expect(others).toEqual([]);
});

test('what the file says in its usual forms is neither refused nor told', () => {
  const usual = {
    services: { a: { deploy: { mode: 'global', placement: {}, update_config: { failure_action: 'rollback' } } } },
  };
  expect([refusedKeys(usual), toldKeys(usual)]).toEqual([[], []]);
});
