import type { OperatorError } from '../../errors.ts';
import { momentText } from '../moments.ts';
import type { Agent, Progress, Told } from './agent.ts';
import type { Due, SlotName } from './due.ts';
import type { KnownRepository, Status } from './known.ts';
import { presentOf } from './present.ts';
import { noting } from './proofs.ts';

/** Where a run was made and its outcome recorded, good or bad: its slot is over, and what failed is tried again by itself. */
const handled = ['backup-failed', 'drill-failed'];
/** What is scheduled and can be typed too, with the work by the schedule that it does: the state is part of every whole backup. */
const covers: Record<string, string[]> = { backup: ['backup', 'state'], drill: ['drill'] };

/** The fields that a run's end sets. */
export type Fields = Partial<Pick<Status, SlotName | 'stateSeen'>>;

export const slotField = (name: SlotName, { slot }: Due): Fields => (slot ? { [name]: momentText(slot) } : {});

/** How scheduled work ended. */
export function recordOutcome(
  { status }: Pick<Agent, 'status'>,
  kind: string,
  fields: Fields,
  error: OperatorError | undefined,
): Promise<void> {
  return status.update((known) => {
    const failures = (known.failures ??= {});
    failures[kind] = error?.message ?? null;
    if (error === undefined) {
      Object.assign(known, fields);
      if ('stateSeen' in fields) failures['state'] = null;
    } else if (handled.includes(error.code)) {
      const { stateSeen: _unsaved, ...slots } = fields;
      Object.assign(known, slots);
    }
  });
}

/** A command that went well mends what failed by the schedule. */
export async function recordTyped(
  { status, told }: Pick<Agent, 'status' | 'told'>,
  kind: string,
  result: object,
): Promise<void> {
  const covered = covers[kind] ?? [];
  const { failures = {} } = await status.read();
  if (!covered.some((one) => failures[one])) return;
  await status.update((known) => {
    if (!isMended(known, told, kind, result)) return;
    known.failures = { ...known.failures, ...Object.fromEntries(covered.map((one) => [one, null])) };
  });
}

/** Of backups, once no repository lacks its own; of drills, by one of the last repository, as those of the schedule are. */
function isMended(known: Status, told: Told, kind: string, result: object): boolean {
  if (kind === 'drill') return 'repository' in result && result.repository === told.repositories.at(-1)?.number;
  return !Object.values(presentOf(told, known).repositories).some(({ lastError }) => lastError);
}

/**
 * Deletes what is too old in the repository whose `entry` of the status it is. Where that fails, the backup is there all the same:
 * another one would be tried each hour, and take room each time.
 */
export async function expireAfterBackup(
  { status }: Pick<Agent, 'status'>,
  where: string,
  entry: (known: Status) => Partial<KnownRepository>,
  expire: () => Promise<void>,
  progress: Progress,
): Promise<void> {
  const wrong: string[] = [];
  await noting(wrong, '', expire);
  for (const message of wrong) progress(`${where}: what is too old could not be deleted: ${message}`);
  await status.update((known) => {
    entry(known).lastExpireError = wrong[0] ?? null;
  });
}
