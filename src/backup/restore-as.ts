import { dataFolder, socketFolder } from '../database/names.ts';
import { ask, primaryMember } from '../database/psql.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import type { ReleaseContent } from '../release/release.ts';
import type { Session } from '../session.ts';
import type { History } from './agent-types.ts';
import { versionWords } from './history.ts';
import { backupService } from './names.ts';
import { askOnce } from './one-off.ts';
import { memberMounts, restoreIn, type Restored } from './restore.ts';
import type { RestoreTarget } from './target.ts';

/** Where the data is read in. */
const filling = 'horme_restoring';
const namePattern = /^[a-z_][a-z0-9_]{0,62}$/;

/** Beside production, on the same server: to look at, or to take a table from. Production's own database is not touched. */
export async function restoreAsDatabase(
  session: Session,
  content: ReleaseContent,
  target: RestoreTarget,
  history: History,
  name: string,
): Promise<Restored> {
  const { engine, compose, stack, emit } = session;
  if (!namePattern.test(name)) throw notName(name);
  const primary = await primaryMember(engine, stack.project);
  const taken = await ask(engine, primary.container, `SELECT count(*) FROM pg_database WHERE datname = '${name}'`);
  if (taken !== '0') throw exists(name);
  const restored = await restoreIn(session, content, target, history, primary.service);
  const say = (text: string) => emit({ kind: 'note', text });
  const words = ['dump', '--member', primary.service, ...versionWords(history, content.database?.version)];
  const dumped = await askOnce<{ file: string }>(
    { compose, project: stack.project },
    content,
    { service: backupService, mounts: memberMounts([primary.service]), words },
    say,
  );
  say(`${name} is filled on ${primary.service}`);
  await fill(session, primary.container, name, `${dataFolder}/${dumped.file}`);
  return restored;
}

/** Under another name until it is whole: who sees the name has all of the data. One that a killed run left is dropped first. */
async function fill({ engine }: Session, container: string, name: string, file: string): Promise<void> {
  const place = [`--host=${socketFolder}`, '--username=postgres'];
  try {
    await ask(engine, container, `DROP DATABASE IF EXISTS ${filling} WITH (FORCE)`);
    await ask(engine, container, `CREATE DATABASE ${filling} OWNER owner`);
    const words = ['pg_restore', ...place, `--dbname=${filling}`, '--exit-on-error', file];
    const { exitCode, output } = await engine.exec(container, words);
    if (exitCode === 0) await ask(engine, container, `ALTER DATABASE ${filling} RENAME TO "${name}"`);
    else {
      await ask(engine, container, `DROP DATABASE ${filling}`);
      throw notRead(name, output);
    }
  } finally {
    await engine.exec(container, ['rm', '-f', file]);
  }
}

const notRead = (name: string, output: string) =>
  new OperatorError(`the restored data could not be read into ${name}`, {
    code: 'restore-as-failed',
    exitCode: exitCodes.checkFailed,
    lastSeen: output.trim().slice(-2000),
    next: 'horme db psql',
  });

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
