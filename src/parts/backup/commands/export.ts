import { databaseName, databaseOf, primaryMember, socketFolder } from '../../database/index.ts';
import { existsSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { run as runProgram } from '../../../engine/process.ts';
import { OperatorError, exitCodes } from '../../../errors.ts';
import { openSession } from '../../../command/session.ts';
import type { Session } from '../../../deploy/session.ts';
import type { CommandContext } from '../../../command/context.ts';

/** A large database takes hours; seconds. */
const dumpSeconds = 24 * 3600;

/** Writes a logical dump in pg_dump's custom format, which other versions of Postgres can read. */
export async function run(context: CommandContext): Promise<void> {
  const session = await openSession(context);
  databaseOf(session);
  const { stack } = session;
  const name = `${databaseName(stack)}-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.dump`;
  const file = resolve(context.arguments[0] ?? name);
  if (existsSync(file)) throw exists(file);
  const partial = `${file}.partial`;
  await rm(partial, { force: true });
  // Readable by the owner alone: it contains the whole database.
  await writeFile(partial, '', { mode: 0o600, flag: 'wx' });
  await dump(session, partial);
  await rename(partial, file);
  context.print(`${file}\nread it with: pg_restore --dbname=NAME ${file}`);
  context.result({ schema: 'horme.export/1', project: stack.project, file });
}

/** An interrupted dump never gets the final name. */
async function dump({ engine, stack, connection, signal }: Session, file: string): Promise<void> {
  const { container } = await primaryMember(engine, stack.project);
  const place = [`--host=${socketFolder}`, '--username=postgres', `--dbname=${databaseName(stack)}`];
  const { exitCode, stderr } = await runProgram(
    ['docker', 'exec', container, 'pg_dump', '--format=custom', '--compress=zstd', ...place],
    { env: { ...process.env, ...connection.environment }, deadlineSeconds: dumpSeconds, signal, outputFile: file },
  );
  if (exitCode === 0) return;
  await rm(file, { force: true });
  throw new OperatorError(`the database ${databaseName(stack)} could not be exported`, {
    code: 'export-failed',
    exitCode: exitCodes.checkFailed,
    lastSeen: stderr.trim(),
    next: 'horme db status',
  });
}

const exists = (file: string) =>
  new OperatorError(`${file} is there already`, {
    code: 'file-exists',
    exitCode: exitCodes.usage,
    next: 'another name: horme backup export FILE',
  });
