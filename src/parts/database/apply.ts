import { until, type Context } from '../../deploy/context.ts';
import { timedOut } from '../../engine/engine.ts';
import { OperatorError, exitCodes } from '../../errors.ts';
import type { ReleaseContent } from '../../release/release.ts';
import type { SeenMember } from './members.ts';
import { etcdService, patroniFile } from './names.ts';
import { sharedFingerprint } from './plan.ts';
import { primaryMember, runScript } from './psql.ts';
import { retireScript, rolesMark, rolesScript } from './roles.ts';
import { synchronousMembers } from './failover.ts';
import { databaseSecrets, noteDatabase, releasedDatabase } from './sections.ts';

/** A replica becomes synchronous within two rounds of Patroni's loop, which takes at most 10 s each. */
const synchronousSeconds = 60;
/** Patroni's loop takes at most 10 s. */
const settingsSeconds = 30;
/** patronictl waits without end for an etcd that is away; and it takes a second or two where all is well. */
const editSeconds = 20;

/** Patroni keeps them in etcd and tells the members. With `zero-loss` they are shared only once a commit really waits. */
export async function shareSettings(context: Context): Promise<void> {
  const { engine, content } = context;
  const wanted = mustDatabase(content);
  const primary = await primaryMember(engine, content.project);
  await editSettings(context, primary.container, JSON.stringify(wanted.shared));
  if (wanted.zeroLoss && !(await becomesSynchronous(context, primary))) throw notSynchronous();
  await noteDatabase(context.store, { shared: sharedFingerprint(content) });
}

/** Of a cluster that has just begun there are none to edit: Patroni writes them soon after its first member leads. */
async function editSettings({ engine, content, signal }: Context, container: string, settings: string): Promise<void> {
  const edit = [
    'patronictl',
    '-c',
    patroniFile,
    'edit-config',
    '--force',
    '--quiet',
    '--replace',
    '-',
    content.project,
  ];
  let said = '';
  const edited = await until(
    async () => {
      const { exitCode, output } = await engine.exec(container, ['timeout', String(editSeconds), ...edit], {
        input: settings,
        signal,
      });
      said = output.trim();
      if (exitCode === timedOut) throw noEtcd(said);
      if (exitCode !== 0 && !said.includes('config key does not exist')) throw new Error(`patronictl: ${said}`);
      return exitCode === 0;
    },
    { seconds: settingsSeconds, everyMilliseconds: 200, signal },
  );
  if (!edited) throw new Error(`patronictl: ${said}`);
}

function noEtcd(said: string): OperatorError {
  return new OperatorError(
    `etcd does not answer within ${editSeconds} s, so the members can't be told their settings`,
    {
      code: 'database-no-etcd',
      exitCode: exitCodes.rolledBack,
      lastSeen: said.split('\n').at(-1) ?? '',
      next: `horme logs ${etcdService}`,
    },
  );
}

async function becomesSynchronous({ engine, signal }: Context, primary: SeenMember): Promise<boolean> {
  return until(async () => ((await synchronousMembers(engine, primary)) ?? []).length > 0, {
    seconds: synchronousSeconds,
    everyMilliseconds: 200,
    signal,
  });
}

function notSynchronous(): OperatorError {
  return new OperatorError(
    `no replica became synchronous within ${synchronousSeconds} s, so a commit could still be lost`,
    {
      code: 'database-not-synchronous',
      exitCode: exitCodes.rolledBack,
      next: 'horme db status',
    },
  );
}

export async function setRoles(context: Context): Promise<void> {
  const { engine, content, vault } = context;
  const { roles } = mustDatabase(content);
  const primary = await primaryMember(engine, content.project);
  await runScript(engine, primary.container, rolesScript(roles, databaseSecrets(vault)));
  const mark = rolesMark({ ...roles, generation: databaseSecrets(vault).generation });
  await noteDatabase(context.store, { roles: mark, version: mustDatabase(content).version });
}

export async function retireLogins(context: Context): Promise<void> {
  const { engine, content, vault } = context;
  const { generation } = databaseSecrets(vault);
  const primary = await primaryMember(engine, content.project);
  await runScript(engine, primary.container, retireScript(generation));
  await noteDatabase(context.store, { generation });
}

export function mustDatabase(content: ReleaseContent) {
  const database = releasedDatabase(content);
  if (!database) throw new Error('the release has no database');
  return database;
}
