import { setMaxListeners } from 'node:events';
import { trustedDatabase } from '../database/members.ts';
import { labels } from '../engine/labels.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import { ensurePlatformImages, imageTags } from '../platform/images.ts';
import { nextNumber, readLedger, readLive } from '../release/ledger.ts';
import type { HeldLock } from '../release/lock.ts';
import { readApplied, readSettings } from '../release/settings.ts';
import { Store } from '../release/store.ts';
import { beginHistoryFor, openVault, rotateLogins } from '../release/vault.ts';
import type { Session } from '../session.ts';
import { BalancerPool, type Context } from './context.ts';
import type { StepTime } from './execute.ts';
import { makeImages, writeSecrets } from './images.ts';
import { lockFor } from './lock.ts';
import { leftoversOf, observe, replicasOf } from './observe.ts';
import type { DeployOptions, DeployResult } from './options.ts';
import { routedServices } from '../edge/plan.ts';
import type { PlannedStep } from './step.ts';
import { refuseTakenPorts } from './ports.ts';
import { rollOut } from './rollout.ts';
import { glance, neededImages, type Situation } from './situation.ts';
import { contentFrom, stepsFor } from './wanted.ts';

const unchanged: DeployResult = {
  exitCode: exitCodes.done,
  outcome: 'live',
  changed: false,
  release: undefined,
  proof: undefined,
  steps: [],
  reason: undefined,
  failure: undefined,
};

/** The steps that a deploy would take, without taking any or changing anything. */
export async function planOnly(session: Session, options: DeployOptions): Promise<PlannedStep[]> {
  const situation = await glance(session, options.rebuild);
  const { content, former } = await contentFrom(session, situation, options);
  const pool = new BalancerPool(session.engine, content.project);
  try {
    const services = routedServices(content.services, former?.services ?? []);
    const { engine } = session;
    const seen = await observe({
      engine,
      project: content.project,
      services,
      balancers: await pool.get(),
      applied: situation.applied,
    });
    return [...imageSteps(situation), ...numberedFrom(situation, stepsFor(content, former, seen, options))];
  } finally {
    pool.close();
  }
}

function imageSteps({ images }: Situation): PlannedStep[] {
  return images
    .filter(({ work }) => work !== undefined)
    .map(({ service, work }, index) => ({
      id: String(index + 1),
      title: `${work} the image of ${service}`,
      cause: work === 'build' ? 'no image was built from these sources yet' : 'the engine does not have it',
    }));
}

function numberedFrom({ images }: Situation, steps: PlannedStep[]): PlannedStep[] {
  const before = images.filter(({ work }) => work !== undefined).length;
  return steps.map((step, index) => ({ ...step, id: String(before + index + 1) }));
}

/** Observe → plan → execute, under the lock (the one that the caller holds, or its own), and back to the release before when a step fails. */
export async function deploy(session: Session, options: DeployOptions, held?: HeldLock): Promise<DeployResult> {
  const situation = await glance(session, options.rebuild);
  refuseUnfinishedRecovery(session, situation, options);
  if (await nothingToDo(session, situation, options)) return unchanged;
  await refuseTakenPorts(session, situation.containers);
  const platformIds = await ensurePlatformImages(
    session.engine,
    session.connection.environment,
    neededImages(session),
    session.emit,
    session.signal,
  );
  const { images } = situation;
  if (held) return locked(session, options, { images, platformIds }, held);
  const lock = await lockFor(session, options.kind, options.waitSeconds);
  try {
    return await locked(session, options, { images, platformIds }, lock);
  } finally {
    await lock.release();
  }
}

/** What is there may be half of it: a database would begin anew and empty. */
function refuseUnfinishedRecovery({ stack }: Session, { containers }: Situation, { kind }: DeployOptions): void {
  if (kind === 'recover' || !containers.some((container) => container.labels[labels.role] === 'recovery')) return;
  throw new OperatorError(`the recovery of ${stack.project} on this machine is not finished`, {
    code: 'recovery-unfinished',
    exitCode: exitCodes.checkFailed,
    next: 'horme recover --kit FILE   (goes on from where it was)',
  });
}

/** True only when no work is left and no one was interrupted: a lock, even a stale one, asks for the closer look. */
async function nothingToDo(session: Session, situation: Situation, options: DeployOptions): Promise<boolean> {
  if (options.scale || options.rollbackTo || options.rotate || !situation.store || !situation.vault) return false;
  if (situation.images.some(({ work }) => work !== undefined)) return false;
  if (situation.containers.some((container) => container.labels[labels.role] === 'lock')) return false;
  const { content, former } = await contentFrom(session, situation, options);
  const replicas = replicasOf(situation.containers, content.project, 'trusted');
  const capacity = { cpus: Number.MAX_SAFE_INTEGER, memoryBytes: Number.MAX_SAFE_INTEGER };
  const seen = {
    replicas,
    leftovers: leftoversOf(situation.containers),
    stale: [],
    applied: situation.applied,
    database: trustedDatabase(situation.containers, situation.applied),
    capacity,
  };
  return former !== undefined && stepsFor(content, former, seen, options).length === 0;
}

async function locked(
  session: Session,
  options: DeployOptions,
  { images: seen, platformIds }: Pick<Situation, 'images' | 'platformIds'>,
  lock: HeldLock,
): Promise<DeployResult> {
  const { engine, stack } = session;
  const started = performance.now();
  const times: StepTime[] = [];
  const keepsImages = options.rollbackTo ?? options.scale ?? options.platformOnly;
  const images = keepsImages ? [] : await makeImages(session, seen, options.rebuild, times);
  const store = await Store.open(engine, stack.project, imageTags().tools);
  const [settings, applied] = await Promise.all([readSettings(store), readApplied(store)]);
  const live = await readLive(store);
  if (options.platformOnly) await beginHistoryFor(stack.database?.version, store, live, applied);
  const vault = options.rotate ? await rotateLogins(store, applied) : await openVault(store);
  const situation: Situation = { containers: [], store, settings, applied, vault, live, images, platformIds };
  const [wanted, ledger] = await Promise.all([contentFrom(session, situation, options), readLedger(store)]);
  const { content, prepared, former } = wanted;
  await writeSecrets(session, store, prepared?.secrets ?? [], former);
  const pool = new BalancerPool(engine, content.project);
  const context: Context = {
    engine,
    compose: session.compose,
    store,
    content,
    routed: routedServices(content.services, former?.services ?? []),
    releaseNumber: nextNumber(ledger),
    vault,
    certificate: prepared && { name: prepared.certificate, hosts: prepared.hosts },
    pages: { maintenance: stack.maintenancePage },
    emit: session.emit,
    signal: manyListeners(AbortSignal.any([session.signal, lock.lost])),
    balancers: pool,
    migrated: [],
    lost: lock.lost,
    otherData: { begun: false, moment: options.swap?.moment },
    before: new Map(),
  };
  try {
    return await rollOut(session, context, { ...wanted, ledger }, options, times, started);
  } finally {
    pool.close();
  }
}

/** Every wait of every replica listens to it; Node takes more than ten for a leak. */
function manyListeners(signal: AbortSignal): AbortSignal {
  setMaxListeners(0, signal);
  return signal;
}
