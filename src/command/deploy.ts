import { deploy } from '../deploy/deploy.ts';
import { planOnly } from '../deploy/plan-only.ts';
import { deployDefaults, type DeployOptions, type DeployResult } from '../deploy/options.ts';
import { planText } from '../deploy/plan.ts';
import { look } from '../deploy/look.ts';
import { exitCodes, type ExitCode } from '../errors.ts';
import { openSession } from './session.ts';
import type { Session } from '../deploy/session.ts';
import { webOrigin } from '../stack/routes.ts';
import type { CommandContext } from './context.ts';
import { refuseUnknown, servicesInFiles } from './service-names.ts';

/** Long enough for another deploy to end (the same as in kamal); seconds. */
const defaultWaitSeconds = 900;

export const run = (context: CommandContext): Promise<ExitCode> => deployFiles(context);

/** `allowed` may refuse invalid options once the files are read. */
export async function deployFiles(
  context: CommandContext,
  allowed: (session: Session) => void = () => undefined,
): Promise<ExitCode> {
  const { flags, arguments: services } = context;
  const session = await openSession(context, look);
  refuseUnknown(services, servicesInFiles(session.stack));
  allowed(session);
  for (const text of session.stack.warnings) context.emit({ kind: 'warning', text });
  const options: DeployOptions = {
    ...deployDefaults,
    services,
    platformOnly: flags.platform === true,
    rotate: flags.rotate === true,
    rebuild: flags.build === true,
    waitSeconds: waitOf(flags),
    watchSeconds: flags.watch as number | undefined,
  };
  if (flags.dryRun) return dryRun(context, session, options);
  return report(context, session, await deploy(session, options));
}

export function waitOf(flags: Record<string, unknown>): number {
  return typeof flags.wait === 'number' ? flags.wait : flags.wait === true ? defaultWaitSeconds : 0;
}

async function dryRun(context: CommandContext, session: Session, options: DeployOptions): Promise<ExitCode> {
  const steps = await planOnly(session, options);
  context.print(planText(steps));
  context.result({ schema: 'horme.plan/1', project: session.stack.project, steps });
  return exitCodes.done;
}

const endings = {
  live: 'live',
  'rolled-back': 'rolled back: the release before serves',
  'rolled-back-in-part': 'rolled back in part',
  failed: 'failed; nothing was live before, and what was started is left for you to look at',
};

/** Reports the result of a command that changes what runs, for people and for programs. */
export function report(context: CommandContext, session: Session, result: DeployResult): ExitCode {
  const { failure, exitCode, reason } = result;
  if (!result.changed) context.print(`${session.stack.project}: nothing to do`);
  if (exitCode !== exitCodes.done) {
    const where = endings[result.outcome];
    context.print(
      [
        `${where}`,
        `because ${reason ?? ''}`,
        ...(failure?.lastSeen ? ['last lines:', indent(failure.lastSeen)] : []),
      ].join('\n'),
    );
    if (failure?.next) context.print(`next: ${failure.next}`);
  }
  context.result({
    schema: 'horme.deploy/1',
    project: session.stack.project,
    changed: result.changed,
    release: result.release,
    exitCode,
    reason,
    lastSeen: failure?.lastSeen,
    proof: result.proof,
    warning: result.warning,
    steps: result.steps,
    url: urlOf(session),
  });
  return exitCode;
}

const indent = (text: string) =>
  text
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');

export function urlOf({ stack }: Session): string {
  const { domain, ports } = stack.environment;
  return `${webOrigin(domain, ports.https)}/`;
}
