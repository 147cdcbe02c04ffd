import { deploy } from '../deploy/deploy.ts';
import { deployDefaults } from '../deploy/options.ts';
import { OperatorError, exitCodes, type ExitCode } from '../errors.ts';
import { openSession } from '../command/session.ts';
import type { Session } from '../deploy/session.ts';
import { orderedStop } from '../stack/update-config.ts';
import type { CommandContext } from '../command/context.ts';
import { agreed } from '../command/confirm.ts';
import { report } from '../command/deploy.ts';
import { refuseUnknown, servicesInFiles } from '../command/service-names.ts';

const maxReplicas = 100;

export async function run(context: CommandContext): Promise<ExitCode> {
  const session = await openSession(context);
  const scale = Object.fromEntries(context.arguments.map((word) => parse(session, word)));
  await agreeToSilence(context, session, scale);
  const result = await deploy(session, {
    ...deployDefaults,
    kind: 'scale',
    scale,
  });
  return report(context, session, result);
}

function parse({ stack }: Session, word: string): [string, number] {
  const [name = '', count = ''] = word.split('=');
  const replicas = Number(count);
  if (!/^[^=]+=\d+$/.test(word) || replicas > maxReplicas)
    throw refused(`"${word}" is not <service>=<replicas from 0 to ${maxReplicas}>`);
  refuseUnknown([name], servicesInFiles(stack));
  const strategy = stack.services.find((one) => one.name === name)?.strategy;
  if (strategy?.kind === 'stop-first' && strategy.reason !== orderedStop && replicas > 1)
    throw refused(`${name} must not run twice: it ${strategy.reason}`);
  return [name, replicas];
}

/** Asks before scaling a routed service to 0, since the edge then answers 503. */
async function agreeToSilence(context: CommandContext, session: Session, scale: Record<string, number>): Promise<void> {
  const { environment, services } = session.stack;
  const silent = services.filter(({ name, routes }) => scale[name] === 0 && routes.length > 0);
  if (silent.length === 0) return;
  const addresses = silent.flatMap(({ routes }) => routes.map(({ host, path }) => `https://${host}${path}`));
  const names = silent.map(({ name }) => name).join(', ');
  const text = `without a replica of ${names}, ${addresses.join(', ')} answers 503 in ${environment.name}`;
  if (await agreed(context, environment.name, `${text}.`)) return context.emit({ kind: 'warning', text });
  throw new OperatorError(text, {
    code: 'confirmation',
    exitCode: exitCodes.usage,
    next: `horme scale ${context.arguments.join(' ')} --confirm ${environment.name}, or with a page for it: horme maintenance on`,
  });
}

function refused(message: string): OperatorError {
  return new OperatorError(message, { code: 'scale', exitCode: exitCodes.usage, next: 'horme scale api=5' });
}
