import { labels } from '../engine/labels.ts';
import type { Image } from '../engine/engine.ts';
import { imageSources, imageTag } from '../platform/images.ts';
import { dataNetwork, edgeNetwork } from '../platform/networks.ts';
import { escaped, type PartService } from '../platform/service.ts';
import type { Service, Stack } from '../stack/stack.ts';
import type { ComposeModel, ComposeService } from '../engine/compose-model.ts';
import { sectionsOf } from '../sections.ts';
import { specOf } from './adapt.ts';
import { anonymousOf, strategyWith } from './anonymous.ts';
import { unbuilt, type ServiceImage } from './images.ts';
import { buildSecrets, originOf } from './origin.ts';
import { hashesOf, readMigrations } from './migration-files.ts';
import type { ReleasePart, PartValues } from './part.ts';
import type { ReleaseContent, ReleaseService } from './release.ts';
import type { Settings } from './settings.ts';
import { userFiles } from './user-files.ts';
import { secretVolumeName, secretsFolder, withSecrets, type SecretFiles, type Vault } from './vault.ts';

/** A volume that must hold these files before the service that mounts it starts. */
export interface SecretVolume {
  volume: string;
  files: SecretFiles;
  /** Who reads them: the platform's fixed uid, or whoever the USER is in the image of that service. */
  reader: { uid: number } | { service: string; imageId: string; user: string };
}

export interface Prepared {
  content: ReleaseContent;
  secrets: SecretVolume[];
}

interface Inputs {
  stack: Stack;
  parts: readonly ReleasePart[];
  images: ServiceImage[];
  platformIds: Record<string, string>;
  vault: Vault;
  settings: Settings;
  /** Services that stay as in `former`, because only others are deployed. */
  kept: { former: ReleaseContent; names: string[] } | undefined;
}

/** Resolves the stack into a complete release. Starts nothing and writes nothing. */
export async function prepare(inputs: Inputs): Promise<Prepared> {
  const { stack, parts, vault } = inputs;
  const own = platformServices(inputs).map((service) => platformRelease(service, inputs));
  const users = await Promise.all(
    stack.services.map(async (service) => formerRelease(service.name, inputs) ?? (await userRelease(service, inputs))),
  );
  const all = [...own, ...users];
  const services = all.map(({ service }) => service);
  const secrets = all.flatMap((one) => one.secrets);
  const keptVolumes = (inputs.kept?.former.secretVolumes ?? []).filter((volume) =>
    all.some(
      ({ definition, service }) =>
        service.migrationVolume === volume || definition.volumes?.some(({ source }) => source === volume),
    ),
  );
  const secretVolumes = [...new Set([...secrets.map(({ volume }) => volume), ...keptVolumes])];
  const content: ReleaseContent = {
    schema: 'horme.release/1',
    name: stack.name,
    project: stack.project,
    environment: stack.environment.name,
    domain: stack.environment.domain,
    ports: stack.environment.ports,
    services,
    compose: { ...compose(inputs, all, secretVolumes), ...formerConfigs(inputs) },
    parts: sectionsOf(parts.map((part) => [part.name, part.released?.(stack, services, vault)])),
    buildSecrets: buildSecrets(stack.model, stack.directory),
    secretVolumes,
    watchSeconds: stack.watchSeconds,
  };
  return { content, secrets };
}

interface Resolved {
  service: ReleaseService;
  definition: ComposeService;
  secrets: SecretVolume[];
}

/** The services of all parts, each completed by the other parts. */
export function platformServices({ stack, parts, vault }: Pick<Inputs, 'stack' | 'parts' | 'vault'>): PartService[] {
  const own = parts.flatMap((part) => part.services?.(stack, vault) ?? []);
  return own.map((service) => parts.reduce((one, part) => part.completes?.(one, stack, vault) ?? one, service));
}

function platformRelease(service: PartService, inputs: Inputs): Resolved {
  const image = imageTag(service.platformImage, imageSources(inputs.parts));
  const imageId = inputs.platformIds[service.platformImage] ?? unbuilt;
  const secret = secretVolume(service.name, service.secretFiles, { uid: service.uid }, inputs);
  const definition = {
    ...service.definition,
    ...(secret && { volumes: [...(service.definition.volumes ?? []), mountOf(secret)] }),
  };
  const { platformImage: _image, secretFiles: _files, uid: _uid, ...rest } = service;
  const none = { migrationFiles: {}, migrationVolume: undefined, origin: undefined };
  return {
    ...finished({ ...rest, ...none }, service.owner, { ...definition, image }, imageId, inputs.stack.project),
    secrets: secret ? [secret] : [],
  };
}

