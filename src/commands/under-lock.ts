import { ensurePlatformImages, imageTags } from '../platform/images.ts';
import { takeLock } from '../release/lock.ts';
import type { Session } from '../session.ts';
import type { CommandContext } from './command.ts';
import { waitOf } from './deploy.ts';

/** Work that no deploy and no other operator may meet. */
export async function underLock<T>(
  { flags }: CommandContext,
  { engine, connection, stack, signal, emit }: Session,
  purpose: string,
  work: () => Promise<T>,
): Promise<T> {
  await ensurePlatformImages(engine, connection.environment, ['tools'], emit);
  const lock = await takeLock({
    engine,
    project: stack.project,
    image: imageTags().tools,
    purpose,
    waitSeconds: waitOf(flags),
    signal,
    onWait: ({ user, host, since }) =>
      emit({ kind: 'note', text: `waiting for ${user}@${host}, who holds the lock since ${since}` }),
  });
  try {
    return await work();
  } finally {
    await lock.release();
  }
}
