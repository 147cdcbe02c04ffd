import type { Restored } from '../../../agent/backup/contract.ts';
import { makePlatformImages } from '../../../deploy/platform-images.ts';
import { noteDatabase, releasedDatabase } from '../../database/index.ts';
import { writeHistory } from '../sections.ts';
import { anew } from '../history.ts';
import { damageLines } from '../restore.ts';
import { newHistory } from '../secrets.ts';
import { deploy } from '../../../deploy/deploy.ts';
import { killPoint } from '../../../deploy/fault.ts';
import { deployDefaults, type DeployResult } from '../../../deploy/options.ts';
import { OperatorError, exitCodes } from '../../../errors.ts';
import { imageSources, toolsImage } from '../../../platform/images.ts';
import { withImages } from '../../../release/adapt.ts';
import { presentOf } from '../../../release/present.ts';
import { readLedger, readLive, type Ledger } from '../../../release/ledger.ts';
import type { ReleaseContent } from '../../../release/release.ts';
import { noteApplied, nothingApplied, writeApplied } from '../../../release/settings.ts';
import { Store } from '../../../release/store.ts';
import { openVault } from '../../../release/open-vault.ts';
import type { Session } from '../../../deploy/session.ts';
import {
  filesToRestore,
  hasCache,
  restoreCache,
  restoreDatabase,
  restoreFiles,
  swapDatabase,
  type FilesRestored,
} from './data.ts';
import { platformImageOf, platformImagesOf, userImages } from '../../../recovery/images.ts';
import type { KitContent } from '../../../recovery/kit-content.ts';
import { RecoveryLog } from '../../../recovery/log.ts';
import { writeSecrets } from './secrets.ts';
import type { Sources } from '../../../recovery/sources.ts';
import { emptyStack } from '../../../recovery/stack.ts';
import { restoreState } from './state.ts';

export interface Recovery {
  deployed: DeployResult;
  database: Restored | undefined;
  /** What has no backup, or may not be in it, in words. */
  missing: string[];
  /** Seconds of each step, including steps of earlier, interrupted runs. */
  seconds: Record<string, number>;
}

interface Accepted {
  acceptSources: boolean;
  acceptDamage: boolean;
}

/**
 * Errors after which a rerun can't help, since the repositories lack the data: they suggest a deploy with the recovered
 * keys instead.
 */
const noRerunHelps = ['nothing-to-recover', 'secrets-missing', 'no-backup-yet', 'target-version'];

/** Recovers an environment on an empty engine, from the kit and a repository alone. */
export async function recover(session: Session, kit: KitContent, accepted: Accepted): Promise<Recovery> {
  const { engine } = session;
  await makePlatformImages(session, ['backup']);
  const log = await RecoveryLog.open(engine, kit.project, toolsImage(), killPoint(process.env));
  try {
    return await allSteps(session, kit, log, accepted);
  } catch (error) {
    if (error instanceof OperatorError && noRerunHelps.includes(error.code)) await log.end().catch(() => undefined);
    throw error;
  }
}

async function allSteps(session: Session, kit: KitContent, log: RecoveryLog, accepted: Accepted): Promise<Recovery> {
  const { engine, emit } = session;
  const { project } = kit;
  const store = await Store.open(engine, project, toolsImage());
  await step(session, log, 'state', () => restoreState(place(session, 'state'), kit));
  const { live, ledger, of } = await newestRelease(session, store, project);
  const vault = await step(session, log, 'history', () =>
    beginHistory(session, store, releasedDatabase(live)?.version),
  ).then(() => openVault(store, session.parts));
  const sources = {
    directory: session.stack.directory,
    remote: kit.source.remote,
    accepted: accepted.acceptSources,
    signal: session.signal,
  };
  const content = await step(session, log, 'images', () => imagesOf(session, live, ledger, sources));
  await step(session, log, 'secrets', () => writeSecrets(session, store, content));
  const present = presentOf(content, vault, session.parts);
  const database =
    releasedDatabase(present) &&
    (await step(session, log, 'database', () =>
      restoreDatabase(data(session, present, 'database'), accepted.acceptDamage),
    ));
  if (database) await step(session, log, 'swap', () => swapDatabase(data(session, present, 'swap')));
  if (database) await noteApplied(store, { restoredTo: database.newestTransactionAt });
  const lacking = await restoreAllFiles(session, log, present);
  for (const text of [...(database ? damageLines(database) : []), ...lacking]) emit({ kind: 'warning', text });
  const started = performance.now();
  const options = { ...deployDefaults, kind: 'recover' as const, of, rollbackTo: present, boundary: log.boundary };
  const deployed = await deploy(deploySession(session, present), options);
  const seconds = { ...log.seconds, deploy: (performance.now() - started) / 1000 };
  if (deployed.exitCode === exitCodes.done) await log.end();
  return { deployed, database, missing: [...(database?.missing ?? []), ...lacking], seconds };
}

