import type { SeenReplica } from './observe.ts';
import type { Planning } from './part.ts';

/** Replicas of services that the release no longer has, but for those that a part takes away itself. */
export function orphansOf({ content, seen, parts }: Pick<Planning, 'content' | 'seen' | 'parts'>): SeenReplica[] {
  const known = new Set(content.services.map(({ name }) => name));
  const leaving = parts.flatMap(({ steps }) => steps?.leaving?.(content, seen) ?? []);
  return seen.replicas.filter((replica) => !known.has(replica.service) && !leaving.includes(replica));
}
