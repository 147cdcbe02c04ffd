import { gateService } from '../traffic/names.ts';
import { preStop } from '../deploy/hooks.ts';
import type { AnonymousVolume, Container } from '../engine/engine.ts';
import { labels } from '../engine/labels.ts';
import { OperatorError, exitCodes, type ExitCode } from '../errors.ts';
import { isPlatformName } from '../stack/platform-names.ts';
import { openSession } from '../command/session.ts';
import type { Session } from '../deploy/session.ts';
import { localEnvironment } from '../stack/environment.ts';
import type { CommandContext } from '../command/context.ts';
import { confirmedByName, confirmsEnvironment } from '../command/confirm.ts';
import { underLock } from '../command/under-lock.ts';

/** Seconds that a service gets to stop. The edge stops first, so that no new requests arrive. */
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
  await agreeTo(context, session, withVolumes ? [...named, ...anonymous.map(words)] : undefined);
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

/**
 * Collected before the containers are removed, since only these refer to anonymous volumes. Two may share one by
 * `volumes_from`.
 */
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

/**
 * Only warns if the engine refuses to remove a network (it may count a stale endpoint until it restarts), so that the
 * data is removed all the same.
 */
async function removeNetworks({ engine, stack, emit }: Session): Promise<void> {
  for (const { id } of await engine.networks({ [labels.composeProject]: stack.project }))
    await engine.removeNetwork(id).catch((error: unknown) => {
      emit({ kind: 'warning', text: `a network stays, and the next deploy uses it: ${(error as Error).message}` });
    });
}

/** Destroying data needs the environment's name, since HORME_ENV may be left over from something else. */
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

/** Removes the store last, since its state is needed while anything runs. */
async function removeContainers({ engine, stack, emit }: Session): Promise<number> {
  const all = await engine.containers({ [labels.project]: stack.project });
  const own = all.filter((container) => container.labels[labels.role] !== 'lock');
  const rank = (service: string | undefined) =>
    service === undefined ? 3 : service === gateService ? 0 : isPlatformName(service) ? 2 : 1;
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
