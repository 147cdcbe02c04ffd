import type { Container } from '../engine/engine.ts';
import { toolsImage } from '../platform/images.ts';
import { Store } from '../release/store.ts';
import { makePlatformImages } from './platform-images.ts';
import type { Session } from './session.ts';

/** The project's state, even if its container was pruned; undefined: nothing was ever deployed. */
export async function findStore(session: Session, seen?: Container[]): Promise<Store | undefined> {
  const { engine, stack } = session;
  const { project } = stack;
  const existing = seen ? Store.existing(engine, project, seen) : await Store.find(engine, project);
  if (existing || !(await Store.hasState(engine, project))) return existing;
  await makePlatformImages(session, []);
  return Store.reader(engine, project, toolsImage());
}

/** For `check` and `status`: warns if `docker volume prune` would delete the state. */
export const storeProblems = ({ stack }: Session, store: Store | undefined): string[] =>
  store === undefined || store.held
    ? []
    : [
        `the state of ${stack.project} is held by no running container: \`docker volume prune -a\` would delete its releases and keys; horme deploy mends it`,
      ];
