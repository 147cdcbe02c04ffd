import { setMaxListeners } from 'node:events';
import { userInfo } from 'node:os';
import { labels } from '../engine/labels.ts';
import { run } from '../engine/process.ts';
import { OperatorError, exitCodes, type ExitCode } from '../errors.ts';
import { ensurePlatformImages, imageTags } from '../platform/images.ts';
import { buildModel, pinPulled, resolveImages, type ServiceImage } from '../release/images.ts';
import {
  appendEntry,
  nextNumber,
  readContent,
  readLedger,
  type Ledger,
  type LedgerEntry,
  type Outcome,
} from '../release/ledger.ts';
import { takeLock, type HeldLock } from '../release/lock.ts';
import { prune } from '../release/prune.ts';
import type { ReleaseContent } from '../release/release.ts';
import type { Prepared, SecretVolume } from '../release/prepare.ts';
import { readApplied, readSettings, writeSettings } from '../release/settings.ts';
import { Store } from '../release/store.ts';
import { openVault, ownerOf, writeSecretVolume } from '../release/vault.ts';
import type { Session } from '../session.ts';
import { BalancerPool, type Context } from './context.ts';
import { execute, type StepTime } from './execute.ts';
import { killPoint } from './fault.ts';
import { standing, whereThingsStand } from './standing.ts';
import { leftoversOf, observe, replicasOf, type Seen } from './observe.ts';
import { plan, routedServices, type Step } from './plan.ts';
import type { Proof } from './prober.ts';
import { startProof, type RunningProof } from './proof.ts';
import { glance, neededImages, preparedFrom, type Situation } from './situation.ts';

export interface DeployOptions {
  /** Only these of the user's services; empty: all. */
  services: string[];
  rebuild: boolean;
  waitSeconds: number;
  watchSeconds: number | undefined;
  /** Replicas to run of what is live, by service, kept for later deploys; the files are not deployed then. */
  scale: Record<string, number> | undefined;
  /** Release whose content is to run again, instead of what the files say. */
  rollbackTo: ReleaseContent | undefined;
  kind: LedgerEntry['kind'];
  of: number | undefined;
}

export const deployDefaults: DeployOptions = {
  services: [],
  rebuild: false,
  waitSeconds: 0,
  watchSeconds: undefined,
  scale: undefined,
  rollbackTo: undefined,
  kind: 'deploy',
  of: undefined,
};

export interface DeployResult {
  exitCode: ExitCode;
  outcome: Outcome;
  /** False: nothing was to be done, and nothing was. */
  changed: boolean;
  release: number | undefined;
  proof: Proof | undefined;
  steps: StepTime[];
  /** Why it was rolled back. */
  reason: string | undefined;
  failure: OperatorError | undefined;
}

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
export async function planOnly(session: Session, options: DeployOptions): Promise<Step[]> {
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

function imageSteps({ images }: Situation): Step[] {
  return images
    .filter(({ work }) => work !== undefined)
    .map(({ service, work }, index) => ({
      id: String(index + 1),
      title: `${work} the image of ${service}`,
      cause: work === 'build' ? 'no image was built from these sources yet' : 'the engine does not have it',
      action: { do: 'members' as const },
    }));
}

function numberedFrom({ images }: Situation, steps: Step[]): Step[] {
  const before = images.filter(({ work }) => work !== undefined).length;
  return steps.map((step, index) => ({ ...step, id: String(before + index + 1) }));
}

/** Observe → plan → execute, under the lock, and back to the release before when a step fails. */
export async function deploy(session: Session, options: DeployOptions): Promise<DeployResult> {
  const situation = await glance(session, options.rebuild);
  if (await nothingToDo(session, situation, options)) return unchanged;
  const platformIds = await ensurePlatformImages(
    session.engine,
    session.connection.environment,
    neededImages(session),
    session.emit,
  );
  const { engine, stack, signal, emit } = session;
  const lock = await takeLock({
    engine,
    project: stack.project,
    image: imageTags().tools,
    purpose: options.kind,
    waitSeconds: options.waitSeconds,
    signal,
    onWait: ({ user, host, since }) =>
      emit({ kind: 'note', text: `waiting for ${user}@${host}, who holds the lock since ${since}` }),
  });
  try {
    return await locked(session, options, platformIds, lock);
  } finally {
    await lock.release();
  }
}

/** True only when no work is left and no one was interrupted: a lock, even a stale one, asks for the closer look. */
async function nothingToDo(session: Session, situation: Situation, options: DeployOptions): Promise<boolean> {
  if (options.scale || options.rollbackTo || !situation.store || !situation.vault) return false;
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
    capacity,
  };
  return former !== undefined && stepsFor(content, former, seen, options).length === 0;
}

interface Wanted {
  content: ReleaseContent;
  prepared: Prepared | undefined;
  former: ReleaseContent | undefined;
  ledger: Ledger;
}

