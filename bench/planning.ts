import { nothingApplied } from '../src/release/settings.ts';
import { parts } from '../src/parts/index.ts';
import { plan } from '../src/deploy/plan.ts';
import type { Seen } from '../src/deploy/observe.ts';
import type { ReleaseContent, ReleaseService } from '../src/release/release.ts';
import { median, round, timed, type Measured, type Part } from './measure.ts';

const runs = 20;
const sizes = [5, 50, 500];
const replicas = 3;

/** The pure planner alone, on a release in which every image changed: the most there can be to do. */
export const planning: Part = { name: 'plan', about: 'plan time and memory for 5, 50 and 500 services', measure };

async function measure(): Promise<Measured> {
  const rows: Measured['rows'] = [];
  for (const size of sizes) {
    const [content, seen] = [contentOf(size), seenOf(size)];
    const options = {
      migrate: true,
      watchSeconds: 10,
      majorUpgrade: false,
      swap: undefined,
      only: undefined,
      former: content.services,
    };
    const times: number[] = [];
    const before = process.memoryUsage().heapUsed;
    let steps = 0;
    for (let turn = 0; turn < runs; turn++) {
      times.push(await timed(() => Promise.resolve((steps = plan(content, seen, options, parts).length))));
    }
    const grown = Math.max(0, process.memoryUsage().heapUsed - before) / 2 ** 20;
    rows.push([size, size * replicas, steps, round(median(times), 2), round(grown)]);
  }
  return {
    title: 'Making a plan',
    columns: ['services', 'replicas', 'steps', 'median ms', `heap after ${runs} plans MiB`],
    rows,
    notes: [`medians of ${runs} plans; every service's image changed`],
  };
}

const health = { path: '/health', method: 'GET' as const, status: '200-399', timeout: 2 };

function serviceOf(index: number): ReleaseService {
  return {
    name: `service-${index}`,
    kind: 'service',
    owner: 'user',
    replicas,
    routes: [{ host: `service-${index}.example.com`, path: '/', port: 8000, health }],
    strategy: { kind: 'surge' },
    migrate: undefined,
    migrationFiles: {},
    migrationVolume: undefined,
    origin: undefined,
    dependsOn: index % 5 === 0 ? [] : [{ service: `service-${index - 1}`, condition: 'service_started' }],
    readySeconds: 60,
    drainSeconds: 30,
    longLivedSeconds: 10,
    stopSeconds: 10,
    reservation: { cpus: 0, memoryBytes: 0 },
    image: 'image:new',
    imageId: 'sha256:new',
    spec: 'new',
  };
}

function contentOf(size: number): ReleaseContent {
  return {
    schema: 'horme.release/1',
    name: 'bench',
    project: 'bench-local',
    environment: 'local',
    domain: 'bench.localhost',
    ports: { http: 80, https: 443 },
    services: Array.from({ length: size }, (_, index) => serviceOf(index)),
    compose: { name: 'bench-local', services: {} },
    parts: {},
    buildSecrets: undefined,
    secretVolumes: [],
    watchSeconds: 10,
  };
}

function seenOf(size: number): Seen {
  const all = Array.from({ length: size * replicas }, (_, index) => index);
  return {
    replicas: all.map((index) => ({
      id: `id-${index}`,
      name: `bench-${index}`,
      service: `service-${Math.floor(index / replicas)}`,
      number: (index % replicas) + 1,
      spec: 'old',
      imageId: 'sha256:old',
      release: 1,
      running: true,
      exitCode: undefined,
      neverRan: false,
      anonymousVolumes: [],
      address: '10.0.0.1',
      membership: 'ready' as const,
    })),
    leftovers: [],
    stale: [],
    applied: nothingApplied,
    parts: {},
    capacity: { cpus: 1e6, memoryBytes: 1e15 },
  };
}
