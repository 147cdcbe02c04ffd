import type { Sections } from '../sections.ts';
import type { Route, Service } from '../stack/stack.ts';
import type { ComposeModel } from '../engine/compose-model.ts';

import type { Origin } from './origin.ts';

/** A service with everything resolved: the planner compares `spec` with what runs. */
export interface ReleaseService extends Omit<Service, 'definition' | 'secretVariables' | 'migrations'> {
  /** `user`, or the name of the part. */
  owner: string;
  /** SQL files of its migrations by name, with a hash of each: what the next release adds is new. */
  migrationFiles: Record<string, string>;
  /** Secrets of its migration, which logs in as the owner of the schema; undefined: it has none of its own. */
  migrationVolume: string | undefined;
  /**
   * Paths of its anonymous volumes. Undefined, which is not known: of the platform's services, of those that have another
   * service's volumes, in releases of former versions.
   */
  anonymous?: string[] | undefined;
  /** Of a user's image; undefined for the platform's, which any version of Horme makes. */
  origin: Origin | undefined;
  /** The image by the tag that Horme gave to exactly this content. */
  image: string;
  imageId: string;
  spec: string;
}

/** All that is needed to run a release again, on any machine that has its images: nothing is read from the user's files. */
export interface ReleaseContent {
  schema: 'horme.release/1';
  name: string;
  project: string;
  environment: string;
  domain: string;
  ports: { http: number; https: number };
  services: ReleaseService[];
  compose: ComposeModel;
  /** What a part has that is not in the definition of a container, by the part's name. */
  parts: Sections;
  /** Files that builds may read as secrets, by name. */
  buildSecrets: ComposeModel['secrets'];
  /** Names of the secret volumes, one for each version of a service's secrets. */
  secretVolumes: string[];
  watchSeconds: number;
}

export interface RoutedService {
  name: string;
  replicas: number;
  routes: Route[];
  /** Sets of ports of which any whole one makes a replica a member, while two releases serve; undefined: all its ports. */
  portSets?: number[][];
}
