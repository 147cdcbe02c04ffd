import { anyAnswer } from '../../agent/backup/contract.ts';
import { preStop } from '../../deploy/hooks.ts';
import { labels } from '../../engine/labels.ts';
import { OperatorError } from '../../errors.ts';
import type { ReleaseContent } from '../../release/release.ts';
import { volumeLabels } from '../../release/store.ts';
import type { Session } from '../../deploy/session.ts';
import { agentFolders } from './names.ts';
import { askFiles, restoredVolume } from './restore-volume.ts';

/** States in which a container may write: one that restarts or is paused writes as soon as it continues. */
const runningStates = ['running', 'restarting', 'paused'];

/** Stops the services that mount the volume for as long as the copying takes. */
export async function swapVolume(
  session: Session,
  content: ReleaseContent,
  name: string,
  stamp: string,
): Promise<string> {
  const { engine, stack, emit } = session;
  const former = `${name}-former-${stamp}`;
  await engine.createVolume(`${stack.project}_${former}`, volumeLabels(stack.project, former));
  const users = await usersOf(session, content, name);
  const running = users.filter(({ runs }) => runs);
  for (const { name: container, runs } of users)
    if (!runs) emit({ kind: 'warning', text: `${container} did not run, and is not started: horme deploy starts it` });
  const mounts = {
    [name]: `${agentFolders.targets}/current`,
    [former]: `${agentFolders.targets}/former`,
    [restoredVolume(name)]: `${agentFolders.targets}/restored`,
  };
  try {
    for (const { id, grace, name: container } of running) {
      emit({ kind: 'note', text: `${container} stops` });
      await preStop(engine, { id, name: container }, grace, emit);
      await engine.stop(id, grace);
    }
    await askFiles(session, content, mounts, ['replace'], anyAnswer);
  } catch (error) {
    await forgetFormer(session, `${stack.project}_${former}`, error);
    throw error;
  } finally {
    for (const one of running) await startAgain(session, one);
  }
  await engine.removeVolume(`${stack.project}_${restoredVolume(name)}`);
  return `${stack.project}_${former}`;
}

/** Only warns if a container can't start, so that the others start too and an error of the swap is not hidden. */
async function startAgain({ engine, emit }: Session, { id, name }: { id: string; name: string }): Promise<void> {
  try {
    await engine.start(id);
  } catch (error) {
    const text = `${name} does not start: ${(error as Error).message}; horme deploy starts it`;
    emit({ kind: 'warning', text });
  }
}

/**
 * Removes the copy of the former content only if the agent reports the volume as unchanged; otherwise it may be the
 * only copy.
 */
async function forgetFormer({ engine, emit }: Session, former: string, error: unknown): Promise<void> {
  if (error instanceof OperatorError && error.code === 'unchanged') return engine.removeVolume(former);
  emit({
    kind: 'warning',
    text: `${former} may have the only copy of what was there: docs/recovery.md, "Interrupted"`,
  });
}

/**
 * Containers of the services that mount the volume. Jobs that have ended are left out, since they must not run again.
 */
async function usersOf({ engine, stack }: Session, content: ReleaseContent, name: string) {
  const services = content.services.filter(
    (service) =>
      service.owner === 'user' &&
      content.compose.services[service.name]?.volumes?.some(({ source }) => source === name),
  );
  const containers = await engine.containers({ [labels.project]: stack.project });
  return services.flatMap((service) =>
    containers
      .filter(({ labels: own }) => own[labels.service] === service.name && own[labels.oneOff] !== 'True')
      .map(({ id, name: container, state }) => ({
        ...{ id, name: container, grace: service.stopSeconds },
        runs: runningStates.includes(state),
      }))
      .filter(({ runs }) => runs || service.kind === 'service'),
  );
}
