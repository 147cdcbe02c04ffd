import type { Duplex } from 'node:stream';

/** A container as the engine lists it. */
export interface Container {
  id: string;
  name: string;
  image: string;
  imageId: string;
  state: 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';
  /** The engine's own words, such as `Up 3 minutes (healthy)`. */
  status: string;
  createdSeconds: number;
  labels: Record<string, string>;
  /** IPv4 address by network name. */
  addresses: Record<string, string>;
  /** Volumes without a name of their own that it mounts; nothing but its containers knows whose data they hold. */
  anonymousVolumes: AnonymousVolume[];
}

export interface AnonymousVolume {
  name: string;
  path: string;
}

/** The engine names a volume that nobody named by 64 hexadecimal digits. */
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

/** The check that the image or the Compose file has, in Docker's words: `CMD` and a program, or `CMD-SHELL` and a string. */
export interface Healthcheck {
  test: string[];
  timeoutSeconds: number;
  /** The container's own; empty: the image's, else Docker's. */
  shell: string[];
}

export interface Image {
  id: string;
  tags: string[];
  /** `name@sha256:…` by which registries have it; none for one that was built here. */
  digests: string[];
  labels: Record<string, string>;
  entrypoint: string[];
  command: string[];
  user: string;
  exposedPorts: number[];
  /** Paths that get a volume of the engine's own making where nothing else is mounted (VOLUME). */
  volumes: string[];
  /** `SHELL` of its Dockerfile; empty where it has none. */
  shell: string[];
  hasHealthcheck: boolean;
  createdSeconds: number;
  /** When the engine last gave it a name; undefined: not known. */
  taggedSeconds?: number;
  sizeBytes: number;
}

export interface Volume {
  name: string;
  labels: Record<string, string>;
  /** Where the engine's machine has its files. */
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
  /** Whether the engine starts it again, also after it was itself started; without it: never. */
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

/** Exit code of a program that was given up at its deadline, as of coreutils' timeout. */
export const timedOut = 124;

export interface CallOptions {
  deadlineSeconds?: number;
  /** Ends it at once. Without one it ends a moment after the command was interrupted; `neverAborted` is for what must not. */
  signal?: AbortSignal;
}

/** Of a process in a container; what is not said is as the container's own. */
export interface ExecOptions extends CallOptions {
  /** All that the process reads from its standard input; without it there is none. */
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
  /** The engine's own clock; leases are measured by it, so that two operators' clocks need not agree. */
  now: Date;
}

/**
 * The port to a Docker engine, local or behind a Docker context. Every call ends by its deadline, and a few seconds after an
 * interrupt of the command when the engine doesn't answer.
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
  /** Takes one tag away; the image goes with its last one. False when a container still needs it. */
  untag(reference: string): Promise<boolean>;
  /** Throws `NameTaken` when the name is in use: the engine makes that check atomic. */
  create(spec: ContainerSpec): Promise<string>;
  start(id: string): Promise<void>;
  /** SIGTERM (or the image's own signal), then SIGKILL after the grace. */
  stop(id: string, graceSeconds: number): Promise<void>;
  /** Its anonymous volumes stay, unless it is one of Horme's own that is said to have nothing worth keeping in them. */
  remove(id: string, options?: { withAnonymousVolumes: boolean }): Promise<void>;
  /** The exit code, once the container has ended. */
  wait(id: string, options?: CallOptions): Promise<number>;
  /** One that does not end within its deadline, a minute where none is given, has exit code `timedOut`; the process itself goes on. */
  exec(id: string, command: string[], options?: ExecOptions): Promise<ExecResult>;
  /** A process with its input and output joined to the stream, for a conversation. */
  converse(id: string, command: string[], options?: CallOptions): Promise<Duplex>;
  /** The last lines a container printed. */
  logs(id: string, lines: number): Promise<string>;
  put(id: string, directory: string, files: FileEntry[]): Promise<void>;
  /** All files below a path, by path relative to its parent; undefined when there is no such path. Throws `ContainerGone`. */
  get(id: string, path: string): Promise<Map<string, Buffer> | undefined>;
  /** A mark that is another one once a file right in this folder was put; undefined: no such path. Takes 2 ms, where `get` takes 60. */
  mark(id: string, folder: string): Promise<string | undefined>;
  volumes(labels: Record<string, string | undefined>): Promise<Volume[]>;
  createVolume(name: string, labels: Record<string, string>): Promise<void>;
  removeVolume(name: string): Promise<void>;
  networks(labels: Record<string, string | undefined>): Promise<{ id: string; name: string }[]>;
  removeNetwork(id: string): Promise<void>;
}

export class NameTaken extends Error {}
/** An answer would be about nothing: a missing container is not an empty one. */
export class ContainerGone extends Error {}