function formerRelease(name: string, { kept }: Inputs): Resolved | undefined {
  if (!kept?.names.includes(name)) return undefined;
  const service = kept.former.services.find((one) => one.name === name);
  const definition = kept.former.compose.services[name];
  return service && definition && { service, definition, secrets: [] };
}

async function userRelease(service: Service, inputs: Inputs): Promise<Resolved> {
  const found = inputs.images.find((image) => image.service === service.name);
  if (!found) throw new Error(`no image was resolved for ${service.name}`);
  const own = await userFiles(service, inputs.stack);
  const files = { ...own.files, ...variableFiles(service, inputs, ({ of }) => of) };
  const reader = {
    service: service.name,
    imageId: found.image?.id ?? unbuilt,
    user: (service.definition.user as string | undefined) ?? found.image?.user ?? '',
  };
  const secret = secretVolume(service.name, files, reader, inputs);
  const migration = service.migrate !== undefined && asked(service, inputs).some(({ values }) => values?.ofMigration);
  const ownerSecret = migration
    ? secretVolume(
        `${service.name}-migration`,
        { ...own.files, ...variableFiles(service, inputs, ({ of, ofMigration }) => ofMigration ?? of) },
        reader,
        inputs,
      )
    : undefined;
  const { build: _build, secrets: _secrets, configs: _configs, ...definition } = service.definition;
  const needs = platformNeeds(service, inputs);
  const whole: ComposeService = {
    ...definition,
    ...withVariables(service, found.image),
    ...(definition.network_mode === undefined && { networks: networksOf(service) }),
    ...(needs.length > 0 && { depends_on: { ...definition.depends_on, ...Object.fromEntries(needs) } }),
    image: found.reference,
    volumes: [...(definition.volumes ?? []), ...(secret ? [mountOf(secret), ...own.mounts(secret.volume)] : [])],
  };
  const replicas = inputs.settings.scale[service.name] ?? service.replicas;
  const released = {
    ...service,
    replicas,
    strategy: strategyWith(service.strategy, whole, found.image),
    anonymous: anonymousOf(whole, found.image),
    migrationFiles: service.migrations === undefined ? {} : hashesOf(await readMigrations(service.migrations)),
    migrationVolume: ownerSecret?.volume,
    origin: originOf(buildDefinition(service, found, inputs.stack), found.image, inputs.stack.directory),
  };
  return {
    ...finished(released, 'user', whole, found.image?.id ?? unbuilt, inputs.stack.project),
    secrets: [secret, ownerSecret].filter((one) => one !== undefined),
  };
}

/** The definition that builds the image, as in the file, so that a deploy and a recovery hash the same sources. */
const buildDefinition = (service: Service, { builtBy }: ServiceImage, stack: Stack): ComposeService =>
  (stack.services.find(({ name }) => name === builtBy) ?? service).definition;

function finished(
  service: Service & Pick<ReleaseService, 'migrationFiles' | 'migrationVolume' | 'origin' | 'anonymous'>,
  owner: ReleaseService['owner'],
  definition: ComposeService,
  imageId: string,
  project: string,
): Omit<Resolved, 'secrets'> {
  const { definition: _definition, secretVariables: _variables, migrations: _folder, ...rest } = service;
  const spec = specOf(definition, imageId);
  const ownLabels = { [labels.project]: project, [labels.spec]: spec };
  const { pull_policy: _policy, ...plain } = definition;
  return {
    service: { ...rest, owner, image: definition.image ?? '', imageId, spec },
    definition: {
      ...plain,
      labels: { ...definition.labels, ...ownLabels },
      deploy: { ...definition.deploy, replicas: service.replicas },
    },
  };
}

function networksOf(service: Service): NonNullable<ComposeService['networks']> {
  return {
    ...(service.definition.networks ?? { default: null }),
    ...(service.routes.length > 0 && { [edgeNetwork]: null }),
    ...(service.secretVariables.length > 0 && { [dataNetwork]: null }),
  };
}