async function contentFrom(session: Session, situation: Situation, options: DeployOptions): Promise<Wanted> {
  const ledger = await readLedger(situation.store);
  const former = situation.store && ledger.live && (await readContent(situation.store, ledger.live.number));
  if (options.rollbackTo) return { content: options.rollbackTo, prepared: undefined, former, ledger };
  if (options.scale && former) return { content: scaled(former, options.scale), prepared: undefined, former, ledger };
  const names = session.stack.services.map(({ name }) => name).filter((name) => !options.services.includes(name));
  const kept = former && options.services.length > 0 ? { former, names } : undefined;
  const prepared = await preparedFrom(session, situation, kept);
  return { content: prepared.content, prepared, former, ledger };
}

/** The live release with other numbers of replicas. */
function scaled(live: ReleaseContent, replicas: Record<string, number>): ReleaseContent {
  const services = live.services.map((service) => ({
    ...service,
    replicas: replicas[service.name] ?? service.replicas,
  }));
  const definitions = Object.entries(live.compose.services).map(([name, definition]) => {
    const count = replicas[name];
    return [
      name,
      count === undefined ? definition : { ...definition, deploy: { ...definition.deploy, replicas: count } },
    ];
  });
  return {
    ...live,
    services,
    compose: { ...live.compose, services: Object.fromEntries(definitions) as ReleaseContent['compose']['services'] },
  };
}

function stepsFor(
  content: ReleaseContent,
  former: ReleaseContent | undefined,
  seen: Seen,
  options: DeployOptions,
): Step[] {
  return plan(content, seen, {
    migrate: options.rollbackTo === undefined && options.scale === undefined,
    watchSeconds: options.watchSeconds ?? content.watchSeconds,
    only: options.services.length > 0 ? options.services : undefined,
    former: former?.services ?? [],
  });
}

async function locked(
  session: Session,
  options: DeployOptions,
  platformIds: Record<string, string>,
  lock: HeldLock,
): Promise<DeployResult> {
  const { engine, stack } = session;
  const started = performance.now();
  const times: StepTime[] = [];
  const images = options.rollbackTo || options.scale ? [] : await makeImages(session, options.rebuild, times);
  const store = await Store.open(engine, stack.project, imageTags().tools);
  const vault = await openVault(store);
  const [settings, applied] = await Promise.all([readSettings(store), readApplied(store)]);
  const situation: Situation = { containers: [], store, settings, applied, vault, images, platformIds };
  const wanted = await contentFrom(session, situation, options);
  const { content, prepared, former, ledger } = wanted;
  await writeSecrets(session, prepared?.secrets ?? [], former);
  const pool = new BalancerPool(engine, content.project);
  const context: Context = {
    engine,
    compose: session.compose,
    store,
    content,
    routed: routedServices(content.services, former?.services ?? []),
    releaseNumber: nextNumber(ledger),
    certificate: prepared && { name: prepared.certificate, hosts: prepared.hosts },
    pages: { maintenance: stack.maintenancePage },
    emit: session.emit,
    signal: manyListeners(AbortSignal.any([session.signal, lock.lost])),
    balancers: pool,
    before: new Map(),
  };
  try {
    return await rollOut(session, context, wanted, options, times, started);
  } finally {
    pool.close();
  }
}

/** Every wait of every replica listens to it; Node takes more than ten for a leak. */
function manyListeners(signal: AbortSignal): AbortSignal {
  setMaxListeners(0, signal);
  return signal;
}

async function makeImages(session: Session, rebuild: boolean, times: StepTime[]): Promise<ServiceImage[]> {
  const { stack, engine, compose, emit } = session;
  const images = await resolveImages(stack, engine, rebuild);
  for (const work of ['build', 'pull'] as const) {
    const names = images.filter((image) => image.work === work).map(({ service }) => service);
    if (names.length === 0) continue;
    const id = `image-${work}`;
    const title = `${work} ${names.join(', ')}`;
    const started = performance.now();
    const seconds = () => (performance.now() - started) / 1000;
    emit({ kind: 'step-started', id, title });
    await compose[work](buildModel(stack, images), names, (line) => emit({ kind: 'step-progress', id, detail: line }));
    times.push({ title, seconds: seconds() });
    emit({ kind: 'step-finished', id, title, seconds: seconds() });
  }
  const made = await resolveImages(stack, engine, false);
  await pinPulled(engine, made);
  return made;
}

/** Volumes of the live release are complete; any other may have been left half written by an interrupted run. */
async function writeSecrets(
  session: Session,
  secrets: SecretVolume[],
  former: ReleaseContent | undefined,
): Promise<void> {
  const { engine, stack } = session;
  for (const { volume, files, reader } of secrets) {
    if (former?.secretVolumes.includes(volume)) continue;
    const owner =
      'uid' in reader
        ? { uid: reader.uid, gid: reader.uid }
        : await ownerOf(engine, stack.project, reader.imageId, reader.user);
    await writeSecretVolume({ engine, project: stack.project, volume, toolsImage: imageTags().tools, files, owner });
  }
}

