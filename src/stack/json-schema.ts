import * as z from 'zod';
import type { KeyReaders } from './part-key.ts';
import { serviceSchema, stackSchema } from './schema.ts';

type JsonSchema = z.core.JSONSchema.BaseSchema;

/** JSON Schema for editors: a Compose file, including `x-horme`. */
export function jsonSchema(readers: KeyReaders): Record<string, unknown> {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Compose file with x-horme',
    allOf: [{ $ref: 'https://raw.githubusercontent.com/compose-spec/compose-spec/main/schema/compose-spec.json' }],
    type: 'object',
    properties: {
      'x-horme': part(stackSchema(readers)),
      services: {
        type: 'object',
        additionalProperties: { type: 'object', properties: { 'x-horme': part(serviceSchema) } },
      },
    },
  };
}

function part(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return rest;
}

/** The reference page, in Markdown. */
export function referencePage(readers: KeyReaders): string {
  return [
    '# Reference: x-horme',
    '',
    'Generated from `src/stack/schema.ts` and each part’s `key.ts`. Durations are written as in Compose (`30s`, `1m30s`), sizes as in Docker (`512m`, `2g`).',
    'Keys that are not listed here are errors.',
    '',
    ...section('## For the application: `x-horme`', part(stackSchema(readers))),
    ...section('## For a service: `services.<name>.x-horme`', part(serviceSchema)),
  ].join('\n');
}

function section(title: string, schema: JsonSchema): string[] {
  const table = ['| key | type | default | |', '|---|---|---|---|', ...rows(schema, '')];
  return [title, '', schema.description ?? '', '', ...table, ''];
}

function rows(schema: JsonSchema, prefix: string): string[] {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    if (typeof value === 'boolean') return [];
    const path = `${prefix}${key}`;
    const fallback = required.has(key) ? 'required' : defaultOf(value);
    const row = `| \`${path}\` | ${typeOf(value)} | ${fallback} | ${cell(value.description ?? '')} |`;
    return [row, ...inner(value, path)];
  });
}

function inner(schema: JsonSchema, path: string): string[] {
  const { additionalProperties: values, items, anyOf } = schema;
  const own = schema.properties === undefined ? [] : rows(schema, `${path}.`);
  const named = typeof values === 'object' ? rows(values, `${path}.<name>.`) : [];
  const listed = typeof items === 'object' && !Array.isArray(items) ? inner(items, `${path}[]`) : [];
  // A list of the same mapping would only repeat the mapping's rows.
  const branches = (anyOf ?? []).filter((branch) => branch.type !== 'array').flatMap((branch) => inner(branch, path));
  return [...own, ...named, ...listed, ...new Set(branches)];
}

function typeOf(schema: JsonSchema): string {
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeOf))].join(' or ');
  if (schema.type === 'array') return 'list';
  if (schema.type === 'object') return 'mapping';
  return String(schema.type ?? 'any');
}

function defaultOf(schema: JsonSchema): string {
  const value: unknown = schema.default;
  return value === undefined || typeof value === 'object' ? '' : `\`${JSON.stringify(value).replaceAll('"', '')}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
