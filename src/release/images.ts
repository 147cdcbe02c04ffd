import { labels } from '../engine/labels.ts';
import type { Engine, Image } from '../engine/engine.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import { contextsOf, serviceIn } from '../stack/build-contexts.ts';
import type { Service, Stack } from '../stack/stack.ts';
import type { ComposeBuild, ComposeModel } from '../engine/compose-model.ts';
import type { Looking } from './context-files.ts';
import { askAgain } from './pull-policy.ts';
import { sourcesHash } from './sources.ts';

/** The image that a service will run, and what must be done to have it. */
export interface ServiceImage {
  service: string;
  /** Horme's own tag for exactly this content. */
  reference: string;
  /** Undefined while it must be built or pulled first. */
  image: Image | undefined;
  work: 'build' | 'pull' | undefined;
  /** Hash of the sources; undefined for an image that is pulled. */
  sources: string | undefined;
  /** The build, with `service:` contexts resolved to images. */
  build?: ComposeBuild;
  /** The service whose `build` makes the image, if that is another one. */
  builtBy?: string;
  /** Why there is work although the engine has an image. */
  because?: string | undefined;
}

/** Image id of a service whose image is not built yet, so that a plan can be printed before the build. */
export const unbuilt = 'unbuilt';

interface Resolving extends Looking {
  /** This run has already asked the registry, where the pull policy requires it. */
  asked?: boolean;
  /** This run has already pulled, so even a rebuild does not pull again. */
  pulled?: boolean;
  /** Images whose sources were hashed earlier in this run: that hash counts, even if the files have changed since. */
  known?: ServiceImage[];
}

/** A service without `build` whose `image` is that of a service with `build` runs the image that the latter builds. */
export async function resolveImages(
  stack: Stack,
  engine: Engine,
  rebuild: boolean,
  resolving: Resolving = {},
): Promise<ServiceImage[]> {
  const context = { stack, engine, rebuild, ...resolving };
  const begun = new Map<string, Promise<ServiceImage>>();
  const resolvedBy =
    (asking: string[]): Resolve =>
    (service) => {
      if (asking.includes(service.name)) throw circular([...asking, service.name]);
      const found = begun.get(service.name) ?? resolveOne(context, service, resolvedBy([...asking, service.name]));
      begun.set(service.name, found);
      return found;
    };
  return Promise.all(stack.services.map(async (service) => resolvedBy([])(service)));
}

const circular = (names: string[]) =>
  new OperatorError(`builds take files from each other: ${names.join(' → ')}`, {
    code: 'builds-circular',
    exitCode: exitCodes.usage,
    next: 'take one of them out of additional_contexts',
  });

interface Scene extends Resolving {
  stack: Stack;
  engine: Engine;
  rebuild: boolean;
}

type Resolve = (service: Service) => Promise<ServiceImage>;

async function resolveOne(context: Scene, service: Service, resolved: Resolve): Promise<ServiceImage> {
  const { name, definition } = service;
  if (definition.build) return builtImage(context, service, definition.build, resolved);
  const builder = builderOf(context.stack, definition.image);
  if (builder) return { ...(await resolved(builder)), service: name, work: undefined, builtBy: builder.name };
  return pulledImage(context, service);
}

async function builtImage(
  { stack, engine, rebuild, asked, known, ...looking }: Scene,
  { name, definition }: Service,
  build: ComposeBuild,
  resolved: Resolve,
): Promise<ServiceImage> {
  const own = await withServiceContexts(stack, build, resolved);
  const before = known?.find((image) => image.service === name)?.sources;
  const sources = before ?? (await sourcesHash(build, { ...looking, service: tagIn(stack, resolved) }));
  const reference = `${repositoryOf(stack, name)}:${sources}`;
  const always = definition['pull_policy'] === 'build' && !asked;
  const image = rebuild ? undefined : await engine.image(reference);
  const because = image && always ? 'pull_policy: build builds each time' : undefined;
  return {
    service: name,
    reference,
    image,
    work: image && !always ? undefined : 'build',
    sources,
    build: own,
    because,
  };
}