/** Parts whose variables the service uses. */
const asked = ({ secretVariables }: Service, { parts }: Inputs): ReleasePart[] =>
  parts.filter(({ key }) =>
    key?.variables?.some(({ placeholder }) => secretVariables.some(({ template }) => template.includes(placeholder))),
  );

/** `depends_on` for plain Compose with the rendered file; a deploy keeps this order without it. */
function platformNeeds(service: Service, inputs: Inputs): [string, { condition: 'service_healthy' }][] {
  const values = asked(service, inputs).flatMap((part) => part.values ?? []);
  return values.map(({ waitsFor }) => [waitsFor(inputs.stack), { condition: 'service_healthy' }]);
}

const secretFileName = (variable: string) => variable.toLowerCase();

/** Files with the values of the service's variables, and further files that these need. */
function variableFiles(
  service: Service,
  inputs: Inputs,
  choose: (values: PartValues) => PartValues['of'],
): SecretFiles {
  const { stack, vault } = inputs;
  const given = asked(service, inputs).flatMap(({ values }) => values ?? []);
  const all = given.map((values) => choose(values)(stack, vault));
  const values = Object.entries(Object.assign({}, ...all) as Record<string, string>);
  const filled = service.secretVariables.map(({ variable, template }) => [
    secretFileName(variable),
    values.reduce((text, [mark, value]) => text.replaceAll(mark, value), template),
  ]);
  const own = Object.fromEntries(filled) as SecretFiles;
  return Object.assign(own, ...given.map(({ files }) => files?.(vault))) as SecretFiles;
}

/** Runs `with-secrets` before the image's entry point: it sets the secret variables from files. */
function withVariables(service: Service, image: Image | undefined): Pick<ComposeService, 'entrypoint' | 'command'> {
  if (service.secretVariables.length === 0) return {};
  const { entrypoint, command } = service.definition;
  const pairs = service.secretVariables.map(
    ({ variable }) => `${variable}=${secretsFolder}/${secretFileName(variable)}`,
  );
  const ownEntrypoint = entrypoint ?? escapedWords(image?.entrypoint ?? []);
  const ownCommand = command ?? (entrypoint ? [] : escapedWords(image?.command ?? []));
  return { entrypoint: [withSecrets, ...pairs, '--', ...ownEntrypoint], command: ownCommand };
}

/**
 * Compose interpolates the rendered file again. Compose's own output is escaped already; words from an image are not.
 */
const escapedWords = (words: string[]) => words.map(escaped);

/** `owner` is part of the volume's name: a service, or a service's migration. */
function secretVolume(
  owner: string,
  files: SecretFiles,
  reader: SecretVolume['reader'],
  inputs: Inputs,
): SecretVolume | undefined {
  if (Object.keys(files).length === 0) return undefined;
  return { files, reader, volume: secretVolumeName(inputs.vault, inputs.stack.project, owner, files) };
}

const mountOf = ({ volume }: SecretVolume) => ({
  type: 'volume',
  source: volume,
  target: secretsFolder,
  read_only: true,
});

/** Configs that an older Horme stored in the release, for services that stay as they are. */
function formerConfigs({ kept }: Inputs): Pick<ComposeModel, 'configs'> {
  const definitions = (kept?.names ?? []).map((name) => kept?.former.compose.services[name]);
  const used = definitions.flatMap((definition) => definition?.configs ?? []).map(({ source }) => source);
  const configs = Object.entries(kept?.former.compose.configs ?? {}).filter(([name]) => used.includes(name));
  return configs.length === 0 ? {} : { configs: Object.fromEntries(configs) };
}

function compose({ stack, parts }: Inputs, all: Resolved[], secretVolumes: string[]): ComposeModel {
  const { secrets: _secrets, configs: _configs, ...model } = stack.model;
  return {
    ...model,
    name: stack.project,
    services: Object.fromEntries(all.map(({ service, definition }) => [service.name, definition])),
    networks: Object.assign(
      {},
      stack.model.networks,
      ...parts.map((part) => part.networks?.(stack)),
    ) as ComposeModel['networks'] & object,
    volumes: Object.assign(
      {},
      stack.model.volumes,
      ...parts.map((part) => part.volumes?.(stack)),
      Object.fromEntries(secretVolumes.map((name) => [name, { name }])),
    ) as ComposeModel['volumes'] & object,
  };
}
