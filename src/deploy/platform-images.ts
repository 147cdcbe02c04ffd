import { ensurePlatformImages, imageSources, imageTag } from '../platform/images.ts';
import { platformServices } from '../release/prepare.ts';
import { unmadeVault } from '../release/vault.ts';
import type { Session } from './session.ts';

/**
 * Builds the named platform images that the engine lacks, the tools image and their base images; returns ids by name.
 */
export async function makePlatformImages(session: Session, names: string[]): Promise<Record<string, string>> {
  const { engine, parts, connection, emit, signal } = session;
  const { environment } = connection;
  const ids = await ensurePlatformImages({ engine, environment, sources: imageSources(parts), emit, signal }, names);
  return Object.fromEntries(Object.entries(ids).filter(([name]) => names.includes(name)));
}

/** The images that the parts' services run. */
export const neededImages = ({ stack, parts }: Session): string[] =>
  platformServices({ stack, parts, vault: unmadeVault }).map(({ platformImage }) => platformImage);

/** Ids of the needed images that the engine already has. */
export async function platformImageIds(session: Session): Promise<Record<string, string>> {
  const sources = imageSources(session.parts);
  const found = await Promise.all(
    neededImages(session).map(
      async (name) => [name, (await session.engine.image(imageTag(name, sources)))?.id] as const,
    ),
  );
  return Object.fromEntries(found.filter((pair): pair is readonly [string, string] => pair[1] !== undefined));
}
