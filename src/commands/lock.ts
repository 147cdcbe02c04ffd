import { exitCodes, type ExitCode } from '../errors.ts';
import { refuseForeign } from '../release/holder.ts';
import { findLock, holderOf, isStale, lockName } from '../release/lock.ts';
import { openSession } from '../session.ts';
import type { CommandContext } from './command.ts';

export async function run(context: CommandContext): Promise<ExitCode> {
  const { engine, stack } = await openSession(context);
  const lock = await findLock(engine, stack.project);
  if (!lock) await refuseForeign(engine, stack.project, 'lock', lockName(stack.project));
  const holder = lock && holderOf(lock);
  const stale = lock !== undefined && (await isStale(engine, lock));
  const released = lock !== undefined && context.flags.release === true;
  if (released) await engine.remove(lock.id);
  const words =
    holder && `${holder.user}@${holder.host}, process ${holder.pid}, since ${holder.since}, for "${holder.purpose}"`;
  if (!words) context.print('no one holds the lock');
  else
    context.print(
      `${released ? 'released; it was held by' : 'held by'} ${words}${stale ? '; the holder is dead' : ''}`,
    );
  if (words && !released && stale) context.print('the next deploy takes it over by itself; or: horme lock --release');
  context.result({ schema: 'horme.lock/1', held: lock !== undefined && !released, stale, released, holder });
  return exitCodes.done;
}