async function pulledImage(
  { stack, engine, rebuild, asked, pulled }: Scene,
  { name, definition }: Service,
): Promise<ServiceImage> {
  const repository = repositoryOf(stack, name);
  const { image: wanted = '', pull_policy: policy } = definition;
  const image = rebuild && !pulled ? undefined : await engine.image(wanted);
  if (!image) return { service: name, reference: repository, image, work: 'pull', sources: undefined };
  const reference = `${repository}:${image.id.replace('sha256:', '').slice(0, 12)}`;
  const because = asked ? undefined : askAgain(policy, image, Date.now() / 1000);
  return {
    service: name,
    reference,
    image,
    work: because === undefined ? undefined : 'pull',
    sources: undefined,
    because,
  };
}

/** The content tag of a service whose image is a context of another build. */
const tagIn = (stack: Stack, resolved: Resolve) => async (name: string) => {
  const service = stack.services.find((one) => one.name === name);
  return service && (await resolved(service)).reference.split(':').at(-1);
};

const repositoryOf = ({ project }: Stack, name: string) => `${project}/${name.toLowerCase()}`;

function builderOf({ services }: Stack, image: string | undefined): Service | undefined {
  if (image === undefined) return undefined;
  const name = wholeName(image);
  return services.find(
    ({ definition }) => definition.build && definition.image && wholeName(definition.image) === name,
  );
}

/** The image name as the engine stores it, so that `app` and `app:latest` are equal. */
function wholeName(image: string): string {
  const short = image.replace(/^docker\.io\//, '').replace(/^library\//, '');
  return /[:@][^/]*$/.test(short) ? short : `${short}:latest`;
}

/** Names a `service:` context by its content tag: that image is built first, and its change also changes this build. */
async function withServiceContexts(stack: Stack, build: ComposeBuild, resolved: Resolve): Promise<ComposeBuild> {
  const contexts = Object.entries(contextsOf(build));
  if (contexts.every(([, context]) => serviceIn(context) === undefined)) return build;
  const named = contexts.map(async ([name, context]) => {
    const service = stack.services.find((one) => one.name === serviceIn(context));
    if (!service) return [name, context] as const;
    return [name, imageContext((await resolved(service)).reference)] as const;
  });
  return { ...build, additional_contexts: Object.fromEntries(await Promise.all(named)) };
}

/** Services to build, in groups; each group depends only on earlier groups. */
export const buildOrder = (images: ServiceImage[]) => buildGroups(images.filter(({ work }) => work === 'build'));

export function buildGroups(images: Pick<ServiceImage, 'service' | 'reference' | 'build'>[]): string[][] {
  const left = new Set(images);
  const groups: string[][] = [];
  while (left.size > 0) {
    const waits = (image: (typeof images)[number]) => {
      const needed = Object.values(contextsOf(image.build));
      return [...left].some((one) => one !== image && needed.includes(imageContext(one.reference)));
    };
    const free = [...left].filter((image) => !waits(image));
    const group = free.length > 0 ? free : [...left];
    group.forEach((image) => left.delete(image));
    groups.push(group.map(({ service }) => service));
  }
  return groups;
}

/** The build context for an image that the engine has. */
export const imageContext = (reference: string) => `docker-image://${reference}`;

/** The user's model with Horme's tags, for `docker compose build`. */
export function buildModel(stack: Stack, images: ServiceImage[]): ComposeModel {
  const services = { ...stack.model.services };
  for (const { service, reference, sources, build } of images) {
    const definition = services[service];
    if (!definition || !build || sources === undefined) continue;
    const own = { [labels.project]: stack.project, [labels.sources]: sources };
    const given = (build['labels'] ?? {}) as Record<string, string>;
    services[service] = {
      ...definition,
      image: reference,
      build: { ...build, labels: { ...given, ...own } },
    };
  }
  return { ...stack.model, services };
}

/** Tags pulled images by their content, so that a tag that moves in the registry changes nothing here. */
export async function pinPulled(engine: Engine, images: ServiceImage[]): Promise<void> {
  for (const { image, reference, sources } of images) {
    if (sources === undefined && image && !image.tags.includes(reference)) await engine.tag(image.id, reference);
  }
}
