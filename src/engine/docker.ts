import type { Duplex } from 'node:stream';
import { packTar, unpackTar } from './archive.ts';
import type { Connection } from './connection.ts';
import { demultiplex, openDemultiplexed } from './multiplex.ts';
import {
  ContainerGone,
  NameTaken,
  isAnonymous,
  timedOut,
  type CallOptions,
  type Container,
  type ContainerSpec,
  type Engine,
  type ExecOptions,
  type Healthcheck,
  type Image,
} from './engine.ts';
import { programSeconds } from './patience.ts';
import { EngineRefused, Requests, requestSeconds } from './requests.ts';

/** Exit code of `exec` in a container that does not run; a shell returns it for a killed process. */
const notRunning = 137;
/** Default deadline of an exec; seconds. */
const execSeconds = 60;
/** Extra time for the engine to kill a container after its grace period; seconds. */
const stopSlackSeconds = 5;
/** Deadline of streams and waits: longer than any work that uses them; seconds. */
const longestSeconds = 25 * 3600;

export interface DockerEngine extends Engine {
  /**
   * Aborted once the command was interrupted and the engine doesn't answer, so that other waits for the engine end too.
   */
  readonly gone: AbortSignal;
}

/** The Docker Engine's HTTP API, as far as Horme uses it. The signal is the command's interrupt. */
export function dockerEngine(connection: Connection, interrupted: AbortSignal): DockerEngine {
  const requests = new Requests(connection, interrupted);
  const call: Requests['call'] = (...words) => requests.call(...words);
  const json = <T>(method: string, path: string, body?: object) => requests.json<T>(method, path, body);

  async function orUndefined<T>(work: Promise<T>): Promise<T | undefined> {
    try {
      return await work;
    } catch (error) {
      if (error instanceof EngineRefused && error.status === 404) return undefined;
      throw error;
    }
  }

  async function startExec(
    id: string,
    command: string[],
    input: boolean,
    { user, workingDirectory, environment, privileged }: ExecOptions = {},
  ): Promise<Started> {
    const { Id } = await json<{ Id: string }>('POST', `/containers/${id}/exec`, {
      Cmd: command,
      User: user,
      WorkingDir: workingDirectory,
      Env: environment,
      Privileged: privileged,
      AttachStdin: input,
      AttachStdout: true,
      AttachStderr: true,
    });
    return { exec: Id, stream: await requests.upgrade(`/exec/${Id}/start`, { Detach: false, Tty: false }) };
  }

  /** Output of a program until it ends or is given up. The engine can't kill an exec, so later output is dropped. */
  async function outputOf(
    stream: Duplex,
    seconds: number,
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      stream.destroy();
    }, seconds * 1000);
    const calledOff = requests.onEnd({ patience: programSeconds, ...(signal && { signal }) }, (reason) =>
      stream.destroy(reason),
    );
    try {
      return await demultiplex(stream);
    } catch (error) {
      if (late) return undefined;
      throw error;
    } finally {
      clearTimeout(timer);
      calledOff();
    }
  }

  return {
    gone: requests.patience.gone,
    async info() {
      const info = await json<RawInfo>('GET', '/info');
      const apiVersion = (await requests.prefix).slice(2);
      return {
        version: info.ServerVersion,
        apiVersion,
        cpus: info.NCPU,
        memoryBytes: info.MemTotal,
        now: new Date(info.SystemTime),
      };
    },
    async containers(labels) {
      const path = `/containers/json?all=1&filters=${filter({ label: labelFilter(labels) })}`;
      return (await json<RawContainer[]>('GET', path)).map(containerOf);
    },
    async inspect(id) {
      const raw = await orUndefined(json<RawDetails>('GET', `/containers/${id}/json`));
      return raw && detailsOf(raw);
    },
    async image(reference) {
      const raw = await orUndefined(json<RawImage>('GET', `/images/${encodeURIComponent(reference)}/json`));
      return raw && imageOf(raw);
    },
    async images(reference) {
      const path = `/images/json?filters=${filter({ reference: [reference] })}`;
      const listed = await json<{ Id: string }[]>('GET', path);
      const found = await Promise.all(listed.map(({ Id }) => orUndefined(json<RawImage>('GET', `/images/${Id}/json`))));
      return found.filter((raw) => raw !== undefined).map(imageOf);
    },
    async tag(imageId, reference) {
      const at = reference.lastIndexOf(':');
      const query = new URLSearchParams({ repo: reference.slice(0, at), tag: reference.slice(at + 1) });
      await call('POST', `/images/${imageId}/tag?${query.toString()}`);
    },
    async untag(reference) {
      try {
        await call('DELETE', `/images/${encodeURIComponent(reference)}`);
        return true;
      } catch (error) {
        if (error instanceof EngineRefused && error.status === 404) return true;
        if (error instanceof EngineRefused && error.status === 409) return false;
        throw error;
      }
    },
    async create(spec) {
      try {
        const query = spec.name ? `?name=${encodeURIComponent(spec.name)}` : '';
        return (await json<{ Id: string }>('POST', `/containers/create${query}`, creation(spec))).Id;
      } catch (error) {
        if (error instanceof EngineRefused && error.status === 409) throw new NameTaken(error.message);
        throw error;
      }
    },
    async start(id) {
      await call('POST', `/containers/${id}/start`);
    },
    async stop(id, graceSeconds) {
      // The engine answers only when the container has ended, so a long wait does not mean that the engine hangs.
      const waiting = { seconds: graceSeconds + requestSeconds, patience: graceSeconds + stopSlackSeconds };
      await orUndefined(call('POST', `/containers/${id}/stop?t=${graceSeconds}`, undefined, waiting));
    },
    async remove(id, options) {
      const volumes = options?.withAnonymousVolumes === true ? 1 : 0;
      await orUndefined(call('DELETE', `/containers/${id}?force=1&v=${volumes}`)).catch((error: unknown) => {
        // 409: its removal is already in progress.
        if (!(error instanceof EngineRefused && error.status === 409)) throw error;
      });
    },
    async wait(id, { deadlineSeconds = longestSeconds, signal }: CallOptions = {}) {
      const waiting = { seconds: deadlineSeconds, ...(signal && { signal }) };
      const answer = await call('POST', `/containers/${id}/wait`, undefined, waiting);
      return (JSON.parse(answer.body.toString('utf8')) as { StatusCode: number }).StatusCode;
    },
    async exec(id, command, { input, deadlineSeconds = execSeconds, signal, ...own } = {}) {
      signal?.throwIfAborted();
      const started = await startExec(id, command, input !== undefined, own).catch((error: unknown) => {
        if (error instanceof EngineRefused && error.status === 409) return error;
        throw error;
      });
      if (started instanceof EngineRefused) return { exitCode: notRunning, output: started.message };
      const { exec, stream } = started;
      if (input !== undefined) stream.end(input);
      const output = await outputOf(stream, deadlineSeconds, signal);
      if (output === undefined)
        return { exitCode: timedOut, output: `it did not end within ${Math.round(deadlineSeconds * 10) / 10} s` };
      const { ExitCode } = await json<{ ExitCode: number }>('GET', `/exec/${exec}/json`);
      return { exitCode: ExitCode, output };
    },
    async converse(id, command, { deadlineSeconds = longestSeconds, signal }: CallOptions = {}) {
      const stream = openDemultiplexed((await startExec(id, command, true)).stream);
      const late = () => stream.destroy(new Error(`${command[0]} did not end within ${deadlineSeconds} s`));
      const timer = setTimeout(late, deadlineSeconds * 1000);
      const waiting = { patience: programSeconds, ...(signal && { signal }) };
      const calledOff = requests.onEnd(waiting, (reason) => stream.destroy(reason));
      return stream.on('close', () => {
        clearTimeout(timer);
        calledOff();
      });
    },
    async logs(id, lines) {
      const answer = await call('GET', `/containers/${id}/logs?stdout=1&stderr=1&tail=${lines}`);
      return demultiplex(answer.body);
    },
    async put(id, directory, files) {
      await call('PUT', `/containers/${id}/archive?path=${encodeURIComponent(directory)}`, await packTar(files));
    },
    async get(id, path) {
      const answer = await orUndefined(call('GET', `/containers/${id}/archive?path=${encodeURIComponent(path)}`));
      if (answer) return unpackTar(answer.body);
      // The engine answers 404 for a missing path and for a missing container.
      const there = await orUndefined(json<RawDetails>('GET', `/containers/${id}/json`));
      if (!there) throw new ContainerGone(`the container ${id} is gone`);
      return undefined;
    },
    async mark(id, folder) {
      const answer = await orUndefined(call('HEAD', `/containers/${id}/archive?path=${encodeURIComponent(folder)}`));
      // The stat contains the folder's modification time, which every put changes, since it recreates the files.
      return answer?.headers['x-docker-container-path-stat']?.toString();
    },
    async volumes(labels) {
      const path = `/volumes?filters=${filter({ label: labelFilter(labels) })}`;
      const { Volumes } = await json<{ Volumes: RawVolume[] | null }>('GET', path);
      return (Volumes ?? []).map(({ Name, Labels, Mountpoint }) => ({
        ...{ name: Name, labels: Labels ?? {}, mountpoint: Mountpoint },
      }));
    },
    async createVolume(name, labels) {
      await call('POST', '/volumes/create', { Name: name, Labels: labels });
    },
    async removeVolume(name) {
      await orUndefined(call('DELETE', `/volumes/${name}`));
    },
    async networks(labels) {
      const path = `/networks?filters=${filter({ label: labelFilter(labels) })}`;
      return (await json<{ Id: string; Name: string }[]>('GET', path)).map(({ Id, Name }) => ({ id: Id, name: Name }));
    },
    async removeNetwork(id) {
      await orUndefined(call('DELETE', `/networks/${id}`));
    },
  };
}

