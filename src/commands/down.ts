import { labels } from '../engine/labels.ts';
import { OperatorError, exitCodes, type ExitCode } from '../errors.ts';
import { openSession, type Session } from '../session.ts';
import { localEnvironment } from '../stack/environment.ts';
import type { CommandContext } from './command.ts';
import { confirmedByName, confirmsEnvironment } from './confirm.ts';
import { underLock } from './under-lock.ts';

/** Seconds that a service gets to end by itself; the edge goes first, so nothing new comes in. */
const graceSeconds = 20;

export async function run(context: CommandContext): Promise<ExitCode> {
  const session = await openSession(context);
  const { engine, stack } = session;
  const withVolumes = context.flags.volumes === true;
  const volumes = withVolumes
    ? (await engine.volumes({ [labels.composeProject]: stack.project })).map(({ name }) => name)
    : [];
  await agreeTo(context, session, withVolumes ? volumes : undefined);
  const removed = await underLock(context, session, 'down', () => removeContainers(session));
  await removeNetworks(session);
  for (const name of volumes) await engine.removeVolume(name);
  context.print(
    `${stack.project}: ${removed} containers removed${withVolumes ? `, and the volumes ${volumes.join(', ')}` : '; volumes are kept'}`,
  );
  context.result({ schema: 'horme.down/1', project: stack.project, containers: removed, volumes });
  return exitCodes.done;
}

/** An engine that still counts something on one keeps it, also wrongly until it restarts: the data is not to stay for it. */
async function removeNetworks({ engine, stack, emit }: Session): Promise<void> {
  for (const { id } of await engine.networks({ [labels.composeProject]: stack.project }))
    await engine.removeNetwork(id).catch((error: unknown) => {
      emit({ kind: 'warning', text: `a network stays, and the next deploy uses it: ${(error as Error).message}` });
    });
}

/** Data is destroyed for its name alone; what HORME_ENV chose may be another shell's wish than this one's. */
export async function agreeTo(
  context: CommandContext,
  { stack }: Pick<Session, 'stack'>,
  volumes: string[] | undefined,
): Promise<void> {
  const { name } = stack.environment;
  const isConfirmed = confirmsEnvironment(context, name);
  const isNamed = context.options.env !== undefined || !process.env['HORME_ENV'] || name === localEnvironment;
  if (isConfirmed || (volumes === undefined && isNamed)) return;
  const what =
    volumes === undefined
      ? `this takes ${stack.project} down, which HORME_ENV chose`
      : `this destroys the data of ${stack.project} for good: the volumes ${volumes.join(', ')}`;
  if (volumes === undefined && (await confirmedByName(context, `${what}.`, name))) return;
  throw new OperatorError(what, {
    code: 'confirmation',
    exitCode: exitCodes.usage,
    next: volumes === undefined ? `horme down --env ${name}` : `horme down --volumes --confirm ${name}`,
  });
}

/** The store last: while anything runs, its state must be there. */
async function removeContainers({ engine, stack }: Session): Promise<number> {
  const all = await engine.containers({ [labels.project]: stack.project });
  const own = all.filter((container) => container.labels[labels.role] !== 'lock');
  const rank = (service: string | undefined) =>
    service === undefined ? 3 : service === 'horme-gate' ? 0 : service?.startsWith('horme-') ? 2 : 1;
  for (const level of [0, 1, 2, 3]) {
    const group = own.filter((container) => rank(container.labels[labels.service]) === level);
    await Promise.all(
      group.map(async ({ id, state }) => {
        if (state === 'running') await engine.stop(id, graceSeconds);
        await engine.remove(id);
      }),
    );
  }
  return own.length;
}
