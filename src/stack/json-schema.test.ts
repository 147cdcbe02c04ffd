import { expect, test } from 'vitest';
import { parts } from '../parts/index.ts';
import { loadKeys } from './part-key.ts';
import { jsonSchema, referencePage } from './json-schema.ts';

type Node = {
  description?: string;
  properties?: Record<string, Node>;
  anyOf?: Node[];
  items?: Node;
  additionalProperties?: Node | boolean;
};

/** Keys without a description, by path. */
function undescribed(node: Node, path: string): string[] {
  const own = Object.entries(node.properties ?? {}).flatMap(([key, value]) => [
    ...(value.description === undefined ? [`${path}.${key}`] : []),
    ...undescribed(value, `${path}.${key}`),
  ]);
  const inner = [...(node.anyOf ?? []), ...(node.items ? [node.items] : [])];
  if (typeof node.additionalProperties === 'object') inner.push(node.additionalProperties);
  return [...own, ...inner.flatMap((value) => undescribed(value, path))];
}

test('every key has a description', async () => {
  const { properties } = jsonSchema(await loadKeys(parts)) as {
    properties: { 'x-horme': Node; services: { additionalProperties: Node } };
  };
  const service = properties.services.additionalProperties.properties?.['x-horme'];
  expect(undescribed(properties['x-horme'], 'x-horme')).toEqual([]);
  expect(undescribed(service ?? {}, 'service')).toEqual([]);
});

test('the reference page has a row for a key, its default and the keys inside', async () => {
  const page = referencePage(await loadKeys(parts));
  expect(page).toContain('| `deploy.drain` | string | `30s` |');
  expect(page).toContain('| `route.port` | integer | required |');
  expect(page).toContain('| `environments.<name>.domain` |');
  expect(page).toContain('| `allow[].mount` |');
});
