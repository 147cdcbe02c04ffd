import { toolsImage } from '../platform/images.ts';
import { takeLock, type HeldLock } from '../release/lock.ts';
import type { Session } from './session.ts';

/** Takes the project's lock, for a deploy or for a command that must not run during one; says whom it waits for. */
export function lockFor(
  { engine, stack, signal, emit }: Session,
  purpose: string,
  waitSeconds: number,
): Promise<HeldLock> {
  return takeLock({
    engine,
    project: stack.project,
    image: toolsImage(),
    purpose,
    waitSeconds,
    signal,
    onWait: ({ user, host, since }) =>
      emit({ kind: 'note', text: `waiting for ${user}@${host}, who holds the lock since ${since}` }),
  });
}
