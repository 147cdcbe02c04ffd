import { portChecks, type Check } from '../deploy/ports.ts';
import { glance } from '../deploy/situation.ts';
import { labels } from '../engine/labels.ts';
import { exitCodes, type ExitCode } from '../errors.ts';
import { openSession, type Session } from '../session.ts';
import type { CommandContext } from './command.ts';

/** Pre-deployment checks: what would stop a deploy half-way is found before it begins. Loading the files is the first. */
export async function run(context: CommandContext): Promise<ExitCode> {
  const session = await openSession(context);
  const { stack } = session;
  const checks: Check[] = [
    { name: 'files', ok: true, detail: `${stack.files.length} read, ${stack.services.length} services` },
    ...(await engineChecks(session)),
  ];
  for (const text of stack.warnings) context.emit({ kind: 'warning', text });
  context.print(checks.map(({ name, ok, detail }) => `${ok ? 'ok  ' : 'FAIL'}  ${name}: ${detail}`).join('\n'));
  const failed = checks.some(({ ok }) => !ok);
  context.result({ schema: 'horme.check/1', project: stack.project, ok: !failed, checks, warnings: stack.warnings });
  return failed ? exitCodes.checkFailed : exitCodes.done;
}

async function engineChecks(session: Session): Promise<Check[]> {
  const { engine, stack } = session;
  const info = await engine.info();
  const situation = await glance(session, false);
  const lock = situation.containers.find((container) => container.labels[labels.role] === 'lock');
  const work = situation.images.filter((image) => image.work !== undefined);
  return [
    {
      name: 'engine',
      ok: true,
      detail: `Docker ${info.version}, API ${info.apiVersion}, ${info.cpus} cpus, ${(info.memoryBytes / 2 ** 30).toFixed(1)} GiB`,
    },
    reservations(session, info),
    ...(await portChecks(session, situation.containers)),
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
