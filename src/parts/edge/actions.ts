import type { EdgeAct } from './step.ts';
import type { Context } from '../../deploy/context.ts';
import { reloadHaproxy, reloadNginx, writeEdge } from './apply.ts';

export async function takeEdgeStep(context: Context, act: EdgeAct): Promise<void> {
  switch (act.do) {
    case 'write':
      return writeEdge(context, act);
    case 'reload-haproxy':
      // The guard's open connection leads to the old process and would be mistaken for one to the new process.
      if (!act.keepFormer) await context.guard?.end();
      return reloadHaproxy(context, act.keepFormer);
    case 'reload-nginx':
      return reloadNginx(context);
  }
}
