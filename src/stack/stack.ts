import type { ComposeModel, ComposeService, DependencyCondition } from '../engine/compose-model.ts';
import type { Diagnostic } from './diagnostics.ts';
import type { Sections } from '../sections.ts';

/** The user's files, parsed and validated once. The core works on these types and never sees raw YAML. */

export interface Environment {
  name: string;
  /** The public name; routes without a host of their own answer under it. */
  domain: string;
  /** A Docker context by name; undefined is the one the docker command line would use. */
  context: string | undefined;
  /** Host ports of the edge. */
  ports: { http: number; https: number };
}

/** The readiness check of a port. */
export interface HealthCheck {
  path: string;
  method: 'GET' | 'HEAD' | 'OPTIONS';
  /** Codes and ranges of a good answer, such as `200-399`. */
  status: string;
  /** How long one answer may take, seconds. */
  timeout: number;
}

/** Host and path that the edge sends to a service. The longest path of a host wins. */
export interface Route {
  host: string;
  /** Begins with `/`; matches the path itself and all below it. */
  path: string;
  port: number;
  /** Undefined: the port accepts connections. */
  health?: HealthCheck | undefined;
  /**
   * Seconds until the answer begins. Undefined, as in earlier releases: the edge's default; likewise for the two below.
   */
  timeoutSeconds?: number;
  /** Limit for the answer's header, and for the header of requests to the host. */
  maxHeaderBytes?: number;
  maxBodyBytes?: number;
}

export type Strategy =
  /** New replicas start beside the old ones. */
  | { kind: 'surge' }
  /** Old replicas stop before new ones start. The reason: the service must not run twice, or the file orders it. */
  | { kind: 'stop-first'; reason: string };

/**
 * A variable whose value contains `${DATABASE_URL}`, `${DATABASE_REPLICA_URL}` or `${REDIS_URL}`, which Horme fills in.
 */
export interface SecretVariable {
  variable: string;
  /** The value with `{database-url}`, `{database-replica-url}` or `{redis-url}` where the platform's secret goes. */
  template: string;
}

export interface Service {
  name: string;
  /** A job must end before its dependents start; a service keeps running. */
  kind: 'service' | 'job';
  replicas: number;
  definition: ComposeService;
  routes: Route[];
  strategy: Strategy;
  /** Arguments of the migration, run once in the new image before the rollout. */
  migrate: string[] | undefined;
  /** Folder with the SQL files of the migrations, absolute; for the linter. */
  migrations: string | undefined;
  secretVariables: SecretVariable[];
  dependsOn: { service: string; condition: DependencyCondition }[];
  /** How long a new replica may take to become healthy, seconds. */
  readySeconds: number;
  /** How long requests in flight may take to end when a replica drains, seconds. */
  drainSeconds: number;
  /** How long WebSockets and event streams may continue before their replica is stopped, seconds. */
  longLivedSeconds: number;
  /** Compose's stop_grace_period: SIGTERM to SIGKILL, seconds. */
  stopSeconds: number;
  /** Reservation of one replica, to decide whether a full surge fits. Zero: none. */
  reservation: { cpus: number; memoryBytes: number };
}

export interface Stack {
  name: string;
  environment: Environment;
  /** The Compose project, `<name>-<environment>`. */
  project: string;
  directory: string;
  files: string[];
  services: Service[];
  model: ComposeModel;
  /** Values of the variables that `secrets` and `configs` name, from Compose's environment files. */
  fileVariables: Record<string, string>;
  /** Options of each part, by the part's name. */
  parts: Sections;
  /** How long the new replicas are compared with the old ones after the cutover, seconds. */
  watchSeconds: number;
  /**
   * Missing build folders and Dockerfiles. Kept apart from errors, since commands that only look at running services
   * don't need them.
   */
  sourceProblems: Diagnostic[];
  warnings: string[];
}
