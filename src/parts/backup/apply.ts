import { anyAnswer } from '../../agent/backup/contract.ts';
import type { Context } from '../../deploy/context.ts';
import { OperatorError } from '../../errors.ts';
import { noteApplied, notePart, readApplied } from '../../release/settings.ts';
import { runningAgent, askAgent } from './agent.ts';
import { backupService } from './names.ts';
import { askOnce } from './one-off.ts';
import { backupFingerprint } from './plan.ts';
import { memberMounts } from './restore.ts';

export async function setUpBackups(context: Context, id: string): Promise<void> {
  await told(context, id, ['set-up']);
  const setUp = backupFingerprint(context.content);
  await notePart(context.store, 'backup', () => ({ setUp }));
}

/** What the agent refuses before it has moved anything. */
const unmoved = ['nothing-restored', 'no-such-member'];

/** While no member runs. Of when the data is, is noted before: killed in the middle, it may be the new. */
export async function swapIn(
  context: Context,
  id: string,
  { stamp, members }: { stamp: string; members: string[] },
): Promise<void> {
  const { compose, store, content, emit, otherData } = context;
  otherData.begun = true;
  const { restoredTo } = await readApplied(store);
  if (otherData.moment !== undefined) await noteApplied(store, { restoredTo: otherData.moment });
  const words = ['swap', '--stamp', stamp, '--members', members.join(',')];
  try {
    await askOnce(
      { compose, project: content.project },
      content,
      { service: backupService, mounts: memberMounts(members), words, answer: anyAnswer },
      (detail) => emit({ kind: 'step-progress', id, detail }),
    );
  } catch (error) {
    if (error instanceof OperatorError && unmoved.includes(error.code)) await noteApplied(store, { restoredTo });
    throw error;
  }
}

export const backUp = (context: Context, id: string): Promise<void> => told(context, id, ['backup']);

async function told({ engine, content, emit, signal }: Context, id: string, words: string[]): Promise<void> {
  const container = await runningAgent(engine, content.project, backupService);
  await askAgent(engine, container, words, anyAnswer, (detail) => emit({ kind: 'step-progress', id, detail }), {
    signal,
  });
}
