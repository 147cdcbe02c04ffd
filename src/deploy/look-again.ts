import { readApplied } from '../release/settings.ts';
import type { Context } from './context.ts';
import { observe, type Seen } from './observe.ts';

/** What is there now, in the middle of a run. */
export async function lookAgain(context: Context): Promise<Seen> {
  return observe({
    engine: context.engine,
    project: context.content.project,
    services: context.routed,
    balancers: await context.balancers.get(),
    applied: await readApplied(context.store),
    parts: context.parts,
  });
}
