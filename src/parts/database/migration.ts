import type { Context } from '../../deploy/context.ts';
import { OperatorError, exitCodes } from '../../errors.ts';
import { primaryMember, PsqlSession } from './psql.ts';
import { releasedDatabase } from './sections.ts';

/** Any number, as long as only migrations ask for it. */
const advisoryLock = 7_406_000;
const lockSeconds = 60;

/** Whoever else migrates by Horme waits for the advisory lock, and what was there before can be found again by the restore point. */
export async function guardMigration(
  { engine, content, releaseNumber, emit, signal }: Context,
  id: string,
): Promise<PsqlSession> {
  const database = releasedDatabase(content)?.roles.database ?? '';
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
