import type { Context } from '../deploy/context.ts';
import { noteApplied } from '../release/settings.ts';
import { runningAgent, askAgent } from './agent.ts';
import { backupService } from './names.ts';
import { backupFingerprint } from './plan.ts';

export async function setUpBackups(context: Context, id: string): Promise<void> {
  await told(context, id, ['set-up']);
  await noteApplied(context.store, { backup: backupFingerprint(context.content) });
}

export const backUp = (context: Context, id: string): Promise<void> => told(context, id, ['backup']);

async function told({ engine, content, emit }: Context, id: string, words: string[]): Promise<void> {
  const container = await runningAgent(engine, content.project, backupService);
  await askAgent(engine, container, words, (detail) => emit({ kind: 'step-progress', id, detail }));
}
