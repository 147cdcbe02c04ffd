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

/** At once, at every nginx of the edge; the page is the one that the user's files name now. */
export async function switchMaintenance(store: Store, on: boolean, page: string | undefined): Promise<void> {
  const content = `${on ? 'on' : 'off'}\n`;
  await store.write(edgeFolder, [...pageFiles(page), { path: maintenanceSwitch, content, mode: on ? 0o755 : 0o644 }]);
}

/** What nginx or HAProxy reads when it starts; one that runs is told by a reload instead. */
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

/** What a HAProxy that starts anew reads: the replicas that serve now, new ones before old ones. */
export async function writeMembers(context: Context): Promise<void> {
  const { store, routed } = context;
  const serving = await members(context);
  await store.write(edgeFolder, [{ path: 'haproxy/haproxy.cfg', content: renderHaproxy(routed, serving) }]);
  await noteEdge(store, { members: membersFingerprint(Object.values(serving).flat()) });
}

async function members({ balancers, routed }: Context): Promise<Members> {
  return (await (await balancers.get())?.members(routed)) ?? {};
}

/** With the backends of the release before while its replicas may still drain; without them once they are gone. */
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

/** Asked anew each time: right after the signal it is still the old process that answers. */
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
 * From inside, to the first process, which passes it on. Engines up to 20.10 take any signal of theirs for the user's wish to
 * stop the container: it would not come back after a crash or a restart of the engine.
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
