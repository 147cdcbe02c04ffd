import { keptLines, readKeptLogs, type KeptLogs } from '../deploy/kept-logs.ts';
import { labels } from '../engine/labels.ts';
import { OperatorError, exitCodes, type ExitCode } from '../errors.ts';
import { withoutErasures } from '../output/erasures.ts';
import { printable, wantsColor } from '../output/style.ts';
import { findStore } from '../deploy/state.ts';
import { openSession } from '../command/session.ts';
import type { Session } from '../deploy/session.ts';
import type { CommandContext } from '../command/context.ts';
import { composeArguments } from '../command/compose-passthrough.ts';
import { refuseUnknown, servicesThatRun } from '../command/service-names.ts';

export async function run(context: CommandContext): Promise<ExitCode | void> {
  const { flags, arguments: services } = context;
  const session = await openSession(context);
  refuseUnknown(services, await servicesThatRun(session));
  if (typeof flags.release === 'number') return ofRelease(context, session, flags.release);
  const plain = !wantsColor(process.stdout, process.env);
  const words = [
    'logs',
    ...(plain ? ['--no-color'] : []),
    ...(flags.follow ? ['--follow'] : []),
    ...(flags.tail === undefined ? [] : ['--tail', (flags.tail as number).toFixed(0)]),
  ];
  return composeArguments(context, session, [...words, ...services], plain ? withoutErasures() : undefined);
}

/** Logs of the release's containers, else the logs that were saved before a failed release was removed. */
async function ofRelease(context: CommandContext, session: Session, release: number): Promise<void> {
  const { arguments: services, flags } = context;
  const tail = typeof flags.tail === 'number' ? flags.tail : keptLines;
  const all = await present(session, release, tail);
  const found = (all.length > 0 ? all : await kept(session, release)).filter(
    ({ service }) => services.length === 0 || services.includes(service),
  );
  if (found.length === 0) throw gone(release);
  for (const { name, text } of found) context.print(prefixed(name, text, tail));
  context.result({ schema: 'horme.logs/1', project: session.stack.project, release, replicas: found });
}

async function present({ engine, stack }: Session, release: number, tail: number): Promise<KeptLogs['replicas']> {
  const filter = { [labels.project]: stack.project, [labels.release]: String(release) };
  const containers = (await engine.containers(filter)).filter((one) => one.labels[labels.role] === undefined);
  return Promise.all(
    containers.map(async ({ id, name, labels: own }) => ({
      ...{ service: own[labels.service] ?? '', name },
      text: await engine.logs(id, tail),
    })),
  );
}

async function kept(session: Session, release: number): Promise<KeptLogs['replicas']> {
  const store = await findStore(session);
  return (store && (await readKeptLogs(store, release))?.replicas) ?? [];
}

const prefixed = (name: string, text: string, tail: number): string =>
  text
    .trimEnd()
    .split('\n')
    .slice(-tail)
    .map((line) => `${name}  | ${printable(line)}`)
    .join('\n');

const gone = (release: number) =>
  new OperatorError(`nothing is kept of what release ${release} printed`, {
    code: 'logs-gone',
    exitCode: exitCodes.checkFailed,
    next: 'horme logs   (of what runs); of a release that failed its last lines are kept until three others failed',
  });
