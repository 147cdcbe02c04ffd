import type { Sections } from '../sections.ts';
import type { Route, Service } from '../stack/stack.ts';
import type { ComposeModel } from '../engine/compose-model.ts';

import type { Origin } from './origin.ts';

/** A fully resolved service. The planner compares `spec` with the running containers. */
export interface ReleaseService extends Omit<Service, 'definition' | 'secretVariables' | 'migrations'> {
  /** `user`, or the name of the part. */
  owner: string;
  /** Hashes of its migrations' SQL files, by name, so that the next release can tell which files are new. */
  migrationFiles: Record<string, string>;
  /**
   * Secret volume of its migration, which logs in as the schema's owner; undefined: the migration uses the service's
   * secrets.
   */
  migrationVolume: string | undefined;
  /**
   * Paths of its anonymous volumes. Undefined (unknown) for platform services, for services with `volumes_from`, and in
   * releases of earlier versions.
   */
  anonymous?: string[] | undefined;
  /** Origin of a user's image; undefined for platform images, which Horme builds itself. */
  origin: Origin | undefined;
  /** The image's content tag, set by Horme. */
  image: string;
  imageId: string;
  spec: string;
}

/** Everything needed to run a release again on any machine that has its images; the user's files are not read. */
export interface ReleaseContent {
  schema: 'horme.release/1';
  name: string;
  project: string;
  environment: string;
  domain: string;
  ports: { http: number; https: number };
  services: ReleaseService[];
  compose: ComposeModel;
  /** Data of the parts that no container definition has, by the part's name. */
  parts: Sections;
  /** Build secrets, by name; file paths only. */
  buildSecrets: ComposeModel['secrets'];
  /** Names of the secret volumes, one for each version of a service's secrets. */
  secretVolumes: string[];
  watchSeconds: number;
}

export interface RoutedService {
  name: string;
  replicas: number;
  routes: Route[];
  /**
   * While two releases serve, a replica is a member if it has all ports of one of these sets; undefined: all ports of
   * the service.
   */
  portSets?: number[][];
}
