import { anyAnswer } from '../../agent/backup/contract.ts';
import { preStop } from '../../deploy/hooks.ts';
import { labels } from '../../engine/labels.ts';
import { OperatorError } from '../../errors.ts';
import type { ReleaseContent } from '../../release/release.ts';
import { volumeLabels } from '../../release/store.ts';
import type { Session } from '../../session.ts';
import { agentFolders } from './names.ts';
import { askFiles, restoredVolume } from './restore-volume.ts';

/** One that crashes again and again, or is paused, writes too as soon as it goes on. */
const runningStates = ['running', 'restarting', 'paused'];

/** The services that have the volume are stopped for as long as the copying takes. */
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

/** One that can't start keeps no other from it, and hides no failure of the swap. */
async function startAgain({ engine, emit }: Session, { id, name }: { id: string; name: string }): Promise<void> {
  try {
    await engine.start(id);
  } catch (error) {
    const text = `${name} does not start: ${(error as Error).message}; horme deploy starts it`;
    emit({ kind: 'warning', text });
  }
}

/** The agent says when the volume is as it was: a copy of it is of no use then. Else it may be the only one. */
async function forgetFormer({ engine, emit }: Session, former: string, error: unknown): Promise<void> {
  if (error instanceof OperatorError && error.code === 'unchanged') return engine.removeVolume(former);
  emit({
    kind: 'warning',
    text: `${former} may have the only copy of what was there: docs/recovery.md, "Interrupted"`,
  });
}

/** Containers of the services that have the volume. Of jobs those that run: one that has ended is done, and must not run again. */
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
