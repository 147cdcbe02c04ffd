import type { Duplex } from 'node:stream';

/** A container as the engine lists it. */
export interface Container {
  id: string;
  name: string;
  image: string;
  imageId: string;
  state: 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';
  /** The engine's status text, such as `Up 3 minutes (healthy)`. */
  status: string;
  createdSeconds: number;
  labels: Record<string, string>;
  /** IPv4 address by network name. */
  addresses: Record<string, string>;
  /** Anonymous volumes that it mounts. Only containers refer to them, so nothing else tells whose data they hold. */
  anonymousVolumes: AnonymousVolume[];
}

export interface AnonymousVolume {
  name: string;
  path: string;
}

/** The engine names anonymous volumes with 64 hexadecimal digits. */
export const isAnonymous = (volume: string) => /^[0-9a-f]{64}$/.test(volume);

export interface ContainerDetails {
  id: string;
  name: string;
  running: boolean;
  exitCode: number;
  restartCount: number;
  /** When it was last started, by the engine's clock. */
  startedAt: Date;
  oomKilled: boolean;
  healthcheck: Healthcheck | undefined;
  health: 'starting' | 'healthy' | 'unhealthy' | undefined;
  labels: Record<string, string>;
}

/**
 * The health check of the image or the Compose file, in Docker's form: `CMD` and a program, or `CMD-SHELL` and a
 * string.
 */
export interface Healthcheck {
  test: string[];
  timeoutSeconds: number;
  /** The container's shell; empty: the image's, else Docker's default. */
  shell: string[];
}

export interface Image {
  id: string;
  tags: string[];
  /** Registry digests (`name@sha256:…`); none for a locally built image. */
  digests: string[];
  labels: Record<string, string>;
  entrypoint: string[];
  command: string[];
  user: string;
  exposedPorts: number[];
  /** VOLUME paths, which get an anonymous volume unless something is mounted there. */
  volumes: string[];
  /** `SHELL` of its Dockerfile; empty if there is none. */
  shell: string[];
  hasHealthcheck: boolean;
  createdSeconds: number;
  /** When the image was last tagged; undefined: unknown. */
  taggedSeconds?: number;
  sizeBytes: number;
}

export interface Volume {
  name: string;
  labels: Record<string, string>;
  /** Path of its files on the engine's machine. */
  mountpoint: string;
}

export interface ContainerSpec {
  name?: string;
  image: string;
  command?: string[];
  entrypoint?: string[];
  user?: string;
  labels?: Record<string, string>;
  environment?: string[];
  /** `volume:/path[:ro]` */
  mounts?: string[];
  network?: string;
  readOnly?: boolean;
  /** Restart policy, which also applies after a restart of the engine; undefined: never restarted. */
  restart?: 'unless-stopped';
  memoryBytes?: number;
  pids?: number;
}

export interface FileEntry {
  path: string;
  content: Buffer | string;
  mode?: number;
  uid?: number;
  gid?: number;
}

export interface ExecResult {
  exitCode: number;
  /** stdout and stderr, as they came. */
  output: string;
}

/** Exit code of a program that exceeded its deadline, as in coreutils' timeout. */
export const timedOut = 124;

export interface CallOptions {
  deadlineSeconds?: number;
  /**
   * Ends the call at once. Without it, a call ends some seconds after an interrupt; pass `neverAborted` to prevent
   * that.
   */
  signal?: AbortSignal;
}

/** Options of a process in a container; defaults are the container's. */
export interface ExecOptions extends CallOptions {
  /** Content of standard input; undefined: empty. */
  input?: string;
  user?: string;
  workingDirectory?: string;
  environment?: string[];
  privileged?: boolean;
}

export interface EngineInfo {
  version: string;
  apiVersion: string;
  cpus: number;
  memoryBytes: number;
  /** The engine's clock. Leases use it, so that the clocks of two operators need not agree. */
  now: Date;
}

/**
 * The port to a Docker engine, local or behind a Docker context. Every call has a deadline. After an interrupt, a call
 * to an engine that doesn't answer ends within a few seconds.
 */
export interface Engine {
  info(): Promise<EngineInfo>;
  containers(labels: Record<string, string | undefined>): Promise<Container[]>;
  /** By its id or its name. */
  inspect(id: string): Promise<ContainerDetails | undefined>;
  image(reference: string): Promise<Image | undefined>;
  /** Images with a tag that matches, such as `shop-local/*`. */
  images(reference: string): Promise<Image[]>;
  tag(imageId: string, reference: string): Promise<void>;
  /** Removes a tag, and with its last tag the image. False if a container still needs it. */
  untag(reference: string): Promise<boolean>;
  /** Throws `NameTaken` when the name is in use: the engine makes that check atomic. */
  create(spec: ContainerSpec): Promise<string>;
  start(id: string): Promise<void>;
  /** SIGTERM (or the image's own signal), then SIGKILL after the grace. */
  stop(id: string, graceSeconds: number): Promise<void>;
  /**
   * Removes a container. Anonymous volumes stay by default; the option is only for Horme's own containers without data.
   */
  remove(id: string, options?: { withAnonymousVolumes: boolean }): Promise<void>;
  /** The exit code, once the container has ended. */
  wait(id: string, options?: CallOptions): Promise<number>;
  /**
   * Runs a program. After its deadline (default: a minute) the exit code is `timedOut`, but the process itself keeps
   * running.
   */
  exec(id: string, command: string[], options?: ExecOptions): Promise<ExecResult>;
  /** Starts a process whose standard input and output are the returned stream. */
  converse(id: string, command: string[], options?: CallOptions): Promise<Duplex>;
  /** The last lines a container printed. */
  logs(id: string, lines: number): Promise<string>;
  put(id: string, directory: string, files: FileEntry[]): Promise<void>;
  /** All files below a path, by path relative to its parent; undefined when there is no such path. Throws `ContainerGone`. */
  get(id: string, path: string): Promise<Map<string, Buffer> | undefined>;
  /**
   * A mark that changes when a file directly in this folder is put; undefined: no such path. Takes 2 ms, while `get`
   * takes 60.
   */
  mark(id: string, folder: string): Promise<string | undefined>;
  volumes(labels: Record<string, string | undefined>): Promise<Volume[]>;
  createVolume(name: string, labels: Record<string, string>): Promise<void>;
  removeVolume(name: string): Promise<void>;
  networks(labels: Record<string, string | undefined>): Promise<{ id: string; name: string }[]>;
  removeNetwork(id: string): Promise<void>;
}

export class NameTaken extends Error {}
/** Thrown for a missing container, so that it is not mistaken for one without files. */
export class ContainerGone extends Error {}
