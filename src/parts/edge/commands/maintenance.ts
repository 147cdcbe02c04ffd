import { findStore } from '../../../deploy/state.ts';
import { switchMaintenance } from '../apply.ts';
import { edgeOptions } from '../options.ts';
import { OperatorError, exitCodes } from '../../../errors.ts';
import { changeSettings } from '../../../release/settings.ts';
import { openSession } from '../../../command/session.ts';
import type { CommandContext } from '../../../command/context.ts';

/** Takes effect at once and lasts until it is switched off; deploys work meanwhile. */
export async function run(context: CommandContext): Promise<void> {
  const session = await openSession(context);
  const { stack } = session;
  const on = context.arguments[0] === 'on';
  const store = await findStore(session);
  if (!store) throw notDeployed(stack.project);
  await switchMaintenance(store, on, edgeOptions(stack).maintenancePage);
  await changeSettings(store, () => ({ maintenance: on }));
  context.print(on ? 'maintenance is on: the edge answers 503, deploys go on behind it' : 'maintenance is off');
  context.result({ schema: 'horme.maintenance/1', project: stack.project, maintenance: on });
}

function notDeployed(project: string): OperatorError {
  return new OperatorError(`${project} is not deployed yet`, {
    code: 'not-deployed',
    exitCode: exitCodes.usage,
    next: 'horme deploy',
  });
}
