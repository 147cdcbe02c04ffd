import { haproxyServices } from '../../traffic/names.ts';
import type { Seen } from '../../deploy/observe.ts';
import type { Draft } from '../../deploy/step.ts';
import type { ReleaseContent, ReleaseService } from '../../release/release.ts';
import { fingerprint } from '../../fingerprint.ts';
import { haproxyStructure, membersFingerprint } from '../../traffic/haproxy.ts';
import { routedServices } from '../../traffic/routed.ts';
import { appliedEdge, releasedEdge } from './sections.ts';
import { nginxService } from './services.ts';
import { edgeStep } from './step.ts';

/** Before any HAProxy is replaced: the one that starts anew must know whom the others know. */
export function noteMembers(content: ReleaseContent, seen: Seen, former: ReleaseService[]): Draft[] {
  if (!hasEdge(content) || !haproxyRuns(seen)) return [];
  if (appliedEdge(seen.applied).members === membersFingerprint(membersSeen(content, seen, former))) return [];
  return [
    {
      title: 'save the replica list for HAProxy',
      cause: 'an interrupted run left an old note',
      action: { do: 'members' },
    },
  ];
}

export function membersSeen(content: ReleaseContent, seen: Seen, former: ReleaseService[]): string[] {
  const routed = routedServices(content.services, former).map(({ name }) => name);
  return seen.replicas
    .filter(({ running, membership, service }) => running && membership === 'ready' && routed.includes(service))
    .map(({ name }) => name);
}

const hasEdge = (content: ReleaseContent) => content.services.some(({ owner }) => owner === 'edge');

export const nginxFingerprint = (content: ReleaseContent) => fingerprint(releasedEdge(content).nginx);

export function edgeFiles(content: ReleaseContent, seen: Seen, former: ReleaseService[]): Draft[] {
  if (!hasEdge(content)) return [];
  const haproxy = !haproxyRuns(seen) && !haproxyStructures(content, former).includes(appliedEdge(seen.applied).haproxy);
  const nginx = !nginxRuns(seen) && appliedEdge(seen.applied).nginx !== nginxFingerprint(content);
  if (!haproxy && !nginx) return [];
  return [
    {
      title: "write the edge's configuration",
      cause: 'it does not run with it yet',
      action: edgeStep({ do: 'write', nginx, haproxy }),
    },
  ];
}

export function haproxyReload(content: ReleaseContent, seen: Seen, former: ReleaseService[]): Draft[] {
  if (!hasEdge(content) || !haproxyRuns(seen)) return [];
  if (haproxyStructures(content, former).includes(appliedEdge(seen.applied).haproxy)) return [];
  return [
    {
      title: 'check and reload HAProxy',
      cause: 'its backends changed',
      action: edgeStep({ do: 'reload-haproxy', keepFormer: true }),
    },
  ];
}

export function haproxyCleanUp(content: ReleaseContent, seen: Seen, former: ReleaseService[]): Draft[] {
  if (!hasEdge(content)) return [];
  const [transitional, final] = haproxyStructures(content, former);
  if (appliedEdge(seen.applied).haproxy === final || final === transitional) return [];
  return [
    {
      title: 'reload HAProxy without the former backends',
      cause: 'no replica needs them any more',
      action: edgeStep({ do: 'reload-haproxy', keepFormer: false }),
    },
  ];
}

/** With what only the release before needs, and without: either will do until the end. */
const haproxyStructures = (content: ReleaseContent, former: ReleaseService[]): [string, string] => [
  haproxyStructure(routedServices(content.services, former)),
  haproxyStructure(content.services),
];

const nginxRuns = (seen: Seen) => seen.replicas.some(({ service, running }) => running && service === nginxService);
const haproxyRuns = (seen: Seen) =>
  seen.replicas.some(({ service, running }) => running && haproxyServices.includes(service));

export function nginxReload(content: ReleaseContent, seen: Seen): Draft[] {
  if (!nginxRuns(seen) || appliedEdge(seen.applied).nginx === nginxFingerprint(content)) return [];
  return [
    { title: 'check and reload nginx', cause: 'its configuration changed', action: edgeStep({ do: 'reload-nginx' }) },
  ];
}
