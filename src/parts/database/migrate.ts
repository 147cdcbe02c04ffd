import { numbered, serviceOf, type Context } from '../../deploy/context.ts';
import { OperatorError, exitCodes } from '../../errors.ts';
import { noteMigrating } from '../../release/begun.ts';
import { secretsFolder } from '../../release/vault.ts';
import { primaryMember, PsqlSession } from './psql.ts';

/** Any number, as long as only migrations ask for it. */
const advisoryLock = 7_406_000;
const lockSeconds = 60;

/**
 * Runs a service's migration once, in the new image, as the owner of the schema. Whoever else migrates by Horme waits for the
 * advisory lock, and what was there before can be found again by the restore point.
 */
export async function migrate(context: Context, id: string, name: string): Promise<void> {
  const service = serviceOf(context, name);
  const guard = service.migrationVolume === undefined ? undefined : await guarded(context, id);
  await noteMigrating(context.store, name, service.migrationFiles);
  if (!context.migrated.includes(name)) context.migrated.push(name);
  try {
    await run(context, name, service.migrate ?? []);
  } finally {
    guard?.close();
  }
}

async function guarded({ engine, content, releaseNumber, emit, signal }: Context, id: string): Promise<PsqlSession> {
  const database = content.database?.roles.database ?? '';
  const point = `${content.project}-before-release-${releaseNumber}`;
  const session = await PsqlSession.open(engine, (await primaryMember(engine, content.project)).container, database);
  try {
    await session.run(`SET lock_timeout = '${lockSeconds}s'; SELECT pg_advisory_lock(${advisoryLock});`, signal);
    await session.run(`SELECT pg_create_restore_point('${point}');`, signal);
  } catch (cause) {
    session.close();
    throw new OperatorError(`another migration holds the database's lock, or it could not be asked for`, {
      code: 'migration-lock',
      exitCode: exitCodes.rolledBack,
      lastSeen: cause instanceof Error ? cause.message : String(cause),
      next: 'horme db psql   (pg_locks shows who), then: horme deploy',
      cause,
    });
  }
  emit({ kind: 'step-progress', id, detail: `restore point ${point}` });
  return session;
}

async function run(context: Context, name: string, command: string[]): Promise<void> {
  const lines: string[] = [];
  const exitCode = await context.compose.runOnce(asOwner(context, name), name, command, (line) => {
    lines.push(line);
    context.emit({ kind: 'log', source: name, line });
  });
  if (exitCode === 0) return;
  throw new OperatorError(`the migration of ${name} ended with exit code ${exitCode}; nothing was switched`, {
    code: 'migration-failed',
    exitCode: exitCodes.rolledBack,
    lastSeen: lines.slice(-20).join('\n'),
    next: `mend the migration, then: horme deploy`,
  });
}

/** The same service with the owner's secrets in place of the application's. */
function asOwner(context: Context, name: string): Context['content']['compose'] {
  const model = numbered(context);
  const definition = model.services[name];
  const { migrationVolume } = serviceOf(context, name);
  if (!definition || migrationVolume === undefined) return model;
  const own = definition.volumes?.find(({ target }) => target === secretsFolder)?.source;
  const volumes = (definition.volumes ?? []).map((mount) =>
    mount.source === own ? { ...mount, source: migrationVolume } : mount,
  );
  return { ...model, services: { ...model.services, [name]: { ...definition, volumes } } };
}
