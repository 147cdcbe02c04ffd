import { edgeNetwork } from '../platform/networks.ts';
import { withoutSecrets } from '../parts/backup/part.ts';
import { cacheService, redisUrl } from '../parts/cache/part.ts';
import { databaseName, poolerService, proxyService } from '../parts/database/names.ts';
import { sharedSettings } from '../parts/database/patroni.ts';
import { membersOf } from '../parts/database/proxy.ts';
import { rolesWanted } from '../parts/database/roles.ts';
import { applicationUrls, authorityName, migrationUrls, type DatabaseUrls } from '../parts/database/urls.ts';
import { hostsOf, renderNginx } from '../parts/edge/nginx.ts';
import { labels } from '../engine/labels.ts';
import type { Image } from '../engine/engine.ts';
import { imageTags } from '../platform/images.ts';
import { dataNetwork } from '../platform/networks.ts';
import { escaped, type PartService } from '../platform/part.ts';
import { parts } from '../platform/parts.ts';
import type { Service, Stack } from '../stack/stack.ts';
import type { ComposeModel, ComposeService } from '../engine/compose-model.ts';
import { specOf } from './adapt.ts';
import { anonymousOf, strategyWith } from './anonymous.ts';
import { unbuilt, type ServiceImage } from './images.ts';
import { buildSecrets, originOf } from './origin.ts';
import { hashesOf, readMigrations } from './migration-files.ts';
import type { BackupRelease, DatabaseRelease, ReleaseContent, ReleaseService } from './release.ts';
import { fingerprint } from '../fingerprint.ts';
import type { Settings } from './settings.ts';
import { userFiles } from './user-files.ts';
import { secretVolumeName, secretValue, secretsFolder, withSecrets, type SecretFiles, type Vault } from './vault.ts';

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
  /** Hosts that the certificate must name. */
  hosts: string[];
  certificate: string;
}

interface Inputs {
  stack: Stack;
  images: ServiceImage[];
  platformIds: Record<string, string>;
  vault: Vault;
  settings: Settings;
  /** User services that stay as this release has them, because only others are to be deployed. */
  kept: { former: ReleaseContent; names: string[] } | undefined;
}

/** Makes the whole release out of what the user wants: everything is resolved, nothing is started or written. */
export async function prepare(inputs: Inputs): Promise<Prepared> {
  const { stack } = inputs;
  const own = parts
    .flatMap((part) => part.services(stack, inputs.vault.backup))
    .map((service) => platformRelease(service, inputs));
  const users = await Promise.all(
    stack.services.map(async (service) => formerRelease(service.name, inputs) ?? (await userRelease(service, inputs))),
  );
  const all = [...own, ...users];
  const services = all.map(({ service }) => service);
  const hosts = hostsOf(services);
  const certificate = `self-signed-${fingerprint(hosts)}`;
  const nginx = renderNginx({
    services,
    httpsPort: stack.environment.ports.https,
    certificate,
    maxBodyBytes: stack.maxBodyBytes,
  });
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
    compose: { ...compose(stack, all, secretVolumes), ...formerConfigs(inputs) },
    nginx,
    database: databaseRelease(inputs),
    backup: backupRelease(inputs),
    buildSecrets: buildSecrets(stack.model, stack.directory),
    secretVolumes,
    watchSeconds: stack.watchSeconds,
  };
  return { content, secrets, hosts, certificate };
}

interface Resolved {
  service: ReleaseService;
  definition: ComposeService;
  secrets: SecretVolume[];
}

function databaseRelease({ stack, vault }: Inputs): DatabaseRelease | undefined {
  const { database } = stack;
  if (!database) return undefined;
  const migrates = stack.services.some(({ migrate }) => migrate !== undefined);
  return {
    version: database.version,
    members: membersOf(database),
    shared: database.replicas > 0 ? sharedSettings(database) : {},
    zeroLoss: database.durability === 'zero-loss',
    pooler: database.pooler,
    roles: rolesWanted(database, databaseName(stack), migrates, vault.database),
  };
}

function backupRelease({ stack, vault }: Inputs): BackupRelease | undefined {
  if (!stack.backup) return undefined;
  const history = stack.database && vault.backup.history;
  return { history, repositories: stack.backup.repositories.map(withoutSecrets) };
}

