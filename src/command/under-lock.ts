import { lockFor } from '../deploy/lock.ts';
import { makePlatformImages } from '../deploy/platform-images.ts';
import type { HeldLock } from '../release/lock.ts';
import type { Session } from '../deploy/session.ts';
import type { CommandContext } from './context.ts';
import { waitOf } from './deploy.ts';

/** Runs work under the project's lock, so that no deploy and no other operator interferes. */
export async function underLock<T>(
  { flags }: CommandContext,
  session: Session,
  purpose: string,
  work: (lock: HeldLock) => Promise<T>,
): Promise<T> {
  await makePlatformImages(session, []);
  const lock = await lockFor(session, purpose, waitOf(flags));
  try {
    return await work(lock);
  } finally {
    await lock.release();
  }
}