interface Started {
  exec: string;
  stream: Duplex;
}

const filter = (filters: Record<string, string[]>) => encodeURIComponent(JSON.stringify(filters));

/** An undefined value matches any value of the label. */
const labelFilter = (labels: Record<string, string | undefined>) =>
  Object.entries(labels).map(([name, value]) => (value === undefined ? name : `${name}=${value}`));

function creation(spec: ContainerSpec): object {
  const { mounts = [] } = spec;
  // Only engines before 28 accept a bare path among the binds; `Volumes` works in all of them.
  const anonymous = mounts.filter((mount) => !mount.includes(':')).map((path) => [path, {}]);
  return {
    Image: spec.image,
    ...(spec.command && { Cmd: spec.command }),
    ...(spec.entrypoint && { Entrypoint: spec.entrypoint }),
    ...(spec.user && { User: spec.user }),
    Labels: spec.labels ?? {},
    Volumes: Object.fromEntries(anonymous) as object,
    Env: spec.environment ?? [],
    HostConfig: {
      Binds: mounts.filter((mount) => mount.includes(':')),
      NetworkMode: spec.network ?? 'none',
      ReadonlyRootfs: spec.readOnly ?? false,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges:true'],
      ...(spec.restart && { RestartPolicy: { Name: spec.restart } }),
      ...(spec.memoryBytes !== undefined && { Memory: spec.memoryBytes }),
      ...(spec.pids !== undefined && { PidsLimit: spec.pids }),
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } },
    },
  };
}

