import type { RolesWanted } from '../parts/database/roles.ts';
import type { PostgresVersion, Route, Service } from '../stack/stack.ts';
import type { ComposeModel } from '../engine/compose-model.ts';

import type { Origin } from './origin.ts';

/** Who owns a service: the user's file, or a part of the platform. */
export type Owner = 'user' | 'edge' | 'database' | 'cache' | 'backup';

/** A service with everything resolved: the planner compares `spec` with what runs. */
export interface ReleaseService extends Omit<Service, 'definition' | 'secretVariables' | 'migrations'> {
  owner: Owner;
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
  /** The edge's configuration; HAProxy's is rendered from the services and who is a member just now. */
  nginx: string;
  database: DatabaseRelease | undefined;
  backup: BackupRelease | undefined;
  /** Files that builds may read as secrets, by name. */
  buildSecrets: ComposeModel['secrets'];
  /** Names of the secret volumes, one for each version of a service's secrets. */
  secretVolumes: string[];
  watchSeconds: number;
}

/** Of the database, what is not in the definition of a container. */
export interface DatabaseRelease {
  version: PostgresVersion;
  /** Services of the members, in the order of their numbers. */
  members: string[];
  /** What Patroni's members share; empty without Patroni. */
  shared: Record<string, unknown>;
  zeroLoss: boolean;
  pooler: boolean;
  roles: RolesWanted;
}

/** Of the backups, what the agent must set up once. */
export interface BackupRelease {
  /** Of the database; undefined: there is none. */
  history: string | undefined;
  /** Where they go, without keys. */
  repositories: Record<string, unknown>[];
}

export interface RoutedService {
  name: string;
  replicas: number;
  routes: Route[];
  /** Sets of ports of which any whole one makes a replica a member, while two releases serve; undefined: all its ports. */
  portSets?: number[][];
}
