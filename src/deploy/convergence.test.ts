import { routedServices } from '../traffic/routed.ts';
import { haproxyServices } from '../traffic/names.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { haproxyStructure } from '../traffic/haproxy.ts';
import { nginxService } from '../parts/edge/services.ts';
import type { ReleaseContent, ReleaseService } from '../release/release.ts';
import { nginxFingerprint } from '../parts/edge/plan.ts';
import { planText } from './plan.ts';
import type { Action, PlanOptions } from './step.ts';
import {
  apply,
  copyOf,
  look,
  replaceHalf,
  runningOf,
  serves,
  slotKey,
  type SimContainer,
  type World,
} from './simulator.ts';
import { content, edge, health, options, stepsOfPlan, route, service, version } from './testing.ts';

/** Enough to walk through the interesting mixes; a failure prints its seed. */
const runs = Number(process.env['HORME_PROPERTY_RUNS'] ?? 200);

const gibibyte = 1024 ** 3;

interface Case {
  former: ReleaseContent;
  wanted: ReleaseContent;
  world: World;
}

const spec = fc.constantFrom('v0', 'v1', 'v2');
const changes = fc.record({ edge: fc.boolean(), users: fc.boolean(), port: fc.boolean(), health: fc.boolean() });
const counts = fc.record({
  api: fc.integer({ min: 0, max: 4 }),
  apiBefore: fc.integer({ min: 1, max: 12 }),
  worker: fc.integer({ min: 0, max: 3 }),
  store: fc.integer({ min: 1, max: 2 }),
  ledger: fc.integer({ min: 0, max: 2 }),
  reserved: fc.constantFrom(0, 1, 3),
  cpus: fc.integer({ min: 1, max: 12 }),
});

function services(own: {
  api: number;
  worker: number;
  store: number;
  ledger: number;
  reserved: number;
}): ReleaseService[] {
  const after = (name: string) => ({
    dependsOn: [{ service: name, condition: 'service_completed_successfully' as const }],
  });
  return [
    service('api', {
      replicas: own.api,
      routes: [route(3000)],
      migrate: ['migrate'],
      reservation: { cpus: own.reserved, memoryBytes: 0 },
      ...after('seed'),
    }),
    service('worker', { replicas: own.worker, ...after('api') }),
    service('store', {
      replicas: own.store,
      routes: [route(9000, '/files')],
      strategy: { kind: 'stop-first', reason: 'owns the volume files' },
    }),
    // The release need not know: its image may have a VOLUME.
    service('ledger', { replicas: own.ledger, routes: [route(9100, '/ledger')] }),
    service('index', { kind: 'job' }),
    service('seed', { kind: 'job', ...after('store') }),
  ];
}

interface Wish {
  what: { edge: boolean; users: boolean; port: boolean; health: boolean };
  count: {
    api: number;
    apiBefore: number;
    worker: number;
    store: number;
    ledger: number;
    reserved: number;
    cpus: number;
  };
}

/** The release that was live and the one that is wanted, which may differ in anything. */
function releases({ what, count }: Wish): Pick<Case, 'former' | 'wanted'> {
  const gone = service('gone', { routes: [route(7000, '/gone')] });
  const former = content([...edge('v1'), ...services({ ...count, api: count.apiBefore }), gone]);
  const changed = services(count).map((one) => {
    const next = what.users ? version(one, 'v2') : one;
    if (one.name !== 'api') return next;
    const asked = what.health ? health : undefined;
    return { ...next, routes: [{ ...route(what.port ? 4000 : 3000), health: asked }] };
  });
  return { former, wanted: content([...edge(what.edge ? 'v2' : 'v1'), ...changed]) };
}

const observed = fc.record({
  spec,
  state: fc.constantFrom('running', 'running', 'running', 'created', 'ended', 'crashed'),
  answers: fc.boolean(),
  slots: fc.constantFrom('ready', 'ready', 'drain', 'half', 'none'),
});
type Observed = typeof observed extends fc.Arbitrary<infer T> ? T : never;

