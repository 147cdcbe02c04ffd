import { reservedParameters } from '../parts/database/settings.ts';
import type { Finding } from './locate.ts';
import type { StackExtension } from './schema.ts';
import type { CacheOptions, DatabaseOptions } from './stack.ts';

const place = ['x-horme', 'database'];

export function databaseOptions(extension: StackExtension['database'], archived: boolean): DatabaseOptions | undefined {
  if (extension === undefined) return undefined;
  const { memory, migrations, parameters, ...rest } = extension;
  return {
    ...rest,
    memoryBytes: memory,
    archived,
    parameters: Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, written(value)])),
    migrations: { lockTimeoutSeconds: migrations.lockTimeout, statementTimeoutSeconds: migrations.statementTimeout },
  };
}

const written = (value: string | number | boolean) =>
  typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value);

export function cacheOptions(extension: StackExtension['cache']): CacheOptions | undefined {
  if (extension === undefined) return undefined;
  const { memory, ...rest } = extension;
  return { memoryBytes: memory, ...rest };
}

export function databaseFindings(database: DatabaseOptions | undefined): Finding[] {
  if (database === undefined) return [];
  const reserved = Object.keys(database.parameters)
    .filter((name) => reservedParameters.has(name))
    .map((name): Finding => ({
      path: [...place, 'parameters', name],
      message: `${name} is set by Horme, and the cluster would not work with another value`,
      mend: 'take it out',
    }));
  if (database.durability === 'async' || database.replicas > 0) return reserved;
  const alone: Finding = {
    path: [...place, 'durability'],
    message: 'zero-loss needs a replica that has each commit before it is acknowledged',
    mend: 'set `replicas: 1`, or leave out `durability`',
  };
  return [...reserved, alone];
}
