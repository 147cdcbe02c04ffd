import type { Restored } from '../../../agent/backup/contract.ts';
import { damageWords } from '../restore.ts';
import { restoreAsDatabase } from '../restore-as.ts';
import { restoreVolumeAs } from '../restore-volume.ts';
import { newHistory } from '../secrets.ts';
import { swapVolume } from '../swap-volume.ts';
import { typed } from '../target.ts';
import { deploy } from '../../../deploy/deploy.ts';
import { deployDefaults, type DeployResult } from '../../../deploy/options.ts';
import { findStore } from '../../../deploy/state.ts';
import { OperatorError, exitCodes, type ExitCode } from '../../../errors.ts';
import { readLedger, readLive } from '../../../release/ledger.ts';
import type { HeldLock } from '../../../release/lock.ts';
import type { ReleaseContent } from '../../../release/release.ts';
import { openVault } from '../../../release/open-vault.ts';
import { releasedBackup, writeHistory } from '../sections.ts';
import { openSession } from '../../../command/session.ts';
import type { Session } from '../../../deploy/session.ts';
import type { CommandContext } from '../../../command/context.ts';
import { agreed, confirmsEnvironment } from '../../../command/confirm.ts';
import { report } from '../../../command/deploy.ts';
import { lookAt, momentOf, wishOf, type Live } from './restore-look.ts';
import { notDeployed, wantedOf, type Wanted } from './restore-wanted.ts';
import { underLock } from '../../../command/under-lock.ts';
import { withResult } from '../../../command/with-result.ts';

/** The live release, and the lock that keeps it unchanged. */
interface Production extends Live {
  lock: HeldLock;
}

export async function run(context: CommandContext): Promise<ExitCode | void> {
  const session = await openSession(context);
  const wanted = await wantedOf(context, session);
  const { environment, project } = session.stack;
  // Refuses a wrong --confirm before hours of restoring.
  confirmsEnvironment(context, environment.name);
  // The lock is also held during the question, so that what the operator agreed to is what gets swapped in.
  return underLock(context, session, 'restore', async (lock) => {
    const production = { ...(await liveRelease(session)), lock };
    if (wanted.as !== undefined) return besides(context, session, production.live, wanted, wanted.as);
    const found = await lookAt(session, production, wanted);
    context.print(found.lines.join('\n'));
    if (!(await agreed(context, environment.name, `Replace the data of ${project} by this?`)))
      throw unconfirmed(context, session, wanted);
    // The lock is lost if the laptop slept during the question.
    await lock.confirm();
    return swap(context, session, production, wanted, found.restored);
  });
}

async function liveRelease(session: Session): Promise<Live> {
  const store = await findStore(session);
  const live = store && (await readLive(store));
  if (store && live && releasedBackup(live)) return { store, live };
  throw notDeployed(session.stack.project);
}

/** Swaps the volumes first, then the database if it was restored. */
async function swap(
  context: CommandContext,
  session: Session,
  production: Production,
  wanted: Wanted,
  restored: Restored | undefined,
): Promise<ExitCode | void> {
  const stamp = stampOf(new Date());
  const former: string[] = [];
  const { volumes } = wanted;
  for (const name of volumes) {
    refuseInterrupted(session, production);
    const kept = await swapVolume(session, production.live, name, stamp);
    context.print(`the former content of ${name} is in the volume ${kept}: docker volume rm ${kept}`);
    former.push(kept);
  }
  if (!restored) return context.result({ schema: 'horme.restore/1', project: session.stack.project, volumes, former });
  refuseInterrupted(session, production);
  const result = await swapDatabase(session, production, {
    stamp,
    moment: momentOf(wanted, restored).toISOString(),
  });
  if (result.exitCode === exitCodes.done) context.print(formerLine(session));
  return report(withResult(context, { damage: restored.damage ?? [] }), session, result);
}

/** Checked between two steps: an agent finishes its work in spite of the signal, and then the command ends here. */
function refuseInterrupted({ signal }: Session, { lock }: Production): void {
  lock.lost.throwIfAborted();
  if (!signal.aborted) return;
  throw new OperatorError('interrupted; what is not printed as done was not replaced', {
    code: 'interrupted',
    exitCode: exitCodes.interrupted,
    next: 'run the same command again',
  });
}

/** Begins a new history: the present one ends, stays restorable, and is no longer written to. */
async function swapDatabase(
  session: Session,
  { store, live, lock }: Production,
  swap: { stamp: string; moment: string },
): Promise<DeployResult> {
  await writeHistory(store, await openVault(store, session.parts), newHistory(new Date()));
  const entry = (await readLedger(store)).live;
  const options = { ...deployDefaults, kind: 'restore' as const, of: entry?.of, rollbackTo: live, swap };
  return deploy(session, options, lock);
}

const stampOf = (now: Date) => now.toISOString().slice(0, 19).replaceAll(/[:-]/g, '');

const formerLine = ({ stack }: Session) =>
  `the former data of the database is kept: horme db drop-former --confirm ${stack.environment.name}   (when you no longer want it)`;

async function besides(
  context: CommandContext,
  session: Session,
  live: ReleaseContent,
  wanted: Wanted,
  name: string,
): Promise<void> {
  const { project } = session.stack;
  const { snapshot, database, volumes } = wanted;
  if (database) {
    const wish = await wishOf(session, live, wanted, 'beside');
    const restored = await restoreAsDatabase(session, live, wish, name);
    context.print(`the database ${name} has the data of ${restored.newestTransactionAt}: horme db psql -- ${name}`);
    context.result({ schema: 'horme.restore/1', project, database: name, ...restored });
    return;
  }
  const [volume = ''] = volumes;
  await restoreVolumeAs(session, live, volume, snapshot, name);
  context.print(`the volume ${project}_${name} has the content of ${volume}`);
  context.result({ schema: 'horme.restore/1', project, volume: `${project}_${name}` });
}

function unconfirmed({ flags }: CommandContext, { stack }: Session, { target, acceptsDamage }: Wanted): OperatorError {
  const only =
    flags.onlyDatabase === true
      ? ' --only-database'
      : typeof flags.volume === 'string'
        ? ` --volume ${flags.volume}`
        : '';
  const own = [`horme restore ${typed(target)}${only}`, ...damageWords(acceptsDamage)];
  const words = [...own, `--confirm ${stack.environment.name}`];
  return new OperatorError(`nothing was changed: this replaces data of ${stack.project}`, {
    code: 'confirmation',
    exitCode: exitCodes.usage,
    next: `${words.join(' ')}   (what was restored beside is used)`,
  });
}
