import { numbered, type Context } from '../../deploy/context.ts';
import { labels } from '../../engine/labels.ts';
import { OperatorError, exitCodes } from '../../errors.ts';
import type { ComposeModel } from '../../engine/compose-model.ts';
import { mustDatabase } from './apply.ts';
import { dataFolder, dataVolume, etcdService, memberService, ports } from './names.ts';
import { tlsFiles } from './patroni.ts';
import { primaryMember } from './psql.ts';
import { noteDatabase } from './sections.ts';

const first = memberService(1);
/** Terabytes take hours; seconds. */
const analyzeSeconds = 24 * 3600;
const rehearsalVolume = 'horme-postgres-rehearsal';

/** All of it on a copy: what pg_upgrade refuses, and how long it takes, are known before anything stops. */
export async function rehearseUpgrade(
  context: Context,
  { from, primary }: { from: number; primary: string },
): Promise<void> {
  const { engine, content } = context;
  const volume = `${content.project}_${rehearsalVolume}`;
  await engine.removeVolume(volume);
  try {
    await inFirstMember(context, rehearsalVolume, ['rehearse', String(from), primary]);
  } finally {
    await engine.removeVolume(volume);
  }
}

/** The old data stays beside the new, untouched: going back is starting the old version on it. */
export function upgradeData(context: Context, from: number): Promise<void> {
  context.otherData.begun = true;
  return inFirstMember(context, dataVolume(1), ['upgrade', String(from)]);
}

async function inFirstMember(context: Context, volume: string, command: string[]): Promise<void> {
  const lines: string[] = [];
  const exitCode = await context.compose.runOnce(withData(numbered(context), volume), first, command, (line) => {
    lines.push(line);
    context.emit({ kind: 'log', source: first, line });
  });
  if (exitCode === 0) return;
  throw new OperatorError(
    `the ${command[0]} of the data to PostgreSQL ${mustDatabase(context.content).version} failed`,
    {
      code: 'upgrade-failed',
      exitCode: exitCodes.rolledBack,
      lastSeen: lines.slice(-30).join('\n'),
      next: 'mend what pg_upgrade names, then: horme db upgrade',
    },
  );
}

/** The first member beside the one that runs: on that volume, and under another name, or it would take itself for the other. */
function withData(model: ComposeModel, volume: string): ComposeModel {
  const definition = model.services[first];
  if (!definition) throw new Error('the release has no database');
  const volumes = (definition.volumes ?? []).map((mount) =>
    mount.target === dataFolder ? { ...mount, source: volume } : mount,
  );
  return {
    ...model,
    services: { ...model.services, [first]: { ...definition, volumes, hostname: 'horme-upgrade' } },
    volumes: { ...model.volumes, [volume]: { name: `${model.name}_${volume}` } },
  };
}

/** Whoever keeps the backups has put it beside the first member's data. */
export async function swapIn(
  context: Context,
  id: string,
  restored: { stamp: string; members: string[] },
): Promise<void> {
  const part = context.parts.find((one) => one.swapIn);
  if (!part?.swapIn) throw new Error('no part has restored data');
  await part.swapIn(context, id, restored);
}

/** Data after pg_upgrade or a restore has an identity that Patroni would refuse as another cluster's. */
export async function forgetCluster(context: Context): Promise<void> {
  const { engine, content } = context;
  const filter = { [labels.project]: content.project, [labels.service]: etcdService };
  const etcd = (await engine.containers(filter)).find(({ state }) => state === 'running');
  if (!etcd) throw new Error('etcd does not run');
  const { authority, certificate, key } = tlsFiles;
  const { exitCode, output } = await engine.exec(etcd.id, [
    ...['etcdctl', `--endpoints=https://localhost:${ports.etcd}`],
    ...['--cacert', authority, '--cert', certificate, '--key', key],
    ...['del', '--prefix', `/horme/${content.project}/`],
  ]);
  if (exitCode !== 0) throw new Error(`etcdctl: ${output.trim()}`);
  await noteDatabase(context.store, { shared: '' });
}

/** From now on the older version can't have the data back without losing what was written. */
export async function analyze(context: Context): Promise<void> {
  const { engine, content, signal } = context;
  const { container } = await primaryMember(engine, content.project);
  const { exitCode, output } = await engine.exec(container, ['analyze'], { deadlineSeconds: analyzeSeconds, signal });
  if (exitCode !== 0) throw new Error(`vacuumdb: ${output.trim()}`);
  await noteDatabase(context.store, { version: mustDatabase(content).version });
}
