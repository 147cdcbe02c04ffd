import { findingText, lintServices, type ServiceLint } from '../database/lint.ts';
import { portChecks, publishedBy, type Check } from '../deploy/ports.ts';
import { glance, type Situation } from '../deploy/situation.ts';
import type { EngineInfo } from '../engine/engine.ts';
import { labels } from '../engine/labels.ts';
import { exitCodes, type ExitCode } from '../errors.ts';
import { quantity } from '../output/format.ts';
import { openSession, type Session } from '../session.ts';
import type { CommandContext } from './command.ts';

/** Pre-deployment checks: what would stop a deploy half-way is found before it begins. Loading the files is the first. */
export async function run(context: CommandContext): Promise<ExitCode> {
  const session = await openSession(context);
  const { stack } = session;
  const info = await session.engine.info();
  const situation = await glance(session, false);
  const migrations = await lintServices(stack, situation.live, context.signal);
  const checks: Check[] = [
    { name: 'files', ok: true, detail: `${stack.files.length} read, ${stack.services.length} services` },
    ...(await engineChecks(session, info, situation)),
    ...migrations.map(migrationCheck),
  ];
  const hazards = migrations.flatMap((lint) => (lint.outcome === 'linted' ? lint.findings.map(findingText) : []));
  for (const text of [...stack.warnings, ...hazards]) context.emit({ kind: 'warning', text });
  context.print(checks.map(({ name, ok, detail }) => `${ok ? 'ok  ' : 'FAIL'}  ${name}: ${detail}`).join('\n'));
  const failed = checks.some(({ ok }) => !ok);
  const { project, warnings } = stack;
  context.result({ schema: 'horme.check/1', project, ok: !failed, checks, warnings, migrations });
  return failed ? exitCodes.checkFailed : exitCodes.done;
}

async function engineChecks(session: Session, info: EngineInfo, situation: Situation): Promise<Check[]> {
  const { engine, stack } = session;
  const lock = situation.containers.find((container) => container.labels[labels.role] === 'lock');
  const work = situation.images.filter((image) => image.work !== undefined);
  return [
    {
      name: 'engine',
      ok: true,
      detail: `Docker ${info.version}, API ${info.apiVersion}, ${info.cpus} cpus, ${(info.memoryBytes / 2 ** 30).toFixed(1)} GiB`,
    },
    reservations(session, info),
    ...(await portChecks(session, situation, publishedBy(session.stack))),
    {
      name: 'images',
      ok: true,
      detail: work.length === 0 ? 'all there' : work.map(({ service, work: what }) => `${what} ${service}`).join(', '),
    },
    { name: 'lock', ok: true, detail: lock ? 'held; a deploy would wait with --wait' : 'free' },
    {
      name: 'volumes',
      ok: true,
      detail: `${(await engine.volumes({ [labels.composeProject]: stack.project })).length} of this project`,
    },
  ];
}

function reservations({ stack }: Session, info: { cpus: number; memoryBytes: number }): Check {
  const sum = (of: (service: (typeof stack.services)[number]) => number) =>
    stack.services.reduce((total, service) => total + of(service) * service.replicas, 0);
  const cpus = sum(({ reservation }) => reservation.cpus);
  const memory = sum(({ reservation }) => reservation.memoryBytes);
  const ok = cpus <= info.cpus && memory <= info.memoryBytes;
  const detail = `${cpus.toFixed(2)} of ${info.cpus} cpus and ${(memory / 2 ** 20).toFixed(0)} of ${(info.memoryBytes / 2 ** 20).toFixed(0)} MiB are reserved`;
  return {
    name: 'reservations',
    ok,
    detail: ok ? detail : `${detail}: lower deploy.resources.reservations or the replicas`,
  };
}

/** What locks may be fine on a small table, and only its owner knows: a hazard is a warning, and never fails the check. */
export function migrationCheck({ service, pending, ...lint }: ServiceLint): Check {
  const name = `migrations of ${service}`;
  const files = quantity(pending.length, 'new or changed file');
  switch (lint.outcome) {
    case 'failed':
      return { name, ok: false, detail: `squawk did not get through ${files}: ${lint.lastWords}` };
    case 'not-run':
      return { name, ok: true, detail: `${files}, not run: ${lint.reason}` };
    case 'linted': {
      const hazards = lint.findings.length === 0 ? 'no hazard' : quantity(lint.findings.length, 'hazard');
      return { name, ok: true, detail: pending.length === 0 ? 'nothing new' : `${files}, ${hazards}` };
    }
  }
}
