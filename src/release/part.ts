import type { ComposeModel } from '../engine/compose-model.ts';
import type { ImageSources } from '../platform/images.ts';
import type { PartService } from '../platform/service.ts';
import type { Sections } from '../sections.ts';
import type { StackPart } from '../stack/part-key.ts';
import type { Stack } from '../stack/stack.ts';
import type { ReleaseContent, ReleaseService } from './release.ts';
import type { Applied } from './settings.ts';
import type { SecretFiles, Vault } from './vault.ts';

/** Of a part, what a release is made of. */
export interface ReleasePart extends StackPart {
  /** Folders below images/, by the image's name. */
  images?: ImageSources;
  services?(stack: Stack, vault: Vault): PartService[];
  networks?(stack: Stack): NonNullable<ComposeModel['networks']>;
  volumes?(stack: Stack): NonNullable<ComposeModel['volumes']>;
  /** What it adds to a service of another part. */
  completes?(service: PartService, stack: Stack, vault: Vault): PartService;
  /** Its section of the release: what is not in the definition of a container. */
  released?(stack: Stack, services: ReleaseService[], vault: Vault): unknown;
  /** A release of before, as it is to run now. */
  present?(content: ReleaseContent, vault: Vault): ReleaseContent;
  secrets?: PartSecrets;
  /** What the variables of its key mean. */
  values?: PartValues;
}

/** Its section of the vault: made at the first deploy of an environment, and never shown. */
export interface PartSecrets {
  /** The section, also where a Horme of before kept it; undefined: it is not made yet. */
  read(all: Sections): unknown;
  make(): Promise<unknown>;
  /** With what a Horme of before did not make. */
  completed?(section: unknown): Promise<unknown>;
  /** At the beginning of a run. */
  renewed?(section: unknown, run: SecretsRun): unknown;
  /** A run failed: without what was begun for it and is of no use now. `former` goes on. */
  givenUp?(section: unknown, former: ReleaseContent): unknown;
}

export interface SecretsRun {
  stack: Stack;
  applied: Applied;
  live: ReleaseContent | undefined;
  /** Whether logins get new passwords. */
  rotate: boolean;
  /** Of the platform alone, which may bring the database's data to another major version. */
  platformOnly: boolean;
}

/** For services of the user that mention the part's variables. */
export interface PartValues {
  /** By placeholder. */
  of(stack: Stack, vault: Vault): Record<string, string>;
  /** Those of a migration, where it must not log in as the service does. */
  ofMigration?(stack: Stack, vault: Vault): Record<string, string>;
  /** Beside the variables' files. */
  files?(vault: Vault): SecretFiles;
  /** The service that must be healthy before. */
  waitsFor(stack: Stack): string;
}
