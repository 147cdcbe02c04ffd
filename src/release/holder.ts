import { labels } from '../engine/labels.ts';
import type { ContainerSpec, Engine } from '../engine/engine.ts';
import { OperatorError, exitCodes } from '../errors.ts';

/**
 * `docker container prune` removes every stopped container, and `docker volume prune -a` every volume that no container
 * mounts, so a running container holds what must last. Its program takes 0.4 MiB; the limit is near the minimum that
 * engines accept (6 MiB).
 */
export const holding = {
  command: ['/horme/hold'],
  memoryBytes: 16 * 1024 ** 2,
  pids: 4,
} satisfies Partial<ContainerSpec>;

/** Horme would wait forever for a foreign container that has one of its names. */
export async function refuseForeign(engine: Engine, project: string, role: string, name: string): Promise<void> {
  const found = await engine.inspect(name);
  if (!found || (found.labels[labels.role] === role && found.labels[labels.project] === project)) return;
  const id = found.id.slice(0, 12);
  throw new OperatorError(`the container ${id} has the name ${name}, which Horme needs, and is not of ${project}`, {
    code: 'name-taken',
    exitCode: exitCodes.checkFailed,
    next: `docker rename ${id} another-name   (or, when nobody needs it: docker rm ${id}), then run the same command again`,
  });
}
