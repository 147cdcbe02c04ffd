import * as z from 'zod';
import type { Finding } from '../../stack/locate.ts';
import { keyReader } from '../../stack/part-key.ts';
import { parameterPattern } from '../../stack/patterns.ts';
import { duration, memory } from '../../stack/values.ts';
import type { DatabaseOptions } from './options.ts';
import { reservedParameters } from './settings.ts';

export const databaseKey = keyReader({
  schema: z
    .strictObject({
      version: z
        .union([z.literal(17), z.literal(18)], { error: 'not a version that Horme has; give 17 or 18' })
        .prefault(17)
        .describe('Major version of PostgreSQL. An existing database changes to a newer one by `horme db upgrade`.'),
      memory: memory.prefault('512m').describe('Memory limit of each member; the settings of Postgres follow from it.'),
      replicas: z
        .int()
        .min(0)
        .max(4)
        .prefault(0)
        .describe('Replicas beside the primary, with failover by Patroni. `0`: one Postgres, no failover.'),
      durability: z
        .enum(['async', 'zero-loss'])
        .prefault('async')
        .describe(
          'When a commit is acknowledged. `async`: when the primary has it; a failover may lose the last ones. `zero-loss`: when a replica has it too.',
        ),
      failover: z
        .enum(['normal', 'fast'])
        .prefault('normal')
        .describe(
          'How soon a primary that went silent is replaced: after 30 s, or 20 s with `fast`, which wants a steady disk and network.',
        ),
      pooler: z
        .boolean()
        .prefault(false)
        .describe('PgBouncer in transaction mode before the primary, for applications with many connections.'),
      parameters: z
        .record(
          z.string().regex(parameterPattern, { error: 'not the name of a PostgreSQL parameter' }),
          z.union([
            z.string().regex(/^[^\0\n\r]{0,1000}$/, { error: 'not a value; write it on one line' }),
            z.number(),
            z.boolean(),
          ]),
        )
        .prefault({})
        .describe('Settings of PostgreSQL; they win over those that follow from the memory.'),
      migrations: z
        .strictObject({
          lockTimeout: duration
            .prefault('5s')
            .describe('How long a statement of a migration may wait for a lock; all queries behind it wait too.'),
          statementTimeout: duration.prefault('15m').describe('How long one statement of a migration may take.'),
        })
        .prefault({})
        .describe('Limits of what `migrate` does in the database.'),
    })
    .optional()
    .describe(
      'A PostgreSQL database. Services that mention `${DATABASE_URL}` (the primary) or `${DATABASE_REPLICA_URL}` (a replica for reads) in their environment get its address.',
    ),
  options(written, { has }) {
    if (written === undefined) return { value: undefined, findings: [] };
    const { memory: memoryBytes, migrations, parameters, ...rest } = written;
    const options: DatabaseOptions = {
      ...rest,
      memoryBytes,
      archived: has('backup'),
      parameters: Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, inWords(value)])),
      migrations: { lockTimeoutSeconds: migrations.lockTimeout, statementTimeoutSeconds: migrations.statementTimeout },
    };
    return { value: options, findings: findingsOf(options) };
  },
});

const inWords = (value: string | number | boolean) =>
  typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value);

const place = ['x-horme', 'database'];

function findingsOf(database: DatabaseOptions): Finding[] {
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
