import { formerCheck } from '../deploy/former-project.ts';
import { portChecks, publishedBy } from '../deploy/ports.ts';
import type { Check } from '../deploy/check.ts';
import { glance, type Situation } from '../deploy/situation.ts';
import { look } from '../deploy/look.ts';
import { storeProblems } from '../deploy/state.ts';
import { composeVersion } from '../engine/compose-config.ts';
import type { EngineInfo } from '../engine/engine.ts';
import { labels } from '../engine/labels.ts';
import { testedRange, untested } from '../engine/versions.ts';
import { exitCodes, type ExitCode } from '../errors.ts';
import { imageSources } from '../platform/images.ts';
import { quantity } from '../output/format.ts';
import { readContent, readLedger } from '../release/ledger.ts';
import { keptEntries, lostImages } from '../release/prune.ts';
import { openSession } from '../command/session.ts';
import type { Session } from '../deploy/session.ts';
import type { CommandContext } from '../command/context.ts';

/** Pre-deployment checks, which find what would stop a deploy half-way. Loading the files is the first. */
export async function run(context: CommandContext): Promise<ExitCode> {
  const session = await openSession(context, look);
  const { stack } = session;
  const info = await session.engine.info();
  const situation = await glance(session, false);
  const versions = versionCheck(info.version, await composeVersion());
  const seen = { ...situation, engine: session.engine, stack, signal: context.signal };
  const own = await Promise.all(session.parts.flatMap((part) => part.check?.(seen) ?? []));
  const checks: Check[] = [
    { name: 'files', ok: true, detail: `${stack.files.length} read, ${stack.services.length} services` },
    versions.check,
    ...(await engineChecks(session, info, situation)),
    ...own.flatMap((part) => part.checks),
  ];
  const warnings = [...stack.warnings, ...versions.warnings];
  for (const text of [...warnings, ...own.flatMap((part) => part.warnings)]) context.emit({ kind: 'warning', text });
  context.print(checks.map(({ name, ok, detail }) => `${ok ? 'ok  ' : 'FAIL'}  ${name}: ${detail}`).join('\n'));
  const failed = checks.some(({ ok }) => !ok);
  const fields = Object.assign({}, ...own.map(({ result }) => result)) as Record<string, unknown>;
  context.result({ schema: 'horme.check/1', project: stack.project, ok: !failed, checks, warnings, ...fields });
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
    ...(await formerCheck(session, situation)),
    ...(await portChecks(session, situation, publishedBy(session.stack))),
    {
      name: 'images',
      ok: true,
      detail: work.length === 0 ? 'all there' : work.map(({ service, work: what }) => `${what} ${service}`).join(', '),
    },
    { name: 'lock', ok: true, detail: lock ? 'held; a deploy would wait with --wait' : 'free' },
    ...stateChecks(session, situation),
    ...(await rollbackChecks(session, situation)),
    {
      name: 'volumes',
      ok: true,
      detail: `${(await engine.volumes({ [labels.composeProject]: stack.project })).length} of this project`,
    },
  ];
}

/** An untested version is only a warning, since most newer versions work. */
export function versionCheck(engine: string, compose: string): { check: Check; warnings: string[] } {
  const found = [untested('Docker Engine', engine), untested('Docker Compose', compose)];
  const warnings = found.filter((text) => text !== undefined);
  const range = `${testedRange('Docker Engine')} and ${testedRange('Docker Compose')}`;
  const standing = warnings.length === 0 ? 'within what is tested' : 'not all within what is tested';
  const detail = `Docker Engine ${engine}, Docker Compose ${compose}: ${standing}, ${range}`;
  return { check: { name: 'versions', ok: true, detail }, warnings };
}

/** Always ok, since a deploy fixes the problem. */
const stateChecks = (session: Session, { store }: Situation): Check[] =>
  store ? [{ name: 'state', ok: true, detail: storeProblems(session, store)[0] ?? 'held by a running container' }] : [];

/** Checks the releases that `horme rollback` could use: `docker image prune -a` removes their images. */
async function rollbackChecks({ engine, parts }: Session, { store }: Situation): Promise<Check[]> {
  if (!store) return [];
  const kept = keptEntries(await readLedger(store));
  const lost = kept.map(async ({ number }) => {
    const content = await readContent(store, number);
    const names = content && (await lostImages(engine, content, imageSources(parts))).map(({ name }) => name);
    if (names?.length === 0) return undefined;
    return names
      ? `release ${number} lacks the image of ${names.join(', ')}`
      : `release ${number} is not stored any more`;
  });
  const found = (await Promise.all(lost)).filter((one) => one !== undefined);
  const whole = quantity(kept.length - found.length, 'release');
  return [{ name: 'rollback', ok: true, detail: [`${whole} whole`, ...found].join('; ') }];
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
