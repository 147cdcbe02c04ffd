import { deploy, deployDefaults } from '../deploy/deploy.ts';
import type { ExitCode } from '../errors.ts';
import { openSession } from '../session.ts';
import type { CommandContext } from './command.ts';
import { report } from './deploy.ts';

export async function run(context: CommandContext): Promise<ExitCode> {
  const session = await openSession(context);
  const maintenance = context.arguments[0] === 'on';
  const result = await deploy(session, {
    ...deployDefaults,
    kind: 'maintenance',
    change: (settings) => ({ ...settings, maintenance }),
  });
  if (result.exitCode === 0)
    context.print(
      maintenance ? 'maintenance is on: the edge answers 503, deploys go on behind it' : 'maintenance is off',
    );
  return report(context, session, result);
}
