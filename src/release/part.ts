import type { ComposeModel } from '../engine/compose-model.ts';
import type { ImageSources } from '../platform/images.ts';
import type { PartService } from '../platform/service.ts';
import type { Sections } from '../sections.ts';
import type { StackPart } from '../stack/part-key.ts';
import type { Stack } from '../stack/stack.ts';
import type { ReleaseContent, ReleaseService } from './release.ts';
import type { Applied } from './settings.ts';
import type { SecretFiles, Vault } from './vault.ts';

/** What a part contributes to a release. */
export interface ReleasePart extends StackPart {
  /** Folders below images/, by the image's name. */
  images?: ImageSources;
  services?(stack: Stack, vault: Vault): PartService[];
  networks?(stack: Stack): NonNullable<ComposeModel['networks']>;
  volumes?(stack: Stack): NonNullable<ComposeModel['volumes']>;
  /** Completes a service of another part. */
  completes?(service: PartService, stack: Stack, vault: Vault): PartService;
  /** The part's section of the release: data that no container definition has. */
  released?(stack: Stack, services: ReleaseService[], vault: Vault): unknown;
  /** Updates an earlier release so that it can run now. */
  present?(content: ReleaseContent, vault: Vault): ReleaseContent;
  secrets?: PartSecrets;
  /** Values of the part's variables. */
  values?: PartValues;
}

/** The part's section of the vault, made at the first deploy of an environment and never shown. */
export interface PartSecrets {
  /** Reads the section, also from where an older Horme kept it; undefined: not made yet. */
  read(all: Sections): unknown;
  make(): Promise<unknown>;
  /** Adds secrets that an older Horme did not make. */
  completed?(section: unknown): Promise<unknown>;
  /** Called at the beginning of a run, for a rotation or a new backup history. */
  renewed?(section: unknown, run: SecretsRun): unknown;
  /** Called after a failed run: drops what was begun for it in vain. `former` continues to run. */
  givenUp?(section: unknown, former: ReleaseContent): unknown;
}

export interface SecretsRun {
  stack: Stack;
  applied: Applied;
  live: ReleaseContent | undefined;
  /** Whether logins get new passwords. */
  rotate: boolean;
  /** The run deploys only the platform, which may include a major upgrade of the database. */
  platformOnly: boolean;
}

/** Values for the user's services that use the part's variables. */
export interface PartValues {
  /** By placeholder. */
  of(stack: Stack, vault: Vault): Record<string, string>;
  /** Values for a migration, if it logs in differently from its service. */
  ofMigration?(stack: Stack, vault: Vault): Record<string, string>;
  /** Further files beside those of the variables. */
  files?(vault: Vault): SecretFiles;
  /** Name of the service that must be healthy first. */
  waitsFor(stack: Stack): string;
}
