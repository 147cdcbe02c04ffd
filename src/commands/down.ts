import { preStop } from '../deploy/hooks.ts';
import type { AnonymousVolume, Container } from '../engine/engine.ts';
import { labels } from '../engine/labels.ts';
import { OperatorError, exitCodes, type ExitCode } from '../errors.ts';
import { openSession, type Session } from '../session.ts';
import type { CommandContext } from './command.ts';
import { underLock } from './under-lock.ts';

/** Seconds that a service gets to end by itself; the edge goes first, so nothing new comes in. */
const graceSeconds = 20;

export async function run(context: CommandContext): Promise<ExitCode> {
  const session = await openSession(context);
  const { engine, stack } = session;
  const withVolumes = context.flags.volumes === true;
  const anonymous = anonymousOf(await engine.containers({ [labels.project]: stack.project }));
  const named = withVolumes
    ? (await engine.volumes({ [labels.composeProject]: stack.project })).map(({ name }) => name)
    : [];
  const volumes = withVolumes ? [...named, ...anonymous.map(({ name }) => name)] : [];
  if (withVolumes) refuseUnconfirmed(session, [...named, ...anonymous.map(words)], context.flags.confirm);
  const removed = await underLock(context, session, 'down', () => removeContainers(session));
  await removeNetworks(session);
  for (const name of volumes) await engine.removeVolume(name);
  context.print(
    `${stack.project}: ${removed} containers removed${withVolumes ? `, and the volumes ${volumes.join(', ')}` : '; volumes are kept'}`,
  );
  if (!withVolumes && anonymous.length > 0) context.print(keptText(anonymous));
  context.result({
    schema: 'horme.down/1',
    project: stack.project,
    containers: removed,
    volumes,
    anonymousVolumes: withVolumes ? [] : anonymous,
  });
  return exitCodes.done;
}

interface Anonymous extends AnonymousVolume {
  service: string;
}

/** Their containers alone know whose they are: asked before these go. Two may have one, by `volumes_from`. */
function anonymousOf(containers: Container[]): Anonymous[] {
  const all = containers.flatMap(({ labels: own, anonymousVolumes }) =>
    anonymousVolumes.map((volume) => ({ service: own[labels.service] ?? '', ...volume })),
  );
  return all.filter(({ name }, index) => all.findIndex((one) => one.name === name) === index);
}

const words = ({ service, name, path }: Anonymous) => `${name} (${path} of ${service})`;

const keptText = (volumes: Anonymous[]) =>
  [
    'these have no name, and a deploy begins with new ones; until `docker volume prune` takes them they can be read by hand:',
    ...volumes.map((volume) => `  ${words(volume)}`),
  ].join('\n');

/** An engine that still counts something on one keeps it, also wrongly until it restarts: the data is not to stay for it. */
async function removeNetworks({ engine, stack, emit }: Session): Promise<void> {
  for (const { id } of await engine.networks({ [labels.composeProject]: stack.project }))
    await engine.removeNetwork(id).catch((error: unknown) => {
      emit({ kind: 'warning', text: `a network stays, and the next deploy uses it: ${(error as Error).message}` });
    });
}

function refuseUnconfirmed({ stack }: Session, volumes: string[], confirmed: unknown): void {
  if (confirmed === stack.environment.name) return;
  throw new OperatorError(`this destroys the data of ${stack.project} for good: the volumes ${volumes.join(', ')}`, {
    code: 'confirmation',
    exitCode: exitCodes.usage,
    next: `horme down --volumes --confirm ${stack.environment.name}`,
  });
}

/** The store last: while anything runs, its state must be there. */
async function removeContainers({ engine, stack, emit }: Session): Promise<number> {
  const all = await engine.containers({ [labels.project]: stack.project });
  const own = all.filter((container) => container.labels[labels.role] !== 'lock');
  const rank = (service: string | undefined) =>
    service === undefined ? 3 : service === 'horme-gate' ? 0 : service?.startsWith('horme-') ? 2 : 1;
  for (const level of [0, 1, 2, 3]) {
    const group = own.filter((container) => rank(container.labels[labels.service]) === level);
    await Promise.all(
      group.map(async ({ id, name, state }) => {
        if (state === 'running') {
          await preStop(engine, { id, name }, graceSeconds, emit);
          await engine.stop(id, graceSeconds);
        }
        await engine.remove(id);
      }),
    );
  }
  return own.length;
}
