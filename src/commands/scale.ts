import { deploy } from '../deploy/deploy.ts';
import { deployDefaults } from '../deploy/options.ts';
import { OperatorError, exitCodes, type ExitCode } from '../errors.ts';
import { openSession, type Session } from '../session.ts';
import { orderedStop } from '../stack/update-config.ts';
import type { CommandContext } from './command.ts';
import { report } from './deploy.ts';

const maxReplicas = 100;

export async function run(context: CommandContext): Promise<ExitCode> {
  const session = await openSession(context);
  const scale = Object.fromEntries(context.arguments.map((word) => parse(session, word)));
  const result = await deploy(session, {
    ...deployDefaults,
    kind: 'scale',
    scale,
  });
  return report(context, session, result);
}

function parse({ stack }: Session, word: string): [string, number] {
  const [, name = '', count = ''] = /^([^=]+)=(\d+)$/.exec(word) ?? [];
  const service = stack.services.find((one) => one.name === name);
  const replicas = Number(count);
  if (!service || count === '' || replicas > maxReplicas)
    throw refused(`"${word}" is not <service>=<replicas from 0 to ${maxReplicas}>`);
  const { strategy } = service;
  if (strategy.kind === 'stop-first' && strategy.reason !== orderedStop && replicas > 1)
    throw refused(`${name} must not run twice: it ${strategy.reason}`);
  return [name, replicas];
}

function refused(message: string): OperatorError {
  return new OperatorError(message, { code: 'scale', exitCode: exitCodes.usage, next: 'horme scale api=5' });
}
