import { withoutSecrets } from '../backup/part.ts';
import { cacheService, redisUrl } from '../cache/part.ts';
import { databaseName, poolerService, proxyService } from '../database/names.ts';
import { sharedSettings } from '../database/patroni.ts';
import { membersOf } from '../database/proxy.ts';
import { rolesWanted } from '../database/roles.ts';
import { applicationUrls, authorityName, migrationUrls, type DatabaseUrls } from '../database/urls.ts';
import { edgeNetwork } from '../edge/part.ts';
import { hostsOf, renderNginx } from '../edge/nginx.ts';
import { labels } from '../engine/labels.ts';
import type { Image } from '../engine/engine.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import { imageTags } from '../platform/images.ts';
import { dataNetwork } from '../platform/networks.ts';
import { escaped, type PartService } from '../platform/part.ts';
import { parts } from '../platform/parts.ts';
import { readNamed } from '../stack/regular-file.ts';
import type { ComposeModel, ComposeService, Service, Stack } from '../stack/stack.ts';
import { specOf } from './adapt.ts';
import { unbuilt, type ServiceImage } from './images.ts';
import { buildSecrets, originOf } from './origin.ts';
import { hashesOf, readMigrations } from './migration-files.ts';
import {
  fingerprint,
  type BackupRelease,
  type DatabaseRelease,
  type ReleaseContent,
  type ReleaseService,
} from './release.ts';
import type { Settings } from './settings.ts';
import { secretVolumeName, secretValue, secretsFolder, withSecrets, type SecretFiles, type Vault } from './vault.ts';

/** A volume that must hold these files before the service that mounts it starts. */
export interface SecretVolume {
  service: string;
  volume: string;
  files: SecretFiles;
  /** Who reads them: the platform's fixed uid, or whoever the image's USER is. */
  reader: { uid: number } | { imageId: string; user: string };
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
    compose: {
      ...compose(stack, all, secretVolumes),
      ...(stack.model.configs && { configs: (await inlineConfigs(stack)) ?? {} }),
    },
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
  const own = await userSecrets(service, inputs.stack.model);
  const files = { ...own, ...variableFiles(service, inputs, applicationUrls) };
  const reader = {
    imageId: found.image?.id ?? unbuilt,
    user: (service.definition.user as string | undefined) ?? found.image?.user ?? '',
  };
  const secret = secretVolume(service.name, files, reader, inputs);
  const migration = asksForDatabase(service) && service.migrate !== undefined;
  const ownerSecret = migration
    ? secretVolume(
        `${service.name}-migration`,
        { ...own, ...variableFiles(service, inputs, migrationUrls) },
        reader,
        inputs,
      )
    : undefined;
  const { build: _build, secrets: _secrets, configs: _configs, ...definition } = service.definition;
  const needs = platformNeeds(service, inputs);
  const whole: ComposeService = {
    ...definition,
    ...withVariables(service, found.image),
    ...(await userConfigs(service, inputs.stack.model)),
    ...(definition.network_mode === undefined && { networks: networksOf(service) }),
    ...(needs.length > 0 && { depends_on: { ...definition.depends_on, ...Object.fromEntries(needs) } }),
    image: found.reference,
    volumes: [...(definition.volumes ?? []), ...(secret ? [mountOf(secret)] : [])],
  };
  const replicas = inputs.settings.scale[service.name] ?? service.replicas;
  const released = {
    ...service,
    replicas,
    migrationFiles: service.migrations === undefined ? {} : hashesOf(await readMigrations(service.migrations)),
    migrationVolume: ownerSecret?.volume,
    origin: originOf(service.definition, found.image, inputs.stack.directory),
  };
  return {
    ...finished(released, 'user', whole, found.image?.id ?? unbuilt, inputs.stack.project),
    secrets: [secret, ownerSecret].filter((one) => one !== undefined),
  };
}

