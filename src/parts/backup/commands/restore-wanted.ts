import type { SnapshotTarget } from '../restore-volume.ts';
import { parseTarget, targetText, type RestoreTarget } from '../target.ts';
import { findStore } from '../../../deploy/state.ts';
import { OperatorError, exitCodes } from '../../../errors.ts';
import { whenBegun } from '../../../release/begun.ts';
import { readLedger } from '../../../release/ledger.ts';
import type { Session } from '../../../deploy/session.ts';
import { databaseOptions } from '../../database/index.ts';
import { backupOf } from './agents.ts';
import type { CommandContext } from '../../../command/context.ts';

/** What is to be restored, and to when. */
export interface Wanted {
  target: RestoreTarget;
  snapshot: SnapshotTarget;
  database: boolean;
  volumes: string[];
  as: string | undefined;
  acceptsDamage: boolean;
}

/** Refuses contradictory options before anything else. */
export async function wantedOf({ flags }: CommandContext, session: Session): Promise<Wanted> {
  const { volume, onlyDatabase, as, acceptDamage } = flags;
  const options = backupOf(session);
  const one = typeof volume === 'string' ? volume : undefined;
  if (onlyDatabase === true && one !== undefined) throw contradiction();
  const target = await targetOf(flags, session);
  if (one !== undefined && !options.volumes.includes(one)) throw volumeUnknown(one, options.volumes);
  if (as !== undefined && one === undefined && !databaseOptions(session.stack))
    throw volumeUnknown('', options.volumes);
  const volumes = one !== undefined ? [one] : onlyDatabase === true || as !== undefined ? [] : options.volumes;
  const database = databaseOptions(session.stack) !== undefined && one === undefined;
  if (!database && volumes.length === 0) throw nothingToRestore(session.stack.project);
  return {
    target,
    snapshot: snapshotOf(target, one),
    database,
    volumes,
    as: typeof as === 'string' ? as : undefined,
    acceptsDamage: acceptDamage === true,
  };
}

async function targetOf(flags: CommandContext['flags'], session: Session): Promise<RestoreTarget> {
  const { to, backup, latest, beforeRelease } = flags;
  const given = [to, backup, latest, beforeRelease].filter((one) => one !== undefined && one !== false);
  if (given.length !== 1) throw targetMissing();
  if (typeof to === 'string') return { kind: 'time', at: parseTarget(to, new Date()) };
  if (typeof backup === 'string') return { kind: 'backup', label: backup };
  if (typeof beforeRelease === 'number') return { kind: 'time', at: await beginningOf(session, beforeRelease) };
  return { kind: 'latest' };
}

async function beginningOf(session: Session, release: number): Promise<Date> {
  const { stack, emit } = session;
  const store = await findStore(session);
  if (!store) throw notDeployed(stack.project);
  const at = await whenBegun(store, await readLedger(store), release);
  emit({ kind: 'note', text: `release ${release} began at ${targetText(at)}` });
  return at;
}

/**
 * Files exist only as snapshots, so this picks the newest one at that time. A backup's id is the database's, or a
 * snapshot's with --volume.
 */
function snapshotOf(target: RestoreTarget, volume: string | undefined): SnapshotTarget {
  if (target.kind === 'time') return { at: target.at };
  if (target.kind === 'latest') return 'latest';
  return volume === undefined ? { at: endOfLabel(target.label) } : { snapshot: target.label };
}

/** pgBackRest's backup labels contain times: `20261124-150312F_20261124-160000D`. */
function endOfLabel(label: string): Date {
  const [, date = '', time = ''] = /(\d{8})-(\d{6})[FDI]$/.exec(label) ?? [];
  const iso = `${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6)}T${time.slice(0, 2)}:${time.slice(2, 4)}:${time.slice(4)}Z`;
  const at = new Date(iso);
  if (!Number.isNaN(at.getTime())) return at;
  throw new OperatorError(`"${label}" is not a backup`, {
    code: 'backup-unknown',
    exitCode: exitCodes.usage,
    next: 'horme backup list',
  });
}

export const notDeployed = (project: string) =>
  new OperatorError(`${project} is not deployed with backups yet`, {
    code: 'not-deployed',
    exitCode: exitCodes.usage,
    next: 'horme deploy   (on an empty machine: horme recover --kit FILE)',
  });

const targetMissing = () =>
  new OperatorError('to when? exactly one of --to, --before-release, --backup and --latest says it', {
    code: 'target-missing',
    exitCode: exitCodes.usage,
    next: 'horme restore --to "2026-11-20 14:03:00+01", or: horme backup list',
  });

const contradiction = () =>
  new OperatorError('--only-database leaves the volumes alone, and --volume restores nothing but one', {
    code: 'usage',
    exitCode: exitCodes.usage,
    next: 'one of the two',
  });

const nothingToRestore = (project: string) =>
  new OperatorError(`${project} has no database of Horme's, and no volume is named: there is nothing to restore`, {
    code: 'nothing-to-restore',
    exitCode: exitCodes.usage,
    next: 'list volumes under x-horme.backup.volumes, or give --volume NAME',
  });

const volumeUnknown = (name: string, known: string[]) =>
  new OperatorError(`the volume "${name}" is not backed up`, {
    code: 'volume-unknown',
    exitCode: exitCodes.usage,
    next: known.length > 0 ? `one of: ${known.join(', ')}` : 'list it under x-horme.backup.volumes',
  });
