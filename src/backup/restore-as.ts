import { dataFolder } from '../database/names.ts';
import { ask, primaryMember } from '../database/psql.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import type { ReleaseContent } from '../release/release.ts';
import type { Session } from '../session.ts';
import { backupService } from './names.ts';
import { askOnce } from './one-off.ts';
import { memberMounts, restoreIn, type Restored, type RestoreTarget } from './restore.ts';

const namePattern = /^[a-z_][a-z0-9_]{0,62}$/;

/** Beside production, on the same server: to look at, or to take a table from. Production's own database is not touched. */
export async function restoreAsDatabase(
  session: Session,
  content: ReleaseContent,
  target: RestoreTarget,
  stanza: string,
  name: string,
): Promise<Restored> {
  const { engine, compose, stack, emit } = session;
  if (!namePattern.test(name)) throw notName(name);
  const primary = await primaryMember(engine, stack.project);
  const taken = await ask(engine, primary.container, `SELECT count(*) FROM pg_database WHERE datname = '${name}'`);
  if (taken !== '0') throw exists(name);
  const restored = await restoreIn(session, content, target, stanza, primary.service);
  const say = (text: string) => emit({ kind: 'note', text });
  const dumped = await askOnce<{ file: string }>(
    { compose, project: stack.project },
    content,
    { service: backupService, mounts: memberMounts([primary.service]), words: ['dump', '--member', primary.service] },
    say,
  );
  say(`${name} is filled on ${primary.service}`);
  await fill(session, primary.container, name, `${dataFolder}/${dumped.file}`);
  return restored;
}

async function fill({ engine }: Session, container: string, name: string, file: string): Promise<void> {
  const place = ['--host=/run/postgresql', '--username=postgres'];
  await ask(engine, container, `CREATE DATABASE ${name} OWNER owner`);
  const { exitCode, output } = await engine.exec(container, [
    'pg_restore',
    ...place,
    `--dbname=${name}`,
    '--exit-on-error',
    file,
  ]);
  await engine.exec(container, ['rm', '-f', file]);
  if (exitCode === 0) return;
  await ask(engine, container, `DROP DATABASE ${name}`);
  throw new OperatorError(`the restored data could not be read into ${name}`, {
    code: 'restore-as-failed',
    exitCode: exitCodes.checkFailed,
    lastSeen: output.trim().slice(-2000),
    next: 'horme db psql',
  });
}

const notName = (name: string) =>
  new OperatorError(`"${name}" is not a name for a database`, {
    code: 'database-name',
    exitCode: exitCodes.usage,
    next: 'lower-case letters, digits and _, such as --as yesterday',
  });

const exists = (name: string) =>
  new OperatorError(`there is a database ${name} already`, {
    code: 'database-exists',
    exitCode: exitCodes.usage,
    next: 'another name, or drop it: horme db psql',
  });
