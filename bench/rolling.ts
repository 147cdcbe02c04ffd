import { haproxyServices } from '../src/traffic/names.ts';
import { Balancers } from '../src/traffic/balancers.ts';
import { composeDriver } from '../src/engine/compose.ts';
import { openConnection } from '../src/engine/connection.ts';
import { labels } from '../src/engine/labels.ts';
import type { Container } from '../src/engine/engine.ts';
import { composeCommand } from '../src/engine/compose-config.ts';
import { run } from '../src/engine/process.ts';
import { readContent, readLedger } from '../src/release/ledger.ts';
import { Store } from '../src/release/store.ts';
import type { ReleaseContent } from '../src/release/release.ts';
import { forkTraffic } from '../test/e2e/traffic-process.ts';
import { firstNewAt, lastOldAt, type Report } from '../test/e2e/traffic.ts';
import { median, ratio, round, type Measured, type Part } from './measure.ts';
import { openScene, type Scene } from './project.ts';

const runs = 7;
/** As the reference measurement: an API that takes this long to listen. */
const bootMilliseconds = 1500;
const replicas = 3;

/** One switch from the version before to this one; gives when the command was done, in seconds. */
type Way = (scene: Scene, version: string) => Promise<number>;

interface Run {
  wall: number;
  allNew: number;
  failed: number;
  requests: number;
  p99: number;
  max: number;
}

export const rolling: Part = {
  name: 'rolling',
  about: 'rolling deploy against the same steps by hand and against `docker compose up -d`',
  measure,
};

async function measure(): Promise<Measured> {
  const scene = await openScene('bench-rolling', { http: 19080, https: 19443 }, bootMilliseconds);
  try {
    await scene.write('v0');
    await scene.horme('deploy', '--watch', '0');
    const ways: Record<string, Way> = {
      'by hand, all at once': byHand,
      'horme deploy': byHorme,
      'docker compose up -d': byCompose,
    };
    const results: Record<string, Run[]> = {};
    for (let turn = 1; turn <= runs; turn++) {
      for (const [name, way] of Object.entries(ways)) {
        results[name] = [
          ...(results[name] ?? []),
          await underTraffic(scene, `${turn}-${name.replaceAll(/\W/g, '')}`, way),
        ];
        // Whatever the way left, the next one begins from a state that horme knows.
        await scene.horme('deploy', '--watch', '0');
      }
    }
    return report(results);
  } finally {
    await scene.remove();
  }
}