/** Restores all files and returns what is missing, in words: a listed volume may have no snapshot yet. */
async function restoreAllFiles(session: Session, log: RecoveryLog, content: ReleaseContent): Promise<string[]> {
  const missing: string[] = [];
  const restore = async (
    name: string,
    what: string,
    work: (from: ReturnType<typeof data>) => Promise<FilesRestored>,
  ) => {
    const { at, incomplete } = await step(session, log, name, () => work(data(session, content, name)));
    if (at === undefined) missing.push(`${what} has no snapshot: it begins empty`);
    if (incomplete) missing.push(`${what} lacks files that could not be read when its snapshot was taken`);
  };
  for (const name of filesToRestore(content))
    await restore(`volume ${name}`, `the volume ${name}`, (from) => restoreFiles(from, name));
  if (hasCache(content)) await restore('cache', 'the cache', restoreCache);
  return missing;
}

const place = ({ engine, compose, parts, emit }: Session, id: string) => ({
  engine,
  compose,
  images: imageSources(parts),
  say: (detail: string) => emit({ kind: 'step-progress', id, detail }),
});

const data = (session: Session, content: ReleaseContent, id: string) => ({ ...place(session, id), content });

async function step<T>({ emit, signal }: Session, log: RecoveryLog, name: string, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const title = `recover: ${name}`;
  const started = performance.now();
  emit({ kind: 'step-started', id: name, title });
  const seconds = () => (performance.now() - started) / 1000;
  try {
    const result = await log.once(name, work);
    emit({ kind: 'step-finished', id: name, title, seconds: seconds() });
    return result;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    emit({ kind: 'step-failed', id: name, title, seconds: seconds(), message });
    throw error;
  }
}

async function newestRelease(
  session: Session,
  store: Store,
  project: string,
): Promise<{ live: ReleaseContent; ledger: Ledger; of: number }> {
  const [live, ledger] = await Promise.all([readLive(store), readLedger(store)]);
  if (live && ledger.live) return { live, ledger, of: ledger.live.of };
  await beginHistory(session, store, undefined);
  throw new OperatorError(`the backup of ${project} has no release that was live`, {
    code: 'nothing-to-recover',
    exitCode: exitCodes.checkFailed,
    next: anew('--only-database'),
  });
}

/**
 * Begins a new history, so that the former one in the repository stays unchanged. Also clears the notes of what the
 * former machine's programs had accepted, since the programs of this machine have not.
 */
async function beginHistory({ parts }: Session, store: Store, version: number | undefined): Promise<void> {
  await writeHistory(store, await openVault(store, parts), newHistory(new Date()));
  await writeApplied(store, nothingApplied);
  await noteDatabase(store, { version: version ?? 0 });
}

async function imagesOf(
  session: Session,
  live: ReleaseContent,
  ledger: Ledger,
  sources: Sources,
): Promise<ReleaseContent> {
  const platform = imageSources(session.parts);
  const needed = live.services
    .map((service) => platformImageOf(service, platform))
    .filter((name) => name !== undefined);
  const ids = await makePlatformImages(session, needed);
  const users = await userImages(session, live, ledger, sources);
  return withImages(live, { ...platformImagesOf(live, ids, platform), ...users });
}

/** A session with the release's domain and ports, since a deploy checks those addresses. */
function deploySession(session: Session, content: ReleaseContent): Session {
  const { name, project, environment, domain, ports, watchSeconds } = content;
  const { directory } = session.stack;
  return {
    ...session,
    stack: emptyStack({ name, project, environment }, { directory, place: { domain, ports }, watchSeconds }),
  };
}
