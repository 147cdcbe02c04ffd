import { gateService } from '../src/traffic/names.ts';
import { edgeNetwork } from '../src/platform/networks.ts';
import { innerPorts } from '../src/parts/edge/nginx.ts';
import { publicNetwork } from '../src/parts/edge/services.ts';
import { labels } from '../src/engine/labels.ts';
import { findProgram, run } from '../src/engine/process.ts';
import { bareHaproxy, edgeByHand, haproxyPort } from './edge-by-hand.ts';
import { median, range, ratio, round, type Measured, type Part } from './measure.ts';
import { openScene, type Scene } from './project.ts';

const runs = 3;
const seconds = 5;
const connections = 16;
const byHand = 'nginx and HAProxy by hand, HTTPS';

interface Load {
  perSecond: number;
  p50: number;
  p99: number;
}

/**
 * What the hops cost: the same replica asked directly, through one plain HAProxy, through nginx and HAProxy as one would set
 * them up by hand, and through the whole edge. Each at its container's own address: a published port of this machine is
 * answered by Docker's userland proxy, a process that copies bytes.
 */
export const edge: Part = {
  name: 'edge',
  about: 'requests a second and latency through the edge against nginx and HAProxy set up by hand (needs wrk)',
  measure,
};

async function measure(): Promise<Measured> {
  if (!(await findProgram('wrk', process.env.PATH ?? ''))) throw new Error('wrk is not installed: apt-get install wrk');
  const scene = await openScene('bench-edge', { http: 19081, https: 19444 }, 0);
  const started: string[] = [];
  try {
    await scene.write('v1');
    await scene.horme('deploy', '--watch', '0');
    await scene.horme('scale', 'app=1');
    const [replica, gate] = [
      await addressOf(scene, 'app', edgeNetwork),
      await addressOf(scene, gateService, publicNetwork),
    ];
    const place = { scene, network: `${scene.project}_${edgeNetwork}`, replica: `${replica}:8000`, started };
    const ways = {
      'the replica itself, HTTP': `http://${replica}:8000/`,
      'one bare HAProxy, HTTP': `http://${await bareHaproxy(place)}:${haproxyPort}/`,
      [byHand]: `https://${await edgeByHand(place)}:${innerPorts.https}/`,
      'the whole edge, HTTPS': `https://${gate}:${innerPorts.https}/`,
    };
    const loads: Record<string, Load[]> = {};
    for (let turn = 0; turn < runs; turn++) {
      for (const [name, url] of Object.entries(ways)) loads[name] = [...(loads[name] ?? []), await load(scene, url)];
    }
    return report(loads);
  } finally {
    for (const id of started) await scene.engine.remove(id);
    await scene.remove();
  }
}

async function addressOf(scene: Scene, service: string, network: string): Promise<string> {
  const [container] = await scene.engine.containers({ [labels.project]: scene.project, [labels.service]: service });
  const address = container?.addresses[`${scene.project}_${network}`];
  if (!address) throw new Error(`${service} has no address in ${network}`);
  return address;
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
    columns: ['way', 'requests/s', 'min–max', 'to the replica', 'to by hand', 'p50 ms', 'p99 ms'],
    rows: Object.keys(loads).map((name) => [
      name,
      Math.round(of(name, 'perSecond')),
      range((loads[name] ?? []).map(({ perSecond }) => perSecond)),
      ratio(of(name, 'perSecond'), of(base, 'perSecond')),
      ratio(of(name, 'perSecond'), of(byHand, 'perSecond')),
      round(of(name, 'p50'), 2),
      round(of(name, 'p99'), 2),
    ]),
    notes: [
      `medians of ${runs} turns; one replica; wrk, the edge and the replica share the machine's cores`,
      'by hand: the same images, certificate and TLS profile, nginx → unix socket → one HAProxy → the replica, with an access log; no second HAProxy, no switch for maintenance, no request id',
      "each is asked at its container's own address, not at a published port, where Docker's userland proxy copies the bytes",
    ],
  };
}
