import { routedServices } from '../traffic/routed.ts';
import { setMaxListeners } from 'node:events';
import { labels } from '../engine/labels.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import { toolsImage } from '../platform/images.ts';
import { nextNumber, readLedger, readLive } from '../release/ledger.ts';
import type { HeldLock } from '../release/lock.ts';
import { readApplied, readSettings } from '../release/settings.ts';
import { Store } from '../release/store.ts';
import { openVault, renewedVault } from '../release/open-vault.ts';
import type { Session } from './session.ts';
import { BalancerPool, type Context } from './context.ts';
import type { StepTime } from './execute.ts';
import { makeImages, remakeSecrets, writeSecrets } from './images.ts';
import { refuseFormerProject } from './former-project.ts';
import { lockFor } from './lock.ts';
import { trustedSeen } from './observe.ts';
import { keepsImages, type DeployOptions, type DeployResult } from './options.ts';
import { publishedBy, refuseTakenPorts, releasedBy, type Published } from './ports.ts';
import { rollOut } from './rollout.ts';
import { makePlatformImages, neededImages } from './platform-images.ts';
import { glance, type Situation } from './situation.ts';
import { contentFrom, madeOf, stepsFor, type Wanted } from './wanted.ts';

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

/** Observe → plan → execute, under the caller's lock or its own; a failed step rolls back to the previous release. */
export async function deploy(session: Session, options: DeployOptions, held?: HeldLock): Promise<DeployResult> {
  const situation = await glance(session, options.rebuild);
  refuseUnfinishedRecovery(session, situation, options);
  const foreseen = await foresee(session, situation, options);
  if (foreseen && isDone(session, foreseen, options)) return heldState(session, situation, options, held);
  await refuseFormerProject(session, situation);
  await refuseTakenPorts(session, situation, publishedFor(session, situation, options));
  const platformIds = await makePlatformImages(session, neededImages(session));
  const glanced = foreseen ?? { situation };
  if (held) return locked(session, options, platformIds, held, glanced);
  const lock = await lockFor(session, options.kind, options.waitSeconds);
  try {
    return await locked(session, options, platformIds, lock, glanced);
  } finally {
    await lock.release();
  }
}

function publishedFor({ stack }: Session, { live }: Situation, options: DeployOptions): Published {
  const content = options.rollbackTo ?? (options.scale ? live : undefined);
  return content ? releasedBy(content) : publishedBy(stack);
}

/** The data may be only half recovered: a deploy would initialise a new, empty database. */
function refuseUnfinishedRecovery({ stack }: Session, { containers }: Situation, { kind }: DeployOptions): void {
  if (kind === 'recover' || !containers.some((container) => container.labels[labels.role] === 'recovery')) return;
  throw new OperatorError(`the recovery of ${stack.project} on this machine is not finished`, {
    code: 'recovery-unfinished',
    exitCode: exitCodes.checkFailed,
    next: 'horme recover --kit FILE   (goes on from where it was)',
  });
}

/** Nothing to deploy: only makes sure that a running container mounts the state volume, so that no prune deletes it. */
async function heldState(
  session: Session,
  { store }: Situation,
  { kind, waitSeconds }: DeployOptions,
  held: HeldLock | undefined,
): Promise<DeployResult> {
  if (store?.held) return unchanged;
  const { engine, stack, emit } = session;
  await makePlatformImages(session, []);
  const lock = held ?? (await lockFor(session, kind, waitSeconds));
  try {
    await Store.open(engine, stack.project, toolsImage());
  } finally {
    if (!held) await lock.release();
  }
  emit({ kind: 'note', text: 'a running container holds the state again' });
  return unchanged;
}

/** What was observed before taking the lock, and the release derived from it if that is possible without changes. */
interface Glanced {
  situation: Situation;
  wanted?: Wanted;
}

/**
 * Undefined if an image must be made first, if the vault is missing, or if there is a lock: a run may have died there.
 */
async function foresee(
  session: Session,
  situation: Situation,
  options: DeployOptions,
): Promise<Required<Glanced> | undefined> {
  if (options.scale || options.rollbackTo || options.rotate || !situation.store || !situation.vault) return undefined;
  if (situation.images.some(({ work }) => work !== undefined)) return undefined;
  if (situation.containers.some((container) => container.labels[labels.role] === 'lock')) return undefined;
  return { situation, wanted: await contentFrom(session, situation, options) };
}

function isDone(session: Session, { situation, wanted }: Required<Glanced>, options: DeployOptions): boolean {
  const seen = trustedSeen(situation.containers, wanted.content.project, situation.applied, session.parts);
  return wanted.former !== undefined && stepsFor(session, wanted, seen, options).length === 0;
}

/** Observes again, without our own lock: building images may have taken a quarter of an hour since the first glance. */
async function withoutLock(session: Session): Promise<Situation> {
  const { containers, ...rest } = await glance(session, false);
  return { ...rest, containers: containers.filter((container) => container.labels[labels.role] !== 'lock') };
}

async function locked(
  session: Session,
  options: DeployOptions,
  platformIds: Record<string, string>,
  lock: HeldLock,
  { situation: glanced, wanted: foreseen }: Glanced,
): Promise<DeployResult> {
  const { engine, stack } = session;
  const started = performance.now();
  const times: StepTime[] = [];
  const images = keepsImages(options) ? [] : await makeImages(session, glanced.images, options.rebuild, times);
  const wasAsked = glanced.images.some(({ because }) => because !== undefined);
  const asked = wasAsked ? { ...(await withoutLock(session)), images } : undefined;
  const told = asked && (await foresee(session, asked, options));
  if (told && isDone(session, told, options)) return heldState(session, told.situation, options, lock);
  const store = await Store.open(engine, stack.project, toolsImage(), glanced.store);
  const pool = new BalancerPool(engine, stack.project);
  // Connecting to HAProxy takes longer than reading the state, so it starts early. A later `get` reports the failure.
  const opening = pool.get().catch(() => undefined);
  try {
    const state = await openState(session, store, options);
    const ledger = await readLedger(store);
    const situation: Situation = { containers: [], store, ...state, images, platformIds };
    const wanted =
      foreseen && madeOf(glanced) === madeOf(situation) ? foreseen : await contentFrom(session, situation, options);
    const { content, prepared, former } = wanted;
    await writeSecrets(session, store, prepared?.secrets ?? [], former);
    await remakeSecrets(session, store, content, former);
    const context: Context = {
      parts: session.parts,
      stack,
      engine,
      compose: session.compose,
      store,
      content,
      routed: routedServices(content.services, former?.services ?? []),
      releaseNumber: nextNumber(ledger),
      vault: state.vault,
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
    // A connection that opens after `close` would leak, and its HAProxy would wait for it when it stops.
    await opening;
    pool.close();
  }
}

async function openState({ stack, parts }: Session, store: Store, { platformOnly, rotate }: DeployOptions) {
  const [settings, applied, live] = await Promise.all([readSettings(store), readApplied(store), readLive(store)]);
  const run = { stack, applied, live, rotate, platformOnly };
  const vault = await renewedVault(store, await openVault(store, parts), parts, run);
  return { settings, applied, live, vault };
}

/** Every wait of every replica adds a listener; Node warns of a leak above ten. */
function manyListeners(signal: AbortSignal): AbortSignal {
  setMaxListeners(0, signal);
  return signal;
}
