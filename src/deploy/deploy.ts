import { routedServices } from '../traffic/routed.ts';
import { setMaxListeners } from 'node:events';
import { trustedDatabase } from '../parts/database/members.ts';
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
import { makeImages, remakeSecrets, writeSecrets } from './images.ts';
import { formerCheck, refuseFormerProject } from './former-project.ts';
import { lockFor } from './lock.ts';
import { leftoversOf, observe, replicasOf } from './observe.ts';
import { keepsImages, type DeployOptions, type DeployResult } from './options.ts';
import type { PlannedStep } from './step.ts';
import { publishedBy, refuseTakenPorts, releasedBy, type Published } from './ports.ts';
import { rollOut } from './rollout.ts';
import { glance, neededImages, type Situation } from './situation.ts';
import { contentFrom, stepsFor } from './wanted.ts';

const unchanged: DeployResult = {
  exitCode: exitCodes.done,
  outcome: 'live',
  changed: false,
  release: undefined,
  proof: undefined,
  warning: undefined,
  steps: [],
  reason: undefined,
  failure: undefined,
};

/** The steps that a deploy would take, without taking any or changing anything. */
export async function planOnly(session: Session, options: DeployOptions): Promise<PlannedStep[]> {
  const situation = await glance(session, options.rebuild);
  for (const { detail } of await formerCheck(session, situation)) session.emit({ kind: 'warning', text: detail });
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
    const images = keepsImages(options) ? [] : imageSteps(situation);
    return [...images, ...numberedFrom(images.length, stepsFor(content, former, seen, options))];
  } finally {
    pool.close();
  }
}

function imageSteps({ images }: Situation): PlannedStep[] {
  return images
    .filter(({ work }) => work !== undefined)
    .map(({ service, work, because }, index) => ({
      id: String(index + 1),
      title: `${work} the image of ${service}`,
      cause:
        because ?? (work === 'build' ? 'no image was built from these sources yet' : 'the engine does not have it'),
    }));
}

function numberedFrom(before: number, steps: PlannedStep[]): PlannedStep[] {
  return steps.map((step, index) => ({ ...step, id: String(before + index + 1) }));
}

/** Observe → plan → execute, under the lock (the one that the caller holds, or its own), and back to the release before when a step fails. */
export async function deploy(session: Session, options: DeployOptions, held?: HeldLock): Promise<DeployResult> {
  const situation = await glance(session, options.rebuild);
  refuseUnfinishedRecovery(session, situation, options);
  if (await nothingToDo(session, situation, options)) return heldState(session, situation, options, held);
  await refuseFormerProject(session, situation);
  await refuseTakenPorts(session, situation, publishedFor(session, situation, options));
  const platformIds = await ensurePlatformImages(
    session.engine,
    session.connection.environment,
    neededImages(session),
    session.emit,
    session.signal,
  );
  if (held) return locked(session, options, platformIds, held, situation);
  const lock = await lockFor(session, options.kind, options.waitSeconds);
  try {
    return await locked(session, options, platformIds, lock, situation);
  } finally {
    await lock.release();
  }
}

function publishedFor({ stack }: Session, { live }: Situation, options: DeployOptions): Published {
  const content = options.rollbackTo ?? (options.scale ? live : undefined);
  return content ? releasedBy(content) : publishedBy(stack);
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

/** What the release is made of outlives a prune once a container that runs holds it. */
async function heldState(
  session: Session,
  { store }: Situation,
  { kind, waitSeconds }: DeployOptions,
  held: HeldLock | undefined,
): Promise<DeployResult> {
  if (store?.held) return unchanged;
  const { engine, stack, connection, emit } = session;
  await ensurePlatformImages(engine, connection.environment, ['tools'], emit, session.signal);
  const lock = held ?? (await lockFor(session, kind, waitSeconds));
  try {
    await Store.open(engine, stack.project, imageTags().tools);
  } finally {
    if (!held) await lock.release();
  }
  emit({ kind: 'note', text: 'a running container holds the state again' });
  return unchanged;
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

/** The lock is our own, and what was seen before it was taken may be a quarter of an hour old. */
async function withoutLock(session: Session): Promise<Situation> {
  const { containers, ...rest } = await glance(session, false);
  return { ...rest, containers: containers.filter((container) => container.labels[labels.role] !== 'lock') };
}

async function locked(
  session: Session,
  options: DeployOptions,
  platformIds: Record<string, string>,
  lock: HeldLock,
  glanced: Situation,
): Promise<DeployResult> {
  const { engine, stack } = session;
  const started = performance.now();
  const times: StepTime[] = [];
  const images = keepsImages(options) ? [] : await makeImages(session, glanced.images, options.rebuild, times);
  const wasAsked = glanced.images.some(({ because }) => because !== undefined);
  const asked = wasAsked ? { ...(await withoutLock(session)), images } : undefined;
  if (asked && (await nothingToDo(session, asked, options))) return heldState(session, asked, options, lock);
  const store = await Store.open(engine, stack.project, imageTags().tools, glanced.store);
  const pool = new BalancerPool(engine, stack.project);
  // To open a conversation with HAProxy takes longer than to read the state. Whoever needs it hears of a failure.
  const opening = pool.get().catch(() => undefined);
  try {
    const state = await openState(session, store, options);
    const ledger = await readLedger(store);
    const situation: Situation = { containers: [], store, ...state, images, platformIds };
    const wanted = await contentFrom(session, situation, options);
    const { content, prepared, former } = wanted;
    await writeSecrets(session, store, prepared?.secrets ?? [], former);
    await remakeSecrets(session, store, content, former);
    const context: Context = {
      engine,
      compose: session.compose,
      store,
      content,
      routed: routedServices(content.services, former?.services ?? []),
      releaseNumber: nextNumber(ledger),
      vault: state.vault,
      certificate: prepared && { name: prepared.certificate, hosts: prepared.hosts },
      pages: { maintenance: stack.maintenancePage },
      emit: session.emit,
      signal: manyListeners(AbortSignal.any([session.signal, lock.lost])),
      balancers: pool,
      draining: new Map(),
      migrated: [],
      lost: lock.lost,
      otherData: { begun: false, moment: options.swap?.moment },
      guard: undefined,
      before: undefined,
      publicAddress: session.connection.publicAddress,
    };
    return await rollOut(session, context, { ...wanted, ledger }, options, times, started);
  } finally {
    // One that opens later would be closed by nobody, and its HAProxy would wait for it.
    await opening;
    pool.close();
  }
}

async function openState({ stack }: Session, store: Store, { platformOnly, rotate }: DeployOptions) {
  const [settings, applied, live] = await Promise.all([readSettings(store), readApplied(store), readLive(store)]);
  if (platformOnly) await beginHistoryFor(stack.database?.version, store, live, applied);
  const vault = rotate ? await rotateLogins(store, applied) : await openVault(store);
  return { settings, applied, live, vault };
}

/** Every wait of every replica listens to it; Node takes more than ten for a leak. */
function manyListeners(signal: AbortSignal): AbortSignal {
  setMaxListeners(0, signal);
  return signal;
}
