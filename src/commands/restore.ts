import type { ListAnswer, SnapshotsAnswer } from '../backup/agent-types.ts';
import { historyOf, type Use } from '../backup/history.ts';
import { backupService, filesService } from '../backup/names.ts';
import {
  archiveEverything,
  damageWords,
  differences,
  restoreBeside,
  tablesNow,
  type Restored,
  type RestoreWish,
} from '../backup/restore.ts';
import { restoreAsDatabase } from '../backup/restore-as.ts';
import { differenceLines, restoreVolumeAs, swapVolume, volumeDifferences } from '../backup/restore-volume.ts';
import { newHistory } from '../backup/secrets.ts';
import { refuseMissing } from '../backup/snapshots.ts';
import { typed, type RestoreTarget } from '../backup/target.ts';
import { databaseName } from '../database/names.ts';
import { deploy } from '../deploy/deploy.ts';
import { deployDefaults, type DeployResult } from '../deploy/options.ts';
import { OperatorError, exitCodes, type ExitCode } from '../errors.ts';
import { bytes, duration } from '../output/format.ts';
import { migratedAfter, readLedger, readLive } from '../release/ledger.ts';
import type { HeldLock } from '../release/lock.ts';
import type { ReleaseContent } from '../release/release.ts';
import { noteApplied, readApplied } from '../release/settings.ts';
import { Store } from '../release/store.ts';
import { openVault, writeHistory } from '../release/vault.ts';
import { openSession, type Session } from '../session.ts';
import { ask } from './backup/agents.ts';
import type { CommandContext } from './command.ts';
import { confirmedByName } from './confirm.ts';
import { report } from './deploy.ts';
import { notDeployed, wantedOf, type Wanted } from './restore-wanted.ts';
import { underLock } from './under-lock.ts';
import { withResult } from './with-result.ts';

/** What runs, and the lock that keeps it as it is. */
interface Production {
  store: Store;
  live: ReleaseContent;
  lock: HeldLock;
}

export async function run(context: CommandContext): Promise<ExitCode | void> {
  const session = await openSession(context);
  const wanted = await wantedOf(context, session);
  // Also while it asks: what was looked at and agreed to is what is taken into use.
  return underLock(context, session, 'restore', async (lock) => {
    const { store, live } = await liveRelease(session);
    if (wanted.as !== undefined) return besides(context, session, live, wanted, wanted.as);
    const found = await lookAt(session, live, wanted);
    const later = found.restored ? await migratedSince(store, wanted.target, found.restored) : [];
    context.print([...found.lines, ...migrationLines(later)].join('\n'));
    if (!(await agreed(context, session))) throw unconfirmed(context, session, wanted);
    // A laptop that slept over the question has lost it.
    await lock.confirm();
    return swap(context, session, { store, live, lock }, wanted, found.restored, later);
  });
}

/** The newest data lacks what a restore before this one has taken from it. */
async function migratedSince(
  store: Store,
  target: RestoreTarget,
  { newestTransactionAt }: Restored,
): Promise<number[]> {
  if (target.kind === 'latest') return (await readApplied(store)).migrationsDue;
  const at = target.kind === 'time' ? target.at : new Date(newestTransactionAt);
  return migratedAfter(await readLedger(store), at);
}

const migrationLines = (later: number[]): string[] =>
  later.length === 0
    ? []
    : [
        `  the migrations of release ${later.join(', ')} ran later: their schema goes with the data.`,
        '  Afterwards: horme rollback, to a release of before them; or horme deploy, which runs them again',
      ];

async function liveRelease({ engine, stack }: Session): Promise<{ store: Store; live: ReleaseContent }> {
  const store = await Store.find(engine, stack.project);
  const live = store && (await readLive(store));
  if (store && live?.backup) return { store, live };
  throw notDeployed(stack.project);
}

