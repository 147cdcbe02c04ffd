import * as z from 'zod';
import { serviceSchema, stackSchema, futureKeys } from './schema.ts';
import type { ServiceExtension, StackExtension } from './schema.ts';
import type { Finding, Path } from './locate.ts';
import { nearest } from './nearest.ts';
import type { KeyReaders } from './part-key.ts';

export type Parsed<T> = { value: T; findings: Finding[] } | { value: undefined; findings: Finding[] };

export function parseStackExtension(raw: unknown, readers: KeyReaders): Parsed<StackExtension> {
  return parse(stackSchema(readers), withoutNulls(raw, Object.keys(readers)), ['x-horme']);
}

export function parseServiceExtension(name: string, raw: unknown): Parsed<ServiceExtension> {
  return parse(serviceSchema, raw ?? {}, ['services', name, 'x-horme']);
}

/** `database:` without a value asks for the database with its defaults. */
function withoutNulls(raw: unknown, keys: string[]): unknown {
  if (raw === null || raw === undefined) return {};
  if (typeof raw !== 'object' || Array.isArray(raw)) return raw;
  return Object.fromEntries(
    Object.entries(raw).map(([key, value]) => [key, value === null && keys.includes(key) ? {} : (value as unknown)]),
  );
}

function parse<S extends z.ZodType>(schema: S, raw: unknown, prefix: Path): Parsed<z.output<S>> {
  const result = schema.safeParse(raw);
  if (result.success) return { value: result.data, findings: [] };
  const known = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  const findings = result.error.issues.flatMap((issue) => findingsOf(issue, raw, known, prefix));
  return { value: undefined, findings };
}

type Issue = z.core.$ZodIssue;
type JsonSchema = z.core.JSONSchema.BaseSchema;

function findingsOf(issue: Issue, raw: unknown, known: JsonSchema, prefix: Path): Finding[] {
  const steps = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
  const path = [...prefix, ...steps];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(key, steps, path, known));
    case 'invalid_union':
      return nearestBranch(issue.errors).flatMap((inner) =>
        findingsOf({ ...inner, path: [...issue.path, ...inner.path] }, raw, known, prefix),
      );
    case 'invalid_key':
      return issue.issues.map((inner) => ({ path, ...split(inner.message) }));
    case 'invalid_type':
      return [{ path, ...typeProblem(issue, valueAt(raw, steps)) }];
    case 'invalid_value':
      return [{ path, ...valueProblem(issue.values.map(String), valueAt(raw, steps)) }];
    default:
      return [{ path, ...split(issue.message) }];
  }
}

function unknownKey(key: string, steps: Path, path: Path, known: JsonSchema): Finding {
  const full = [...path, key];
  if (steps.length === 0 && path.length === 1 && futureKeys.includes(key)) {
    return { path: full, message: `${key} is not available in this version yet`, mend: 'take it out until it is' };
  }
  const names = knownKeys(known, steps);
  const near = nearest(key, names);
  const mend = near === undefined ? `known here: ${names.join(', ')}` : `did you mean "${near}"?`;
  return { path: full, message: 'unknown key', mend };
}

function knownKeys(schema: JsonSchema, steps: Path): string[] {
  const branches: JsonSchema[] = schema.anyOf ?? [schema];
  const [step, ...rest] = steps;
  if (step === undefined) return [...new Set(branches.flatMap((branch) => Object.keys(branch.properties ?? {})))];
  const next = branches.flatMap((branch) => {
    const property =
      typeof step === 'number' ? branch.items : (branch.properties?.[step] ?? branch.additionalProperties);
    return typeof property === 'object' && !Array.isArray(property) ? [property] : [];
  });
  return next.flatMap((inner) => knownKeys(inner, rest));
}

/** The branch of the right shape with the fewest mistakes: `{ prt: 1 }` is a route with a wrong key, not a bad list. */
function nearestBranch(branches: Issue[][]): Issue[] {
  const shaped = branches.filter(
    (issues) => !issues.some(({ code, path }) => code === 'invalid_type' && path.length === 0),
  );
  const candidates = shaped.length > 0 ? shaped : branches;
  return candidates.toSorted((a, b) => a.length - b.length)[0] ?? [];
}

const names: Record<string, string> = {
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
  string: 'a text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
};

function typeProblem(issue: { expected: string; message: string }, value: unknown): { message: string; mend: string } {
  if (!issue.message.startsWith('Invalid input')) return split(issue.message);
  const expected = names[issue.expected] ?? issue.expected;
  if (value === undefined) return { message: 'missing', mend: `give ${expected}` };
  return { message: `expected ${expected}, found ${described(value)}`, mend: `write ${expected}` };
}

function valueProblem(values: string[], value: unknown): { message: string; mend: string } {
  if (value === undefined) return { message: 'missing', mend: `write ${values.join(', ')}` };
  const near = typeof value === 'string' ? nearest(value, values) : undefined;
  const mend = near === undefined ? `write ${values.join(', ')}` : `did you mean "${near}"?`;
  return { message: `${described(value)} is not a known value`, mend };
}

function described(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  return JSON.stringify(value).slice(0, 60);
}

function valueAt(raw: unknown, steps: Path): unknown {
  let value = raw;
  for (const step of steps) value = (value as Record<string | number, unknown> | undefined | null)?.[step];
  return value;
}

/** Error texts of the schema are "what is wrong; what to type". */
function split(text: string): { message: string; mend: string } {
  const cut = text.indexOf('; ');
  if (cut < 0) return { message: text.charAt(0).toLowerCase() + text.slice(1), mend: '' };
  return { message: text.slice(0, cut), mend: text.slice(cut + 2) };
}
