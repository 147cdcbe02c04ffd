import type { EdgeAct } from './step.ts';
import type { Context } from '../../deploy/context.ts';
import { reloadHaproxy, reloadNginx, writeEdge } from './apply.ts';

export async function takeEdgeStep(context: Context, act: EdgeAct): Promise<void> {
  switch (act.do) {
    case 'write':
      return writeEdge(context, act);
    case 'reload-haproxy':
      // A conversation that the guard opened with a process that leaves would be taken for one with its successor.
      if (!act.keepFormer) await context.guard?.end();
      return reloadHaproxy(context, act.keepFormer);
    case 'reload-nginx':
      return reloadNginx(context);
  }
}