const mixes = fc.record({
  api: fc.array(observed, { maxLength: 6 }),
  worker: fc.array(observed, { maxLength: 4 }),
  store: fc.array(observed, { maxLength: 3 }),
  ledger: fc.array(observed, { maxLength: 3 }),
  index: fc.array(observed, { maxLength: 2 }),
  seed: fc.array(observed, { maxLength: 2 }),
  gone: fc.array(observed, { maxLength: 2 }),
  'horme-gate': fc.array(observed, { maxLength: 1 }),
  'horme-haproxy-a': fc.array(observed, { maxLength: 1 }),
  'horme-haproxy-b': fc.array(observed, { maxLength: 1 }),
  'horme-nginx': fc.array(observed, { maxLength: 3 }),
});

const anyCase: fc.Arbitrary<Case> = fc
  .record({
    wish: fc.record({ what: changes, count: counts }),
    mix: mixes,
    leftover: fc.boolean(),
    stale: fc.boolean(),
    noted: fc.constantFrom('ready', 'all', 'none'),
    applied: fc.record({
      nginx: fc.constantFrom('former' as const, 'wanted' as const, 'none' as const),
      haproxy: fc.constantFrom('former' as const, 'wanted' as const, 'both' as const, 'none' as const),
    }),
  })
  .map(({ wish, mix, leftover, stale, noted, applied }) => {
    const { former, wanted } = releases(wish);
    const world: World = {
      containers: Object.entries(mix).flatMap(([name, all]) => containersOf(name, all, wanted)),
      leftovers: leftover ? [{ id: 'api-run-1', name: 'api-run-1' }] : [],
      slots: new Map(),
      keeping,
      noted: [],
      applied: { nginx: '', haproxy: '' },
      capacity: { cpus: wish.count.cpus, memoryBytes: 64 * gibibyte },
    };
    fillSlots(world, mix, stale);
    const known = [...(world.slots.values().next().value?.keys() ?? [])];
    world.noted = noted === 'none' ? [] : noted === 'all' ? known : known.slice(0, 1);
    const started = { ...world, applied: appliedOf(applied, { former, wanted }) };
    return printable({ former, wanted, world: started }, { wish, noted, applied });
  });

/** A counterexample that a person can read. */
function printable(one: Case, drawn: object): Case {
  const { containers, slots } = one.world;
  const at = (key: string) => [...slots.values()].map((known) => known.get(key) ?? 'absent').join('|');
  const lines = containers.map(
    (own) =>
      `${own.name} ${own.spec} ${own.running ? 'running' : `not running (${own.exitCode})`} ${own.answers ? '' : 'silent '}${at(slotKey(own))}`,
  );
  const print = () => [JSON.stringify(drawn), ...lines].join('\n');
  return Object.defineProperty(one, fc.toStringMethod, { value: print, enumerable: false });
}

const hasRoute = (name: string) => ['api', 'store', 'ledger', 'gone'].includes(name);
/** Whose containers have anonymous volumes. */
const keeping = ['ledger', 'index'];

function containersOf(name: string, all: Observed[], wanted: ReleaseContent): SimContainer[] {
  const right = wanted.services.find((one) => one.name === name)?.spec;
  const finished = all.findIndex((one) => one.spec !== right || !one.answers);
  return all.map((one, index) => ({
    id: `${name}-${index + 1}`,
    name: `${name}-${index + 1}`,
    service: name,
    number: index + 1,
    spec: one.spec,
    imageId: `sha256:${name}-${one.spec}`,
    release: 1,
    running: one.state === 'running',
    exitCode: one.state === 'ended' ? 0 : one.state === 'crashed' ? 1 : undefined,
    neverRan: one.state === 'created',
    anonymousVolumes: keeping.includes(name) ? [{ name: `${name} ${index + 1}`, path: '/data' }] : [],
    address: `10.0.0.${index + 1}`,
    // Who is at HAProxy, or of a release that was live, has been ready once; of the others the older ones come first.
    answers: hasRoute(name)
      ? one.slots !== 'none' || one.answers
      : one.spec !== right || finished === -1 || index < finished,
  }));
}

