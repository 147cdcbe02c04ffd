import { OperatorError, exitCodes, type ExitCode } from '../errors.ts';
import { findStore } from '../deploy/state.ts';
import { refuseForeign } from '../release/holder.ts';
import { findLock, holderOf, isStale, lockName, releaseLock } from '../release/lock.ts';
import { openSession } from '../command/session.ts';
import type { CommandContext } from '../command/context.ts';
import { agreed } from '../command/confirm.ts';

export async function run(context: CommandContext): Promise<ExitCode> {
  const session = await openSession(context);
  const { engine, stack } = session;
  const lock = await findLock(engine, stack.project);
  if (!lock) await refuseForeign(engine, stack.project, 'lock', lockName(stack.project));
  const holder = lock && holderOf(lock);
  const stale = lock !== undefined && (await isStale(engine, lock));
  const released = lock !== undefined && context.flags.release === true;
  const words =
    holder && `${holder.user}@${holder.host}, process ${holder.pid}, since ${holder.since}, for "${holder.purpose}"`;
  if (released) {
    if (!stale) await agreeToEnd(context, stack.environment.name, words ?? '');
    await releaseLock(engine, await findStore(session), lock);
  }
  if (!words) context.print('no one holds the lock');
  else
    context.print(
      `${released ? 'released; it was held by' : 'held by'} ${words}${stale ? '; the holder is dead' : ''}`,
    );
  if (words && !released && stale) context.print('the next deploy takes it over by itself; or: horme lock --release');
  context.result({ schema: 'horme.lock/1', held: lock !== undefined && !released, stale, released, holder });
  return exitCodes.done;
}

/**
 * Asks before ending a live holder, whose run stops between two steps with two releases up, and does not recover by
 * itself.
 */
async function agreeToEnd(context: CommandContext, environment: string, holder: string): Promise<void> {
  const text = `the lock of ${environment} is held by ${holder}, who lives: releasing it ends that half-way`;
  if (await agreed(context, environment, `${text}.`)) return;
  throw new OperatorError(text, {
    code: 'confirmation',
    exitCode: exitCodes.usage,
    next: `wait for it: horme deploy --wait; or: horme lock --release --confirm ${environment}`,
  });
}
