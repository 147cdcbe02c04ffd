import type { ComposeModel, ComposeService, DependencyCondition } from '../engine/compose-model.ts';
import type { Diagnostic } from './diagnostics.ts';
import type { Sections } from '../sections.ts';

/** What the user wants, parsed once at the edge. The core works on these types and never sees raw YAML. */

export interface Environment {
  name: string;
  /** The public name; routes without a host of their own answer under it. */
  domain: string;
  /** A Docker context by name; undefined is the one the docker command line would use. */
  context: string | undefined;
  /** Host ports of the edge. */
  ports: { http: number; https: number };
}

/** What a replica is asked at a port, to know that it serves. */
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
  /** Until the answer begins; undefined, as in releases of before: the edge's own, like the two below. */
  timeoutSeconds?: number;
  /** Of an answer; of a request to the host too. */
  maxHeaderBytes?: number;
  maxBodyBytes?: number;
}

export type Strategy =
  /** New replicas start beside the old ones. */
  | { kind: 'surge' }
  /** The old ones stop before new ones start, for the reason given: it must not run twice, or the file orders it. */
  | { kind: 'stop-first'; reason: string };

/** A variable that the user's file left for Horme to fill, by `${DATABASE_URL}`, `${DATABASE_REPLICA_URL}` or `${REDIS_URL}`. */
export interface SecretVariable {
  variable: string;
  /** The value with `{database-url}`, `{database-replica-url}` or `{redis-url}` where the platform's secret goes. */
  template: string;
}

export interface Service {
  name: string;
  /** A job runs to its end before what depends on it starts; a service stays. */
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
  /** How long WebSockets and event streams may go on before their replica is told to end, seconds. */
  longLivedSeconds: number;
  /** Compose's stop_grace_period: SIGTERM to SIGKILL, seconds. */
  stopSeconds: number;
  /** What one replica reserves, to tell whether a whole surge fits. Zero: nothing was reserved. */
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
  /** Values of the variables that `secrets` and `configs` name, as Compose found them in the environment files. */
  fileVariables: Record<string, string>;
  /** What each part is asked for, by its name. */
  parts: Sections;
  /** How long the new replicas are compared with the old ones after the switch, seconds. */
  watchSeconds: number;
  /** Folders and Dockerfiles of builds that are not there: who only looks at what runs needs none of them. */
  sourceProblems: Diagnostic[];
  warnings: string[];
}
