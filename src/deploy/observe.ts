import { edgeNetwork } from '../platform/networks.ts';
import type { Balancers, Membership } from '../traffic/balancers.ts';
import { labels } from '../engine/labels.ts';
import type { AnonymousVolume, Container, Engine } from '../engine/engine.ts';
import type { ReleaseService } from '../release/release.ts';
import type { Applied } from '../release/settings.ts';
import { sectionsOf, type Sections } from '../sections.ts';

export interface SeenReplica {
  id: string;
  name: string;
  service: string;
  number: number;
  spec: string;
  imageId: string;
  release: number;
  running: boolean;
  /** Of a container that has ended; undefined while it runs or before it started. */
  exitCode: number | undefined;
  /** It was only created. */
  neverRan: boolean;
  anonymousVolumes: AnonymousVolume[];
  /** On the edge's network; undefined when it has none. */
  address: string | undefined;
  /** State at HAProxy; `mixed`: the two HAProxies disagree. */
  membership: 'ready' | 'drain' | 'mixed' | 'absent';
}

/** The observed state, however it came about. A plan is made from this alone. */
export interface Seen {
  replicas: SeenReplica[];
  /** Containers of an interrupted run that no other step removes. */
  leftovers: { id: string; name: string }[];
  /** HAProxy slots whose replica no longer exists. */
  stale: { service: string; name: string }[];
  applied: Applied;
  /** What each part has seen of its own, by the part's name. */
  parts: Sections;
  capacity: { cpus: number; memoryBytes: number };
}

/** What a part observes besides its containers. */
export interface ObservedPart {
  name: string;
  observe?(engine: Engine, containers: Container[]): Promise<unknown>;
  /** For the quick look without further requests: assumes that everything that runs is healthy. */
  trusted?(containers: Container[], applied: Applied): unknown;
}

export function replicasOf(
  containers: Container[],
  project: string,
  membership: Membership | 'trusted',
): SeenReplica[] {
  return containers
    .filter((container) => container.labels[labels.role] === undefined && container.labels[labels.oneOff] !== 'True')
    .map((container) => replicaOf(container, project, membership))
    .sort((a, b) => a.number - b.number);
}

function replicaOf(container: Container, project: string, membership: Membership | 'trusted'): SeenReplica {
  const service = container.labels[labels.service] ?? '';
  const exited = /^Exited \((\d+)\)/.exec(container.status);
  return {
    id: container.id,
    name: container.name,
    service,
    number: Number(container.labels[labels.number] ?? 0),
    spec: container.labels[labels.spec] ?? '',
    imageId: container.imageId,
    release: Number(container.labels[labels.release] ?? 0),
    running: container.state === 'running',
    exitCode: exited ? Number(exited[1]) : undefined,
    neverRan: container.state === 'created',
    anonymousVolumes: container.anonymousVolumes,
    address: container.addresses[`${project}_${edgeNetwork}`] || undefined,
    membership: membership === 'trusted' ? 'ready' : (membership[service]?.[container.name] ?? 'absent'),
  };
}

/** Containers of migrations and secret writers that an interrupted run left behind, recognised by their labels. */
export function leftoversOf(containers: Container[]): Seen['leftovers'] {
  return containers
    .filter((container) => container.labels[labels.oneOff] === 'True' || container.labels[labels.role] === 'writer')
    .map(({ id, name }) => ({ id, name }));
}

export async function observe(options: {
  engine: Engine;
  project: string;
  services: ReleaseService[];
  balancers: Balancers | undefined;
  applied: Applied;
  parts: readonly ObservedPart[];
}): Promise<Seen> {
  const { engine, project, services, balancers, applied, parts } = options;
  const routed = services.filter(({ routes }) => routes.length > 0);
  const [containers, membership, info] = await Promise.all([
    engine.containers({ [labels.project]: project }),
    balancers ? balancers.membership(routed) : Promise.resolve({} as Membership),
    engine.info(),
  ]);
  const names = new Set(containers.map(({ name }) => name));
  const stale = Object.entries(membership).flatMap(([service, replicas]) =>
    Object.keys(replicas)
      .filter((name) => !names.has(name))
      .map((name) => ({ service, name })),
  );
  const sections = parts.map(async (part) => [part.name, await part.observe?.(engine, containers)] as const);
  return {
    replicas: replicasOf(containers, project, membership),
    leftovers: leftoversOf(containers),
    stale,
    applied,
    parts: sectionsOf(await Promise.all(sections)),
    capacity: { cpus: info.cpus, memoryBytes: info.memoryBytes },
  };
}

/** State from the container list and the notes alone: assumes that every running replica is healthy and admitted. */
export function trustedSeen(
  containers: Container[],
  project: string,
  applied: Applied,
  parts: readonly ObservedPart[],
): Seen {
  return {
    replicas: replicasOf(containers, project, 'trusted'),
    leftovers: leftoversOf(containers),
    stale: [],
    applied,
    parts: sectionsOf(parts.map((part) => [part.name, part.trusted?.(containers, applied)])),
    capacity: { cpus: Number.MAX_SAFE_INTEGER, memoryBytes: Number.MAX_SAFE_INTEGER },
  };
}
