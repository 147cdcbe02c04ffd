import type { Looking } from '../release/context-files.ts';
import { labels } from '../engine/labels.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import {
  buildModel,
  buildOrder,
  imageContext,
  pinPulled,
  resolveImages,
  type ServiceImage,
} from '../release/images.ts';
import { refuseMissing } from '../release/pull-policy.ts';
import type { SecretVolume } from '../release/prepare.ts';
import type { ReleaseContent } from '../release/release.ts';
import { noteSecretFiles, readSecretFiles, writeKnown, writeVolume } from '../release/secret-files.ts';
import { noteApplied, readApplied } from '../release/settings.ts';
import type { Store } from '../release/store.ts';
import { contextsOf } from '../stack/build-contexts.ts';
import type { Session } from './session.ts';
import type { StepTime } from './execute.ts';

/** Warns once for each file that receives this run's own output and is also in a build context. */
export function lookingFor({ signal, emit }: Session): Looking {
  const told = new Set<string>();
  return {
    signal,
    onOwnOutput: (path) => {
      if (told.has(path)) return;
      told.add(path);
      const text = `${path} is in a build context, and this output goes to it: every deploy builds anew; name it in .dockerignore`;
      emit({ kind: 'warning', text });
    },
  };
}

/**
 * Builds and pulls the user's images that the engine lacks. The sources are hashed right before a build, and images are
 * looked up by that hash. If a file changes during the build, such as this run's own log, the next deploy builds again.
 */
export async function makeImages(
  session: Session,
  seen: ServiceImage[],
  rebuild: boolean,
  times: StepTime[],
): Promise<ServiceImage[]> {
  const { stack, engine, signal } = session;
  const known = seen.some(({ work }) => work === 'build') ? [] : seen;
  const wanted = await resolveImages(stack, engine, rebuild, { signal, known });
  if (!rebuild) refuseMissing(stack, wanted);
  const images = await pullImages(session, wanted, rebuild, times);
  for (const names of buildOrder(images)) await make(session, 'build', images, names, times);
  const made = await resolveImages(stack, engine, false, { known: images, asked: true });
  await pinPulled(engine, made);
  return made;
}

/** Pulls run before builds: a build may copy files from a pulled image, and then its hash depends on that image. */
async function pullImages(
  session: Session,
  wanted: ServiceImage[],
  rebuild: boolean,
  times: StepTime[],
): Promise<ServiceImage[]> {
  const { stack, engine, signal } = session;
  const names = wanted.filter(({ work }) => work === 'pull').map(({ service }) => service);
  await make(session, 'pull', wanted, names, times);
  const takes = ({ build }: ServiceImage) =>
    Object.values(contextsOf(build)).some((context) =>
      names.some((name) => context === imageContext(wanted.find(({ service }) => service === name)?.reference ?? '')),
    );
  if (!wanted.some(takes)) return wanted;
  await pinPulled(engine, await resolveImages(stack, engine, false, { known: wanted, asked: true }));
  const known = wanted.filter((image) => !takes(image));
  return resolveImages(stack, engine, rebuild, { signal, known, asked: true, pulled: true });
}

async function make(
  { stack, compose, emit }: Session,
  work: 'build' | 'pull',
  images: ServiceImage[],
  names: string[],
  times: StepTime[],
): Promise<void> {
  if (names.length === 0) return;
  const id = `image-${work}`;
  const title = `${work} ${names.join(', ')}`;
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  emit({ kind: 'step-started', id, title });
  await compose[work](buildModel(stack, images), names, (line) => emit({ kind: 'step-progress', id, detail: line }));
  times.push({ title, seconds: seconds() });
  emit({ kind: 'step-finished', id, title, seconds: seconds() });
}

/**
 * Existing volumes of the live release are complete. An interrupted run may have left any other volume half written.
 */
export async function writeSecrets(
  session: Session,
  store: Store,
  secrets: SecretVolume[],
  former: ReleaseContent | undefined,
): Promise<void> {
  const { engine, stack } = session;
  await noteSecretFiles(store, secrets);
  const there = (await engine.volumes({ [labels.project]: stack.project })).map(({ name }) => name);
  for (const secret of secrets) {
    if (former?.secretVolumes.includes(secret.volume) && there.includes(secret.volume)) continue;
    await writeVolume(engine, stack.project, secret);
  }
}

/**
 * Restores secret volumes that a prune has deleted, for this release and for the one that a rollback needs. Compose
 * would create them again, but empty.
 */
export async function remakeSecrets(
  { engine }: Session,
  store: Store,
  content: ReleaseContent,
  former: ReleaseContent | undefined,
): Promise<void> {
  const there = (await engine.volumes({ [labels.project]: content.project })).map(({ name }) => name);
  const { unfinishedSecrets } = await readApplied(store);
  const lost = (release: ReleaseContent) =>
    release.secretVolumes.filter((volume) => !there.includes(volume) || unfinishedSecrets.includes(volume));
  const releases = former ? [content, former] : [content];
  if (releases.flatMap(lost).length === 0) return;
  const known = await readSecretFiles(store);
  await noteApplied(store, { unfinishedSecrets: [...new Set(releases.flatMap(lost))] });
  for (const release of releases)
    for (const volume of lost(release)) {
      const secret = known[volume];
      if (secret) await writeKnown(engine, release, volume, secret);
      else if (release === content) throw lostSecrets(volume);
    }
  await noteApplied(store, { unfinishedSecrets: [] });
}

const lostSecrets = (volume: string) =>
  new OperatorError(`the volume ${volume} is gone, and the state does not have the secrets that were in it`, {
    code: 'secrets-missing',
    exitCode: exitCodes.checkFailed,
    next: 'check out its commit (horme releases shows it), then: horme deploy',
  });
