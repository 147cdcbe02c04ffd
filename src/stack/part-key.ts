import type * as z from 'zod';
import type { ComposeModel } from '../engine/compose-model.ts';
import type { Finding } from './locate.ts';

/** What a part adds to the user's file: a key of `x-horme` with the part's own name, and variables that services may mention. */
export interface PartKey {
  variables?: readonly PartVariable[];
  /** Called while Compose reads the files: to make a schema takes longer than to check a file by it. */
  load(): Promise<KeyReader>;
}

/** A value that is secret until the release is made. While Compose interpolates, the sentinel stands for it. */
export interface PartVariable {
  /** As the file mentions it, such as `DATABASE_URL`. */
  name: string;
  sentinel: string;
  /** What a template carries in its place. */
  placeholder: string;
}

export interface KeyReader {
  /** Validation, the editor's JSON Schema and the reference page come from it; its own description is a row of that page. */
  schema: z.ZodType;
  /** From what was written, undefined without the key, to the part's options; undefined: the part is not wanted. */
  options(written: unknown, around: Around): Built<unknown> | Promise<Built<unknown>>;
}

export interface Around {
  directory: string;
  model: ComposeModel;
  /** Of whoever deploys: they may hold a bucket's keys, by the names that all tools know. */
  variables: NodeJS.ProcessEnv;
  /** Whether `x-horme` has this key too. */
  has(key: string): boolean;
}

export interface Built<T> {
  value: T;
  findings: Finding[];
}

interface TypedReader<S extends z.ZodType, T> {
  schema: S;
  options(written: z.output<S>, around: Around): Built<T> | Promise<Built<T>>;
}

/** Types `written` by the schema that has read it. */
export const keyReader = <S extends z.ZodType, T>({ schema, options }: TypedReader<S, T>): KeyReader => ({
  schema,
  options: (written, around) => options(written as z.output<S>, around),
});

/** Of a part, what reading the file needs. */
export interface StackPart {
  name: string;
  key?: PartKey;
}

/** Keys by the names of their parts, once they are loaded. */
export type KeyReaders = Readonly<Record<string, KeyReader>>;

export async function loadKeys(parts: readonly StackPart[]): Promise<KeyReaders> {
  const readers = parts.flatMap(({ name, key }) => (key ? [key.load().then((reader) => [name, reader] as const)] : []));
  return Object.fromEntries(await Promise.all(readers));
}