function fillSlots(world: World, mix: Record<string, Observed[]>, stale: boolean): void {
  for (const [index, instance] of haproxyServices.entries()) {
    if (runningOf(world, instance).length === 0) continue;
    const slots = new Map<string, 'ready' | 'drain'>();
    for (const one of world.containers.filter(({ service: name }) => hasRoute(name))) {
      const mode = mix[one.service]?.[one.number - 1]?.slots ?? 'none';
      if (mode === 'none' || (mode === 'half' && index === 0)) continue;
      slots.set(slotKey(one), mode === 'half' ? 'ready' : mode);
    }
    if (stale) slots.set('api api-99', 'ready');
    world.slots.set(instance, slots);
  }
}

function appliedOf(
  { nginx, haproxy }: { nginx: 'former' | 'wanted' | 'none'; haproxy: 'former' | 'wanted' | 'both' | 'none' },
  { former, wanted }: Pick<Case, 'former' | 'wanted'>,
): World['applied'] {
  const structures = {
    former: haproxyStructure(former.services),
    wanted: haproxyStructure(wanted.services),
    both: haproxyStructure(routedServices(wanted.services, former.services)),
    none: '',
  };
  const files = { former: nginxFingerprint(former), wanted: nginxFingerprint(wanted), none: '' };
  return { nginx: files[nginx], haproxy: structures[haproxy] };
}

/** Plans for a release, as seen now. */
function stepsFor(world: World, release: ReleaseContent, before: ReleaseContent, own: Partial<PlanOptions> = {}) {
  return stepsOfPlan(release, look(world, release, before.services), options({ former: before.services, ...own }));
}

/** The first half of a step, as when the process is killed in the middle of it. */
function halfOf(action: Action): Action | undefined {
  const half = <T>(all: T[]) => all.slice(0, Math.floor(all.length / 2));
  if (action.do === 'drain' || action.do === 'stop') return { ...action, replicas: half(action.replicas) };
  if (action.do === 'remove') return { ...action, containers: half(action.containers) };
  if (action.do === 'forget') return { ...action, slots: half(action.slots) };
  if (action.do === 'start') return { ...action, counts: Object.fromEntries(half(Object.entries(action.counts))) };
  if (action.do === 'admit' || action.do === 'ready') return { ...action, services: half(action.services) };
  return undefined;
}

interface Walk {
  release: ReleaseContent;
  before: ReleaseContent;
  own?: Partial<PlanOptions>;
  /** Steps to take before the cut, in per mille of the plan; undefined: all. */
  cut?: number;
}