async function underTraffic(scene: Scene, version: string, way: Way): Promise<Run> {
  await scene.write(version);
  const origin = `https://127.0.0.1:${scene.port}`;
  const traffic = await forkTraffic({
    origin,
    host: `${scene.host}:${scene.port}`,
    kinds: { websocket: 0, sse: 0, upload: 0 },
  });
  try {
    const began = performance.timeOrigin + performance.now();
    const wall = await way(scene, version);
    let seen: Report = await traffic.snapshot();
    while (firstNewAt(seen, version) === undefined) seen = await traffic.snapshot();
    const report = await traffic.stop();
    const settled = Math.max(firstNewAt(report, version) ?? 0, lastOldAt(report, version) ?? 0);
    return {
      wall,
      allNew: (settled - began) / 1000,
      failed: report.failed,
      requests: report.requests,
      p99: report.p99,
      max: report.max,
    };
  } finally {
    traffic.kill();
  }
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

const byHorme = (scene: Scene) => secondsOf(() => scene.horme('deploy', '--watch', '0'));

async function live(scene: Scene): Promise<ReleaseContent> {
  const seen = await scene.engine.containers({ [labels.project]: scene.project });
  const store = Store.existing(scene.engine, scene.project, seen);
  const ledger = await readLedger(store);
  const content = store && ledger.live && (await readContent(store, ledger.live.number));
  if (!content) throw new Error('no release is live');
  return content;
}

/** What is live with another version in it, and a spec of its own, as an operator would edit the rendered file. */
async function edited(scene: Scene, version: string): Promise<ReleaseContent> {
  const content = structuredClone(await live(scene));
  const app = content.compose.services.app;
  if (!app) throw new Error('the release has no app');
  app.environment = { ...app.environment, VERSION: version };
  app.labels = { ...app.labels, [labels.spec]: `bench-${version}` };
  return content;
}

/** The floor: the same steps with nothing around them, the engine and HAProxy driven directly. */
async function byHand(scene: Scene, version: string): Promise<number> {
  const content = await edited(scene, version);
  const service = content.services.find(({ name }) => name === 'app');
  if (!service) throw new Error('the release has no app');
  const { engine, project } = scene;
  const compose = composeDriver(
    scene.directory,
    openConnection(undefined, process.env).environment,
    new AbortController().signal,
  );
  const of = (name: string) => engine.containers({ [labels.project]: project, [labels.service]: name });
  const haproxies = (await Promise.all(haproxyServices.map(of))).flat().map(({ id }) => id);
  const balancers = await Balancers.open(engine, haproxies);
  const old = await of('app');
  const seconds = await secondsOf(async () => {
    await compose.scaleUp(content.compose, { app: 2 * replicas });
    const fresh = (await of('app')).filter(({ id }) => !old.some((one) => one.id === id));
    const address = (one: Container) => one.addresses[`${project}_horme-edge`] ?? '';
    await Promise.all(fresh.map((one) => answering(address(one))));
    await balancers.admit(
      service,
      fresh.map((one) => ({ name: one.name, address: address(one) })),
    );
    const names = old.map(({ name }) => name);
    await balancers.drain(service, names);
    while (Object.values(await balancers.sessions(service, names)).some(({ ordinary }) => ordinary > 0));
    await Promise.all(old.map(({ id }) => engine.stop(id, 10)));
    await balancers.release(service, names);
    await Promise.all(old.map(({ id }) => engine.remove(id)));
  });
  balancers.close();
  return seconds;
}

async function answering(address: string): Promise<void> {
  for (;;) {
    const answer = await fetch(`http://${address}:8000/health`).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** What a team without a tool does, behind the very same edge, which follows the names by DNS. */
async function byCompose(scene: Scene, version: string): Promise<number> {
  const content = await edited(scene, version);
  const [program = 'docker', ...prefix] = await composeCommand();
  const argv = [
    program,
    ...prefix,
    '--project-name',
    scene.project,
    '--project-directory',
    scene.directory,
    '--file',
    '-',
  ];
  return secondsOf(async () => {
    const words = ['up', '--detach', '--no-deps', '--no-build', '--pull', 'never', 'app'];
    const { exitCode, stderr } = await run([...argv, ...words], {
      input: JSON.stringify(content.compose),
      deadlineSeconds: 120,
    });
    if (exitCode !== 0) throw new Error(stderr);
  });
}

function report(results: Record<string, Run[]>): Measured {
  const of = (name: string, key: keyof Run) => median((results[name] ?? []).map((run) => run[key]));
  const floor = of('by hand, all at once', 'allNew');
  return {
    title: `A new version of ${replicas} replicas that boot in ${bootMilliseconds} ms, under traffic`,
    columns: ['way', 'command s', 'all traffic new s', 'to by hand', 'failed', 'requests', 'p99 ms', 'max ms'],
    rows: Object.entries(results).map(([name, own]) => [
      name,
      round(of(name, 'wall')),
      round(of(name, 'allNew')),
      ratio(of(name, 'allNew'), floor),
      own.map(({ failed }) => failed).join(', '),
      own.map(({ requests }) => requests).join(', '),
      round(of(name, 'p99')),
      round(of(name, 'max')),
    ]),
    notes: [
      `medians of ${runs} turns; failed and requests of each turn`,
      'kept, fresh and HTTP/2 connections and 2-second requests; horme with --watch 0, since the others watch nothing',
      'every way runs behind the same nginx and two HAProxies',
    ],
  };
}