interface RawInfo {
  ServerVersion: string;
  NCPU: number;
  MemTotal: number;
  SystemTime: string;
}

interface RawContainer {
  Id: string;
  Names: string[];
  Image: string;
  ImageID: string;
  State: Container['state'];
  Status: string;
  Created: number;
  Labels: Record<string, string> | null;
  NetworkSettings: { Networks: Record<string, { IPAddress: string }> | null };
  Mounts?: { Type: string; Name?: string; Destination: string }[];
}

function containerOf(raw: RawContainer): Container {
  const networks = Object.entries(raw.NetworkSettings.Networks ?? {});
  return {
    id: raw.Id,
    name: (raw.Names[0] ?? '').replace(/^\//, ''),
    image: raw.Image,
    imageId: raw.ImageID,
    state: raw.State,
    status: raw.Status,
    createdSeconds: raw.Created,
    labels: raw.Labels ?? {},
    addresses: Object.fromEntries(networks.map(([name, network]) => [name, network.IPAddress])),
    anonymousVolumes: (raw.Mounts ?? []).flatMap(({ Name: name, Destination: path }) =>
      name !== undefined && isAnonymous(name) ? [{ name, path }] : [],
    ),
  };
}

interface RawVolume {
  Name: string;
  Labels: Record<string, string> | null;
  Mountpoint: string;
}

interface RawDetails {
  Id: string;
  Name: string;
  RestartCount: number;
  State: { StartedAt: string; Running: boolean; ExitCode: number; OOMKilled: boolean; Health?: { Status: string } };
  Config: {
    Labels: Record<string, string> | null;
    Healthcheck?: { Test?: string[]; Timeout?: number };
    Shell?: string[] | null;
  };
}

function detailsOf(raw: RawDetails): Awaited<ReturnType<Engine['inspect']>> {
  const test = raw.Config.Healthcheck?.Test;
  const checked = test !== undefined && test.length > 0 && test[0] !== 'NONE';
  return {
    id: raw.Id,
    name: raw.Name.replace(/^\//, ''),
    running: raw.State.Running,
    exitCode: raw.State.ExitCode,
    restartCount: raw.RestartCount,
    startedAt: new Date(raw.State.StartedAt),
    oomKilled: raw.State.OOMKilled,
    healthcheck: checked ? healthcheckOf(raw.Config, test) : undefined,
    health: raw.State.Health?.Status as 'starting' | 'healthy' | 'unhealthy' | undefined,
    labels: raw.Config.Labels ?? {},
  };
}

/** Docker's default timeout is 30 s, also for 0; its durations are in nanoseconds. */
const healthcheckOf = ({ Healthcheck, Shell }: RawDetails['Config'], test: string[]): Healthcheck => ({
  test,
  timeoutSeconds: (Healthcheck?.Timeout || 30e9) / 1e9,
  shell: Shell ?? [],
});

interface RawImage {
  Id: string;
  RepoTags: string[] | null;
  RepoDigests?: string[] | null;
  /** Missing where the image does not say, since API 1.44. */
  Created?: string;
  Metadata?: { LastTagTime?: string };
  Size: number;
  Config: {
    Labels: Record<string, string> | null;
    Entrypoint: string[] | null;
    Cmd: string[] | null;
    User?: string;
    ExposedPorts?: Record<string, object> | null;
    Volumes?: Record<string, object> | null;
    Healthcheck?: object;
    Shell?: string[] | null;
  } | null;
}

function imageOf(raw: RawImage): Image {
  const tagged = Date.parse(raw.Metadata?.LastTagTime ?? '') / 1000;
  return {
    // An image that was never tagged has Go's zero time, long before 1970.
    ...(tagged > 0 && { taggedSeconds: tagged }),
    id: raw.Id,
    tags: raw.RepoTags ?? [],
    digests: raw.RepoDigests ?? [],
    labels: raw.Config?.Labels ?? {},
    entrypoint: raw.Config?.Entrypoint ?? [],
    command: raw.Config?.Cmd ?? [],
    user: raw.Config?.User ?? '',
    exposedPorts: Object.keys(raw.Config?.ExposedPorts ?? {}).map((port) => Number.parseInt(port, 10)),
    volumes: Object.keys(raw.Config?.Volumes ?? {}),
    shell: raw.Config?.Shell ?? [],
    hasHealthcheck: raw.Config?.Healthcheck !== undefined,
    createdSeconds: raw.Created ? Date.parse(raw.Created) / 1000 : 0,
    sizeBytes: raw.Size,
  };
}
