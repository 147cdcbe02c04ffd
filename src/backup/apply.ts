import type { Context } from '../deploy/context.ts';
import { noteApplied } from '../release/settings.ts';
import { runningAgent, askAgent } from './agent.ts';
import { backupService } from './names.ts';
import { askOnce } from './one-off.ts';
import { backupFingerprint } from './plan.ts';
import { memberMounts } from './restore.ts';

export async function setUpBackups(context: Context, id: string): Promise<void> {
  await told(context, id, ['set-up']);
  await noteApplied(context.store, { backup: backupFingerprint(context.content) });
}

/** While no member runs. */
export async function swapIn(
  { compose, store, content, emit, otherData }: Context,
  id: string,
  { stamp, members }: { stamp: string; members: string[] },
): Promise<void> {
  otherData.begun = true;
  if (otherData.moment !== undefined) await noteApplied(store, { restoredTo: otherData.moment });
  await askOnce(
    { compose, project: content.project },
    content,
    {
      service: backupService,
      mounts: memberMounts(members),
      words: ['swap', '--stamp', stamp, '--members', members.join(',')],
    },
    (detail) => emit({ kind: 'step-progress', id, detail }),
  );
}

export const backUp = (context: Context, id: string): Promise<void> => told(context, id, ['backup']);

async function told({ engine, content, emit }: Context, id: string, words: string[]): Promise<void> {
  const container = await runningAgent(engine, content.project, backupService);
  await askAgent(engine, container, words, (detail) => emit({ kind: 'step-progress', id, detail }));
}