function finished(
  service: Service & Pick<ReleaseService, 'migrationFiles' | 'migrationVolume' | 'origin'>,
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

function secretVolume(
  service: string,
  files: SecretFiles,
  reader: SecretVolume['reader'],
  inputs: Inputs,
): SecretVolume | undefined {
  if (Object.keys(files).length === 0) return undefined;
  return { service, files, reader, volume: secretVolumeName(inputs.vault, inputs.stack.project, service, files) };
}

const mountOf = ({ volume }: SecretVolume) => ({
  type: 'volume',
  source: volume,
  target: secretsFolder,
  read_only: true,
});

async function userSecrets(service: Service, model: ComposeModel): Promise<SecretFiles> {
  const files: SecretFiles = {};
  for (const { source, target } of service.definition.secrets ?? []) {
    const name = (target ?? source).replace(`${secretsFolder}/`, '');
    if (name.includes('/')) throw unsupportedTarget(service.name, source, target ?? '');
    files[name] = await secretContent(source, model);
  }
  return files;
}

async function secretContent(source: string, model: ComposeModel): Promise<string> {
  const secret = model.secrets?.[source];
  if (secret?.file !== undefined) return (await readNamed(secret.file, `the secret ${source}`)).toString('utf8');
  if (secret?.environment !== undefined && process.env[secret.environment] !== undefined)
    return process.env[secret.environment] ?? '';
  if (secret?.content !== undefined) return secret.content;
  throw new OperatorError(
    `the secret "${source}" has no value: ${secret?.environment ? `the variable ${secret.environment} is not set` : 'it is external'}`,
    {
      code: 'secret-missing',
      exitCode: exitCodes.usage,
      next: secret?.environment
        ? `export ${secret.environment}=…`
        : `give the secret a file: or an environment: in the Compose file`,
    },
  );
}

function unsupportedTarget(service: string, source: string, target: string): OperatorError {
  return new OperatorError(
    `services.${service}.secrets: "${source}" goes to ${target}; secrets are mounted below ${secretsFolder} only`,
    {
      code: 'secret-target',
      exitCode: exitCodes.usage,
      next: `leave out target: and read ${secretsFolder}/${source}`,
    },
  );
}

/** Another content is another spec: Compose itself would not see that a file changed. */
async function userConfigs(service: Service, model: ComposeModel): Promise<Pick<ComposeService, 'configs' | 'labels'>> {
  const configs = service.definition.configs ?? [];
  if (configs.length === 0) return {};
  const contents = await Promise.all(configs.map(({ source }) => configContent(model.configs?.[source])));
  return { configs, labels: { ...service.definition.labels, 'horme.configs': fingerprint(contents) } };
}

/**
 * A config file's content becomes part of the release, so that a rollback restores it and any machine can do it. Compose
 * copies contents into a container, which a read-only root refuses: for such services the file itself is mounted.
 */
async function inlineConfigs(stack: Stack): Promise<ComposeModel['configs']> {
  const configs = stack.model.configs ?? {};
  const mounted = new Set(
    stack.services
      .filter(({ definition }) => definition.read_only === true)
      .flatMap(({ definition }) => (definition.configs ?? []).map(({ source }) => source)),
  );
  const entries = Object.entries(configs).map(async ([name, config]) => {
    if (config.file === undefined || mounted.has(name)) return [name, config] as const;
    const content = escaped(await configContent(config));
    return [name, { content }] as const;
  });
  return Object.fromEntries(await Promise.all(entries)) as NonNullable<ComposeModel['configs']>;
}

async function configContent(config: NonNullable<ComposeModel['configs']>[string] | undefined): Promise<string> {
  if (config?.file === undefined) return config?.content ?? '';
  return (await readNamed(config.file, 'a config')).toString('utf8');
}

function compose(stack: Stack, all: Resolved[], secretVolumes: string[]): ComposeModel {
  const { secrets: _secrets, ...model } = stack.model;
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
