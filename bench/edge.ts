import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { edgeNetwork } from '../src/edge/part.ts';
import { labels } from '../src/engine/labels.ts';
import { findProgram, run } from '../src/engine/process.ts';
import { imageTags } from '../src/platform/images.ts';
import { median, ratio, round, type Measured, type Part } from './measure.ts';
import { openScene, type Scene } from './project.ts';

const runs = 3;
const seconds = 5;
const connections = 16;
const haproxyPort = 8000;

interface Load {
  perSecond: number;
  p50: number;
  p99: number;
}

/** What the hops cost: the same replica asked directly, through one plain HAProxy, and through the whole edge. */
export const edge: Part = {
  name: 'edge',
  about: 'requests a second and latency through the edge against a bare replica and one bare HAProxy (needs wrk)',
  measure,
};

async function measure(): Promise<Measured> {
  if (!(await findProgram('wrk', process.env.PATH ?? ''))) throw new Error('wrk is not installed: apt-get install wrk');
  const scene = await openScene('bench-edge', { http: 19081, https: 19444 }, 0);
  let bare: string | undefined;
  try {
    await scene.write('v1');
    await scene.horme('deploy', '--watch', '0');
    await scene.horme('scale', 'app=1');
    const replica = await addressOf(scene, 'app');
    bare = await bareHaproxy(scene, replica);
    const haproxy = (await scene.engine.containers({ 'horme.bench': 'haproxy' }))[0]?.addresses[network(scene)] ?? '';
    const ways = {
      'the replica itself, HTTP': `http://${replica}:8000/`,
      'one bare HAProxy, HTTP': `http://${haproxy}:${haproxyPort}/`,
      'the whole edge, HTTPS': `https://127.0.0.1:${scene.port}/`,
    };
    const loads: Record<string, Load[]> = {};
    for (let turn = 0; turn < runs; turn++) {
      for (const [name, url] of Object.entries(ways)) loads[name] = [...(loads[name] ?? []), await load(scene, url)];
    }
    return report(loads);
  } finally {
    if (bare) await scene.engine.remove(bare);
    await scene.remove();
  }
}

const network = (scene: Scene) => `${scene.project}_${edgeNetwork}`;

async function addressOf(scene: Scene, service: string): Promise<string> {
  const [container] = await scene.engine.containers({ [labels.project]: scene.project, [labels.service]: service });
  return container?.addresses[network(scene)] ?? '';
}

async function bareHaproxy(scene: Scene, replica: string): Promise<string> {
  const file = join(scene.directory, 'haproxy.cfg');
  await writeFile(
    file,
    `global
  maxconn 4000
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 60s
listen bench
  bind :${haproxyPort}
  server replica ${replica}:8000
`,
    { mode: 0o644 },
  );
  const id = await scene.engine.create({
    image: imageTags().haproxy,
    labels: { 'horme.bench': 'haproxy' },
    network: network(scene),
    mounts: [`${file}:/etc/horme/haproxy/haproxy.cfg:ro`],
  });
  await scene.engine.start(id);
  return id;
}

async function load(scene: Scene, url: string): Promise<Load> {
  const argv = [
    'wrk',
    '--latency',
    '-t1',
    `-c${connections}`,
    `-d${seconds}s`,
    '-H',
    `Host: ${scene.host}:${scene.port}`,
    url,
  ];
  const { stdout, exitCode, stderr } = await run(argv, { deadlineSeconds: seconds + 30 });
  if (exitCode !== 0) throw new Error(`wrk: ${stderr}`);
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`wrk saw errors at ${url}: ${stdout}`);
  const milliseconds = (share: string) => {
    const [, value = '0', unit = 'ms'] = new RegExp(`${share}%\\s+([\\d.]+)(us|ms|s)`).exec(stdout) ?? [];
    return Number(value) * ({ us: 0.001, ms: 1, s: 1000 }[unit] ?? 1);
  };
  return {
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]),
    p50: milliseconds('50'),
    p99: milliseconds('99'),
  };
}

function report(loads: Record<string, Load[]>): Measured {
  const of = (name: string, key: keyof Load) => median((loads[name] ?? []).map((one) => one[key]));
  const [base = ''] = Object.keys(loads);
  return {
    title: `What the edge costs: ${connections} kept connections for ${seconds} s`,
    columns: ['way', 'requests/s', 'to the replica', 'p50 ms', 'p99 ms'],
    rows: Object.keys(loads).map((name) => [
      name,
      Math.round(of(name, 'perSecond')),
      ratio(of(name, 'perSecond'), of(base, 'perSecond')),
      round(of(name, 'p50'), 2),
      round(of(name, 'p99'), 2),
    ]),
    notes: [`medians of ${runs} turns; one replica; wrk, the edge and the replica share the machine's cores`],
  };
}
