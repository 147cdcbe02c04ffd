import { leavingMembers } from '../parts/database/plan.ts';
import type { ReleaseContent } from '../release/release.ts';
import type { Seen, SeenReplica } from './observe.ts';

/** Replicas of services that the release no longer has; the database takes its members away itself. */
export function orphansOf(content: ReleaseContent, seen: Seen): SeenReplica[] {
  const known = new Set(content.services.map(({ name }) => name));
  const members = leavingMembers(content, seen).filter(({ running }) => running);
  return seen.replicas.filter((replica) => !known.has(replica.service) && !members.includes(replica));
}