function platformRelease(service: PartService, inputs: Inputs): Resolved {
  const image = imageTags()[service.platformImage];
  const imageId = inputs.platformIds[service.platformImage] ?? unbuilt;
  const files = Object.fromEntries(
    Object.entries(service.secretFiles).map(([file, name]) => [
      file,
      secretValue(inputs.vault, name, inputs.stack.backup),
    ]),
  );
  const secret = secretVolume(service.name, files, { uid: service.uid }, inputs);
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
  const files = { ...own.files, ...variableFiles(service, inputs, applicationUrls) };
  const reader = {
    service: service.name,
    imageId: found.image?.id ?? unbuilt,
    user: (service.definition.user as string | undefined) ?? found.image?.user ?? '',
  };
  const secret = secretVolume(service.name, files, reader, inputs);
  const migration = asksForDatabase(service) && service.migrate !== undefined;
  const ownerSecret = migration
    ? secretVolume(
        `${service.name}-migration`,
        { ...own.files, ...variableFiles(service, inputs, migrationUrls) },
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

/** The definition that its image comes from, as the file has it: so its sources are hashed, then and at a recovery. */
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

const asksFor = (service: Service, mark: string) =>
  service.secretVariables.some(({ template }) => template.includes(mark));

const asksForDatabase = (service: Service) => asksFor(service, '{database-');

/** For those who run the rendered file with plain Compose; a deploy keeps this order by itself. */
function platformNeeds(service: Service, { stack }: Inputs): [string, { condition: 'service_healthy' }][] {
  const needs: [string, { condition: 'service_healthy' }][] = [];
  const database = stack.database?.pooler ? poolerService : proxyService;
  if (asksForDatabase(service)) needs.push([database, { condition: 'service_healthy' }]);
  if (asksFor(service, '{redis-url}')) needs.push([cacheService, { condition: 'service_healthy' }]);
  return needs;
}

const secretFileName = (variable: string) => variable.toLowerCase();

/** The values of its variables, and what the database's address names as the authority to trust. */
function variableFiles(
  service: Service,
  { stack, vault }: Inputs,
  urls: (stack: Stack, secrets: Vault['database']) => DatabaseUrls,
): SecretFiles {
  const { primary, replica } = urls(stack, vault.database);
  const values = {
    '{database-url}': primary,
    '{database-replica-url}': replica,
    '{redis-url}': redisUrl(vault.cachePassword),
  };
  const filled = service.secretVariables.map(({ variable, template }) => [
    secretFileName(variable),
    Object.entries(values).reduce((text, [mark, value]) => text.replaceAll(mark, value), template),
  ]);
  const trust = asksForDatabase(service) ? { [authorityName]: vault.database.authority.certificate } : {};
  return { ...(Object.fromEntries(filled) as SecretFiles), ...trust };
}

/** Variables with secrets come from files, through `with-secrets` before the image's own entry point. */
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

/** Compose interpolates the rendered file once more; its own output comes escaped already, the image's words don't. */
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

/** What an older Horme kept in the release itself, of services that stay as they are. */
function formerConfigs({ kept }: Inputs): Pick<ComposeModel, 'configs'> {
  const definitions = (kept?.names ?? []).map((name) => kept?.former.compose.services[name]);
  const used = definitions.flatMap((definition) => definition?.configs ?? []).map(({ source }) => source);
  const configs = Object.entries(kept?.former.compose.configs ?? {}).filter(([name]) => used.includes(name));
  return configs.length === 0 ? {} : { configs: Object.fromEntries(configs) };
}

function compose(stack: Stack, all: Resolved[], secretVolumes: string[]): ComposeModel {
  const { secrets: _secrets, configs: _configs, ...model } = stack.model;
  return {
    ...model,
    name: stack.project,
    services: Object.fromEntries(all.map(({ service, definition }) => [service.name, definition])),
    networks: Object.assign(
      {},
      stack.model.networks,
      ...parts.map((part) => part.networks(stack)),
    ) as ComposeModel['networks'] & object,
    volumes: Object.assign(
      {},
      stack.model.volumes,
      ...parts.map((part) => part.volumes(stack)),
      Object.fromEntries(secretVolumes.map((name) => [name, { name }])),
    ) as ComposeModel['volumes'] & object,
  };
}
