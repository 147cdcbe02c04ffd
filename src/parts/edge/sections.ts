import type { ReleaseContent } from '../../release/release.ts';
import { notePart, type Applied } from '../../release/settings.ts';
import type { Store } from '../../release/store.ts';

/**
 * The edge's section of a release. HAProxy's configuration is not in it: it is rendered from the services and the
 * present members.
 */
export interface EdgeRelease {
  nginx: string;
  /** Undefined in releases from before there were sections: their certificate exists already. */
  certificate?: { name: string; hosts: string[] };
}

/** The configuration that the edge has accepted last. */
export interface EdgeApplied {
  nginx: string;
  haproxy: string;
  /** Fingerprint of the replica list on the edge's volume, which a restarted HAProxy reads. */
  members: string;
}

export function releasedEdge({ parts: { edge, nginx } }: Pick<ReleaseContent, 'parts'>): EdgeRelease {
  if (edge !== undefined) return edge as EdgeRelease;
  return { nginx: typeof nginx === 'string' ? nginx : '' };
}

export function appliedEdge({ parts }: Pick<Applied, 'parts'>): EdgeApplied {
  const nothing: EdgeApplied = { nginx: '', haproxy: '', members: '' };
  // Before there were sections these three were top-level fields.
  const { edge, nginx, haproxy, members } = parts as Record<string, unknown>;
  if (edge !== undefined) return { ...nothing, ...(edge as Partial<EdgeApplied>) };
  return { ...nothing, ...(typeof nginx === 'string' && ({ nginx, haproxy, members } as EdgeApplied)) };
}

export const noteEdge = (store: Store, what: Partial<EdgeApplied>): Promise<void> =>
  notePart(store, 'edge', (applied) => ({ ...appliedEdge(applied), ...what }));