async function rollOut(
  session: Session,
  context: Context,
  { content, former, ledger }: Wanted,
  options: DeployOptions,
  times: StepTime[],
  started: number,
): Promise<DeployResult> {
  const boundary = killPoint(process.env);
  const look = async () =>
    observe({
      engine: context.engine,
      project: content.project,
      services: context.routed,
      balancers: await context.balancers.get(),
      applied: await readApplied(context.store),
    });
  const steps = stepsFor(content, former, await look(), options);
  const proof = await startProof(session, former, started);
  const finish = (outcome: Outcome, reason: string | undefined) =>
    record({ session, context, ledger, options, times, proof, outcome, reason, former });
  try {
    await execute(watchSwitch(context, proof), steps, times, boundary);
  } catch (error) {
    if (context.signal.aborted) {
      await proof.stop();
      throw whereThingsStand(await look(), content, ledger.live?.number, error);
    }
    return goBack(session, context, former, look, times, boundary, error, finish);
  }
  if (options.scale) {
    const settings = await readSettings(context.store);
    await writeSettings(context.store, { ...settings, scale: { ...settings.scale, ...options.scale } });
  }
  return finish('live', undefined);
}

/** Notes when the last old replica was drained: from there on all traffic is new. */
function watchSwitch(context: Context, proof: RunningProof): Context {
  return {
    ...context,
    emit: (event) => {
      context.emit(event);
      if (event.kind === 'step-finished' && event.title.startsWith('drain ')) proof.switched();
    },
  };
}

async function goBack(
  session: Session,
  context: Context,
  former: ReleaseContent | undefined,
  look: () => Promise<Seen>,
  times: StepTime[],
  boundary: () => void,
  error: unknown,
  finish: (outcome: Outcome, reason: string) => Promise<DeployResult>,
): Promise<DeployResult> {
  const reason = error instanceof Error ? error.message : String(error);
  const failure = error instanceof OperatorError ? error : undefined;
  if (!failure)
    session.emit({
      kind: 'warning',
      text: `a bug in Horme ended this step: ${error instanceof Error ? (error.stack ?? reason) : reason}`,
    });
  const outcome = former ? await restore(session, context, former, look, times, boundary) : 'failed';
  if (!former)
    session.emit({
      kind: 'warning',
      text: 'there is no former release to go back to; what was started is left for you to look at',
    });
  const result = await finish(outcome, reason);
  const exitCode = outcome === 'rolled-back' ? exitCodes.rolledBack : exitCodes.rolledBackInPart;
  return { ...result, exitCode, reason, failure };
}

async function restore(
  session: Session,
  context: Context,
  former: ReleaseContent,
  look: () => Promise<Seen>,
  times: StepTime[],
  boundary: () => void,
): Promise<Outcome> {
  session.emit({ kind: 'note', text: 'going back to the release before' });
  const back: Context = { ...context, content: former, certificate: undefined };
  try {
    const steps = plan(former, await look(), {
      migrate: false,
      watchSeconds: 0,
      only: undefined,
      former: context.content.services,
    });
    await execute(back, steps, times, boundary);
    return 'rolled-back';
  } catch (error) {
    const seen = await look();
    const text = `going back failed too: ${error instanceof Error ? error.message : String(error)}\n${standing(seen, context.content)}`;
    session.emit({ kind: 'warning', text });
    return 'rolled-back-in-part';
  }
}

async function record(options: {
  session: Session;
  context: Context;
  ledger: Ledger;
  options: DeployOptions;
  times: StepTime[];
  proof: RunningProof;
  outcome: Outcome;
  reason: string | undefined;
  former: ReleaseContent | undefined;
}): Promise<DeployResult> {
  const { session, context, ledger, times, outcome, reason } = options;
  const { content, store, engine } = context;
  const proof = await options.proof.stop();
  const entry = await appendEntry(
    store,
    ledger,
    {
      kind: options.options.kind,
      outcome,
      ...(options.options.of !== undefined && { of: options.options.of }),
      at: new Date().toISOString(),
      by: userInfo().username,
      commit: await commitOf(session.stack.directory),
      images: Object.fromEntries(content.services.map(({ name, image, imageId }) => [name, `${image}@${imageId}`])),
      secretVolumes: content.secretVolumes,
      steps: times,
      proof,
      reason,
    },
    content,
  );
  const current = outcome === 'live' ? content : (options.former ?? content);
  await prune({
    engine,
    store,
    ledger: { entries: [...ledger.entries, entry], live: entry },
    project: content.project,
    current,
  });
  const replicas = current.services
    .filter(({ owner }) => owner === 'user')
    .reduce((sum, service) => sum + service.replicas, 0);
  if (outcome === 'live') session.emit({ kind: 'proof', proof, release: entry.number, replicas });
  return {
    exitCode: exitCodes.done,
    outcome,
    changed: true,
    release: entry.number,
    proof,
    steps: times,
    reason,
    failure: undefined,
  };
}

async function commitOf(directory: string): Promise<string | undefined> {
  try {
    const { exitCode, stdout } = await run(['git', 'rev-parse', 'HEAD'], { cwd: directory, deadlineSeconds: 5 });
    return exitCode === 0 ? stdout.trim() : undefined;
  } catch {
    return undefined;
  }
}
