import { until, type Context } from '../../deploy/context.ts';
import { nginxFingerprint } from './plan.ts';
import { labels } from '../../engine/labels.ts';
import { OperatorError, exitCodes } from '../../errors.ts';
import { edgeFolder, type Store } from '../../release/store.ts';
import { selfSigned } from './certificate.ts';
import {
  backendsOf,
  haproxyStructure,
  membersFingerprint,
  renderHaproxy,
  type Members,
} from '../../traffic/haproxy.ts';
import { configurationFolder, maintenanceSwitch } from './nginx.ts';
import { pageFiles } from './pages.ts';
import { edgeOptions } from './options.ts';
import { noteEdge, releasedEdge, type EdgeApplied } from './sections.ts';
import { nginxService } from './services.ts';

const reloadSeconds = 30;

/** Takes effect at once at every nginx. The page is the one that the user's files name now. */
export async function switchMaintenance(store: Store, on: boolean, page: string | undefined): Promise<void> {
  const content = `${on ? 'on' : 'off'}\n`;
  await store.write(edgeFolder, [...pageFiles(page), { path: maintenanceSwitch, content, mode: on ? 0o755 : 0o644 }]);
}

/** Writes the files that nginx or HAProxy reads at its start; a running one needs a reload. */
export async function writeEdge(context: Context, wanted: { nginx: boolean; haproxy: boolean }): Promise<void> {
  const { store, content, routed } = context;
  await ensureCertificate(context);
  const files = [...pageFiles(pageOf(context))];
  const told: Partial<EdgeApplied> = {};
  if (wanted.nginx) {
    files.push({ path: 'nginx/nginx.conf', content: releasedEdge(content).nginx });
    told.nginx = nginxFingerprint(content);
  }
  if (wanted.haproxy) {
    const serving = await members(context);
    files.push({ path: 'haproxy/haproxy.cfg', content: renderHaproxy(routed, serving) });
    told.haproxy = haproxyStructure(routed);
    told.members = membersFingerprint(Object.values(serving).flat());
  }
  await store.write(edgeFolder, files);
  await noteEdge(store, told);
}

const pageOf = ({ stack }: Context): string | undefined => edgeOptions(stack).maintenancePage;

async function ensureCertificate({ store, content }: Context): Promise<void> {
  const { certificate } = releasedEdge(content);
  if (!certificate) return;
  const existing = await store.read(`${edgeFolder}/tls/${certificate.name}.key`);
  if (existing.size === 0) await store.write(edgeFolder, await selfSigned(certificate.name, certificate.hosts));
}

/** Writes the replica list that a restarted HAProxy reads: the replicas that serve now, new ones first. */
export async function writeMembers(context: Context): Promise<void> {
  const { store, routed } = context;
  const serving = await members(context);
  await store.write(edgeFolder, [{ path: 'haproxy/haproxy.cfg', content: renderHaproxy(routed, serving) }]);
  await noteEdge(store, { members: membersFingerprint(Object.values(serving).flat()) });
}

async function members({ balancers, routed }: Context): Promise<Members> {
  return (await (await balancers.get())?.members(routed)) ?? {};
}

/** `keepFormer`: keeps the backends of the previous release while its replicas may still drain. */
export async function reloadHaproxy(context: Context, keepFormer: boolean): Promise<void> {
  const { engine, store } = context;
  const routed = keepFormer ? context.routed : context.content.services;
  const serving = await members(context);
  const config = renderHaproxy(routed, serving);
  await store.write(edgeFolder, [{ path: 'haproxy/next.cfg', content: config }]);
  const containers = await context.balancers.containers();
  for (const id of containers) {
    const { exitCode, output } = await engine.exec(id, [
      'haproxy',
      '-c',
      '-f',
      `${configurationFolder}/haproxy/next.cfg`,
    ]);
    if (exitCode !== 0) throw refused('HAProxy', output);
  }
  await store.write(edgeFolder, [{ path: 'haproxy/haproxy.cfg', content: config }]);
  for (const id of containers) await reload(engine, id, 'USR2');
  context.balancers.close();
  const expected = backendsOf(routed).map(({ name }) => name);
  const took = await until(
    async () => (await backendsSeen(context)).every((seen) => expected.every((name) => seen.includes(name))),
    {
      seconds: reloadSeconds,
      everyMilliseconds: 50,
      signal: context.signal,
    },
  );
  if (!took) throw refused('HAProxy', `it did not take the new configuration within ${reloadSeconds} s`);
  await noteEdge(store, {
    haproxy: haproxyStructure(routed),
    members: membersFingerprint(Object.values(serving).flat()),
  });
}

/** Opens new connections each time, since right after the signal the old process still answers. */
async function backendsSeen(context: Context): Promise<string[][]> {
  const containers = await context.balancers.containers();
  const answers = await Promise.all(
    containers.map((id) =>
      context.engine.exec(id, ['sh', '-c', 'echo "show backend" | socat - UNIX-CONNECT:/run/haproxy/admin.sock']),
    ),
  );
  return answers.map(({ output }) => output.split('\n').map((line) => line.trim()));
}

export async function reloadNginx(context: Context): Promise<void> {
  const { engine, store, content } = context;
  await ensureCertificate(context);
  await store.write(edgeFolder, [
    ...pageFiles(pageOf(context)),
    { path: 'nginx/next.conf', content: releasedEdge(content).nginx },
  ]);
  const all = await engine.containers({ [labels.project]: content.project, [labels.service]: nginxService });
  const running = all.filter(({ state }) => state === 'running');
  for (const { id } of running) {
    const { exitCode, output } = await engine.exec(id, [
      'nginx',
      '-t',
      '-e',
      '/dev/stderr',
      '-c',
      `${configurationFolder}/nginx/next.conf`,
    ]);
    if (exitCode !== 0) throw refused('nginx', output);
  }
  await store.write(edgeFolder, [{ path: 'nginx/nginx.conf', content: releasedEdge(content).nginx }]);
  for (const { id } of running) await reload(engine, id, 'HUP');
  await noteEdge(store, { nginx: nginxFingerprint(content) });
}

/**
 * Sends the signal from inside the container, to process 1. Engines up to 20.10 treat any signal sent by the engine as
 * a manual stop: the container would not be restarted after a crash or a restart of the engine.
 */
async function reload(engine: Context['engine'], id: string, signal: 'HUP' | 'USR2'): Promise<void> {
  const { exitCode, output } = await engine.exec(id, ['sh', '-c', `kill -${signal} 1`]);
  if (exitCode !== 0) throw new Error(`the signal ${signal} did not reach ${id}: ${output.trim()}`);
}

function refused(program: string, output: string): OperatorError {
  return new OperatorError(`${program} refuses the new configuration; the old one stays`, {
    code: 'edge-configuration',
    exitCode: exitCodes.rolledBack,
    lastSeen: output.trim(),
    next: 'horme render',
  });
}