/** Everything is restored beside production and checked; production goes on. */
async function lookAt(
  session: Session,
  live: ReleaseContent,
  wanted: Wanted,
): Promise<{ restored: Restored | undefined; lines: string[] }> {
  const { snapshot, database, volumes } = wanted;
  const lines: string[] = [];
  if (volumes.length > 0) await lookForSnapshots(session, wanted);
  const restored = database
    ? await restoreBeside(session, live, await wishOf(session, live, wanted, 'in place'))
    : undefined;
  if (restored) {
    const { engine, stack } = session;
    const now = await tablesNow(engine, stack.project, databaseName(stack));
    lines.push(
      restoredLine(restored),
      ...(restored.missing ?? []).map((what) => `  missing: ${what}`),
      ...differences(now, restored.tables).map((line) => `  ${line}`),
    );
  }
  for (const name of volumes) lines.push(differenceLines(name, await volumeDifferences(session, live, name, snapshot)));
  return { restored, lines };
}

async function lookForSnapshots(session: Session, { target, snapshot, database, volumes }: Wanted): Promise<void> {
  const seen = await ask<SnapshotsAnswer>(session, filesService, ['list']);
  refuseMissing(
    volumes,
    snapshot,
    seen,
    database ? `horme restore ${typed(target)} --only-database` : 'horme backup list',
  );
}

async function wishOf(
  session: Session,
  live: ReleaseContent,
  { target, acceptsDamage }: Wanted,
  use: Use,
): Promise<RestoreWish> {
  await archiveEverything(session);
  const list = await ask<ListAnswer>(session, backupService, ['list']);
  return { target, history: historyOf(target, list, live.database?.version, use), acceptsDamage };
}

function restoredLine({ label, repository, newestTransactionAt, bytes: size, seconds }: Restored): string {
  const took = seconds.restore + seconds.replay + seconds.check;
  return `restored and checked beside production in ${duration(took)}: backup ${label} of repository ${repository}, ${bytes(size)}, newest transaction ${newestTransactionAt}`;
}

async function agreed(context: CommandContext, { stack }: Session): Promise<boolean> {
  const { name } = stack.environment;
  if (context.flags.confirm !== undefined) return context.flags.confirm === name;
  return confirmedByName(context, `Replace the data of ${stack.project} by this?`, name);
}

/** Volumes first: where the database is not to be swapped, they are all. */
async function swap(
  context: CommandContext,
  session: Session,
  production: Production,
  { volumes }: Wanted,
  restored: Restored | undefined,
  migrationsDue: number[],
): Promise<ExitCode | void> {
  const stamp = stampOf(new Date());
  const former: string[] = [];
  for (const name of volumes) {
    refuseInterrupted(session, production);
    former.push(await swapVolume(session, production.live, name, stamp));
  }
  for (const name of former) context.print(`the former content is in the volume ${name}: docker volume rm ${name}`);
  if (!restored) return context.result({ schema: 'horme.restore/1', project: session.stack.project, volumes, former });
  refuseInterrupted(session, production);
  await noteApplied(production.store, { migrationsDue });
  const result = await swapDatabase(session, production, stamp);
  if (result.exitCode === exitCodes.done) context.print(formerLine(session));
  return report(withResult(context, { damage: restored.damage ?? [] }), session, result);
}

/** What runs to its end whatever the signal says, as an agent does, ends with the next look at it. */
function refuseInterrupted({ signal }: Session, { lock }: Production): void {
  lock.lost.throwIfAborted();
  if (!signal.aborted) return;
  throw new OperatorError('interrupted; what is not printed as done was not replaced', {
    code: 'interrupted',
    exitCode: exitCodes.interrupted,
    next: 'the same command again',
  });
}

/** A history of its own from here on: what ends now stays restorable, and nothing is written into it any more. */
async function swapDatabase(session: Session, { store, live, lock }: Production, stamp: string): Promise<DeployResult> {
  await writeHistory(store, await openVault(store), newHistory(new Date()));
  const entry = (await readLedger(store)).live;
  const options = { ...deployDefaults, kind: 'restore' as const, of: entry?.of, rollbackTo: live, swap: stamp };
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
