import type { ReleaseContent } from '../../release/release.ts';
import { notePart, type Applied } from '../../release/settings.ts';
import type { Store } from '../../release/store.ts';

/** HAProxy's configuration is rendered from the services and who is a member just now; nginx' is in the release. */
export interface EdgeRelease {
  nginx: string;
  /** Undefined in releases from before there were sections: it was made then. */
  certificate?: { name: string; hosts: string[] };
}

/** What the edge was last told. */
export interface EdgeApplied {
  nginx: string;
  haproxy: string;
  /** Who a HAProxy that starts anew sends requests to, as its file on the edge's volume has it. */
  members: string;
}

export function releasedEdge({ parts: { edge, nginx } }: Pick<ReleaseContent, 'parts'>): EdgeRelease {
  if (edge !== undefined) return edge as EdgeRelease;
  return { nginx: typeof nginx === 'string' ? nginx : '' };
}

export function appliedEdge({ parts }: Pick<Applied, 'parts'>): EdgeApplied {
  const nothing: EdgeApplied = { nginx: '', haproxy: '', members: '' };
  // Before there were sections these three stood beside each other.
  const { edge, nginx, haproxy, members } = parts as Record<string, unknown>;
  if (edge !== undefined) return { ...nothing, ...(edge as Partial<EdgeApplied>) };
  return { ...nothing, ...(typeof nginx === 'string' && ({ nginx, haproxy, members } as EdgeApplied)) };
}

export const noteEdge = (store: Store, what: Partial<EdgeApplied>): Promise<void> =>
  notePart(store, 'edge', (applied) => ({ ...appliedEdge(applied), ...what }));
