import { lookingFor } from './images.ts';
import { platformImageIds } from './platform-images.ts';
import { resolveImages, type ServiceImage } from '../release/images.ts';
import { prepare, type Prepared } from '../release/prepare.ts';
import type { ReleaseContent } from '../release/release.ts';
import { unmadeVault } from '../release/vault.ts';
import { ConfigurationError } from '../stack/diagnostics.ts';
import type { Session } from './session.ts';
import { look, lookInto, type Look } from './look.ts';
import { findStore } from './state.ts';

/** The result of a read-only look at the engine: enough to see whether there is anything to do. */
export interface Situation extends Look {
  images: ServiceImage[];
  platformIds: Record<string, string>;
}

export async function glance(session: Session, rebuild: boolean): Promise<Situation> {
  const { engine, stack } = session;
  if (stack.sourceProblems.length > 0) throw new ConfigurationError(stack.sourceProblems);
  const [images, platformIds, seen] = await Promise.all([
    resolveImages(stack, engine, rebuild, lookingFor(session)),
    platformImageIds(session),
    (session.takeLook?.() ?? look(engine, stack.project)).looked,
  ]);
  // If the store's container is gone, the store is found by its volume, which takes longer.
  const found = seen.store ? seen : await lookInto(seen.containers, await findStore(session, seen.containers));
  return { ...found, images, platformIds };
}

export function preparedFrom(
  session: Session,
  { images, platformIds, vault, settings }: Pick<Situation, 'images' | 'platformIds' | 'vault' | 'settings'>,
  kept: { former: ReleaseContent; names: string[] } | undefined,
): Promise<Prepared> {
  const { stack, parts } = session;
  return prepare({ stack, parts, images, platformIds, vault: vault ?? unmadeVault, settings, kept });
}
