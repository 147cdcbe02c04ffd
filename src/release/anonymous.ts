import { posix } from 'node:path';
import type { Image } from '../engine/engine.ts';
import { anonymousPaths, anonymousReason } from '../stack/services.ts';
import type { Strategy } from '../stack/stack.ts';
import type { ComposeService } from '../engine/compose-model.ts';

/** An image's VOLUME becomes an anonymous volume unless the service mounts something at its path. */
const imagePaths = (definition: ComposeService, image: Image | undefined): string[] =>
  (image?.volumes ?? []).map(clean).filter((path) => !coveredBy(definition).includes(path));

/** Paths of the anonymous volumes that a replacement container takes over; undefined with `volumes_from`. */
export function anonymousOf(definition: ComposeService, image: Image | undefined): string[] | undefined {
  if (definition['volumes_from'] !== undefined) return undefined;
  return [...anonymousPaths(definition).map(clean), ...imagePaths(definition, image)];
}

export function strategyWith(strategy: Strategy, definition: ComposeService, image: Image | undefined): Strategy {
  const paths = imagePaths(definition, image);
  if (paths.length === 0) return strategy;
  const reason = anonymousReason(paths);
  return { kind: 'stop-first', reason: strategy.kind === 'stop-first' ? `${strategy.reason} and ${reason}` : reason };
}

function coveredBy({ volumes = [], tmpfs }: ComposeService): string[] {
  const words = typeof tmpfs === 'string' ? [tmpfs] : Array.isArray(tmpfs) ? tmpfs.map(String) : [];
  return [...volumes.map(({ target }) => target ?? ''), ...words.map((word) => word.split(':')[0] ?? '')].map(clean);
}

const clean = (path: string) => posix.join('/', path).replace(/(?<=.)\/$/, '');