/** Takes the steps of a plan, looking at the world after each. */
function walk(world: World, { release, before, own, cut }: Walk, check: (after: string) => void): void {
  const steps = stepsFor(world, release, before, own);
  const last = cut === undefined ? steps.length : Math.floor((cut / 1000) * steps.length);
  try {
    for (const step of steps.slice(0, last)) {
      apply(world, step.action, release, before.services);
      check(step.title);
    }
    const action = cut === undefined ? undefined : steps[last]?.action;
    if (action?.do === 'replace') replaceHalf(world, action, release, (cut ?? 0) % 4);
    const half = action && halfOf(action);
    if (half) apply(world, half, release, before.services);
    check('the cut');
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${planText(steps)}`, { cause: error });
  }
}

/** What holds now must hold after each step: whoever served is never without a replica that does. */
function invariants(world: World, { former, wanted }: Case): (after: string) => void {
  const surge = wanted.services.filter(
    ({ name, strategy, kind, replicas, owner }) =>
      !keeping.includes(name) && strategy.kind === 'surge' && kind === 'service' && replicas > 0 && owner === 'user',
  );
  // Nobody can tell from outside whether a replica of another spec answers yet: then its pair is left out.
  const blind = haproxyServices.some((name) =>
    runningOf(world, name).some(
      (own) => !own.answers && wanted.services.find((one) => one.name === name)?.spec !== own.spec,
    ),
  );
  const watched = surge.filter((one) => !(blind && one.routes.length > 0) && isUp(world, one)).map(({ name }) => name);
  const haproxy = !blind && answering(world, haproxyServices) > 0;
  const nginx = answering(world, [nginxService]) > 0;
  const known = [...wanted.services, ...former.services];
  const held = new Map(keeping.map((name) => [name, { ...dataOf(world, wanted, name) }]));
  return (after) => {
    for (const one of surge)
      if (watched.includes(one.name) && !isUp(world, one)) throw new Error(`${one.name} serves nobody after: ${after}`);
    if (haproxy && answering(world, haproxyServices) === 0) throw new Error(`no HAProxy after: ${after}`);
    if (nginx && answering(world, [nginxService]) === 0) throw new Error(`no nginx after: ${after}`);
    for (const name of keeping) checkVolumes(world, name, held);
    if (world.containers.some(({ service: name }) => !known.some((one) => one.name === name)))
      throw new Error('unknown');
  };
}

interface Data {
  /** Volumes of the containers that are to stay: no step may leave one of them without a container. */
  volumes: string[];
  running: number;
  replicas: number;
}

function dataOf(world: World, release: ReleaseContent, name: string): Data {
  const { kind = 'service', replicas = 0, spec } = release.services.find((one) => one.name === name) ?? {};
  const own = world.containers.filter((one) => one.service === name);
  const done = (one: SimContainer) => Number(kind === 'job' && one.spec === spec && one.exitCode === 0);
  const ordered = [...own].sort(
    (a, b) => done(b) - done(a) || Number(a.neverRan) - Number(b.neverRan) || a.number - b.number,
  );
  const volumes = [...new Set(ordered.flatMap(({ anonymousVolumes }) => anonymousVolumes.map((one) => one.name)))];
  const count = kind === 'job' ? 1 : replicas;
  return { volumes: count === 0 ? volumes : volumes.slice(0, count), running: runningOf(world, name).length, replicas };
}

function checkVolumes(world: World, name: string, before: Map<string, Data>): void {
  const { volumes = [], running = 0, replicas = 0 } = before.get(name) ?? {};
  const own = world.containers.filter((one) => one.service === name);
  const mounted = (all: SimContainer[]) => all.flatMap((one) => one.anonymousVolumes.map((volume) => volume.name));
  const lost = volumes.filter((volume) => !mounted(own).includes(volume));
  if (lost.length > 0) throw new Error(`${name} has lost ${lost.join()}`);
  const used = mounted(own.filter((one) => one.running));
  if (new Set(used).size < used.length) throw new Error(`two containers of ${name} write the same volume`);
  if (used.length > Math.max(running, replicas)) throw new Error(`${name} runs too often`);
}

const answering = (world: World, names: readonly string[]) =>
  names.flatMap((name) => runningOf(world, name)).filter(({ answers }) => answers).length;

/** With a route: a request would be answered, whichever HAProxy gets it. Without: a replica of a proven spec runs. */
function isUp(world: World, one: ReleaseService): boolean {
  if (one.routes.length === 0) return answering(world, [one.name]) > 0;
  return serves(world, one.name) && commonMember(world, one.name);
}

const commonMember = (world: World, name: string) =>
  runningOf(world, name).some(
    (one) => one.answers && [...world.slots.values()].every((slots) => slots.get(slotKey(one)) === 'ready'),
  );

function expectConverged(world: World, release: ReleaseContent): void {
  // What was running already needs no more than time.
  for (const one of world.containers) one.answers = true;
  expect(planText(stepsFor(world, release, release))).toBe('nothing to do');
  for (const one of release.services.filter(({ kind }) => kind === 'service')) {
    expect(runningOf(world, one.name).map((replica) => replica.spec)).toEqual(Array(one.replicas).fill(one.spec));
    if (one.routes.length > 0 && one.replicas > 0) expect(serves(world, one.name)).toBe(true);
  }
  for (const one of release.services.filter(({ kind }) => kind === 'job')) {
    const own = world.containers.filter(({ service: name }) => name === one.name);
    expect(own.map(({ running, exitCode, spec: done }) => [running, exitCode, done])).toContainEqual([
      false,
      0,
      one.spec,
    ]);
  }
  expect(new Set(world.containers.map(({ service: name }) => name)).size).toBeLessThanOrEqual(release.services.length);
}

describe('from any mix of observed containers', { timeout: 120_000 }, () => {
  const settings = { numRuns: runs };

  test('the plan, executed, leaves nothing to do, and whoever served always does', () => {
    fc.assert(
      fc.property(anyCase, (one) => {
        const world = copyOf(one.world);
        walk(world, { release: one.wanted, before: one.former }, invariants(world, one));
        expectConverged(world, one.wanted);
      }),
      settings,
    );
  });

  test('interrupted again and again, between steps and within them, it still gets there', () => {
    const cuts = fc.array(fc.integer({ min: 0, max: 999 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(anyCase, cuts, (one, all) => {
        const world = copyOf(one.world);
        const way = { release: one.wanted, before: one.former };
        for (const cut of all) walk(world, { ...way, cut }, invariants(world, one));
        walk(world, way, invariants(world, one));
        expectConverged(world, one.wanted);
      }),
      settings,
    );
  });

  test('from wherever a deploy failed, going back restores the release before', () => {
    fc.assert(
      fc.property(anyCase, fc.integer({ min: 0, max: 999 }), (one, cut) => {
        const world = copyOf(one.world);
        walk(world, { release: one.wanted, before: one.former, cut }, invariants(world, one));
        const back = { release: one.former, before: one.wanted, own: { migrate: false, watchSeconds: 0 } };
        walk(world, back, invariants(world, { ...one, wanted: one.former }));
        expectConverged(world, one.former);
      }),
      settings,
    );
  });

  test('the same release and observation give the same plan', () => {
    fc.assert(
      fc.property(anyCase, ({ world, wanted, former }) => {
        expect(planText(stepsFor(copyOf(world), wanted, former))).toBe(planText(stepsFor(world, wanted, former)));
      }),
      { numRuns: 50 },
    );
  });
});

/** All of them run, ready and known. */
const allUp = (names: Record<string, number>): Record<string, Observed[]> =>
  Object.fromEntries(
    Object.entries(names).map(([name, count]) => {
      const one: Observed = { spec: 'v1', state: 'running', answers: true, slots: 'ready' };
      return [name, Array.from({ length: count }, () => one)];
    }),
  );

describe.each([
  [1, 1],
  [2, 2],
  [1, 2],
])('with Compose killed while it makes of %i containers that have anonymous volumes %i new ones', (ledger, wish) => {
  test.each([
    [0, 'before it did anything'],
    [1, 'with a successor beside the old one, which runs'],
    [2, 'with a successor beside the old one, which is stopped'],
    [3, 'with a successor alone, which never ran'],
  ])('%i: %s', (phase) => {
    const count = { api: 1, apiBefore: 1, worker: 1, store: 1, ledger: wish, reserved: 0, cpus: 8 };
    const { former, wanted } = releases({ what: { edge: false, users: true, port: false, health: false }, count });
    const mix = allUp({ api: 1, ledger, 'horme-gate': 1, 'horme-haproxy-a': 1, 'horme-haproxy-b': 1 });
    const world: World = {
      containers: Object.entries(mix).flatMap(([name, all]) => containersOf(name, all, wanted)),
      ...{ leftovers: [], slots: new Map(), keeping, noted: [], capacity: { cpus: 8, memoryBytes: 64 * gibibyte } },
      applied: appliedOf({ nginx: 'former', haproxy: 'former' }, { former, wanted }),
    };
    fillSlots(world, mix, false);
    const check = invariants(world, { former, wanted, world });
    for (const { action, title } of stepsFor(world, wanted, former)) {
      if (action.do === 'replace') {
        replaceHalf(world, action, wanted, phase);
        check(`half of: ${title}`);
        break;
      }
      apply(world, action, wanted, former.services);
    }
    expect(runningOf(world, 'ledger')).toHaveLength(phase > 1 ? 0 : ledger);
    walk(world, { release: wanted, before: former }, check);
    expectConverged(world, wanted);
    const volumes = runningOf(world, 'ledger').map(({ anonymousVolumes: [own] }) => own?.name);
    expect(volumes).toHaveLength(wish);
    expect(volumes).toEqual(
      expect.arrayContaining(Array.from({ length: ledger }, (_, index) => `ledger ${index + 1}`)),
    );
  });
});
