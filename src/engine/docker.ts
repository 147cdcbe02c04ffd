import { setMaxListeners } from 'node:events';
import http from 'node:http';
import type { Duplex } from 'node:stream';
import { OperatorError, exitCodes } from '../errors.ts';
import { packTar, unpackTar } from './archive.ts';
import type { Connection } from './connection.ts';
import { demultiplex, openDemultiplexed } from './multiplex.ts';
import {
  ContainerGone,
  NameTaken,
  isAnonymous,
  type Container,
  type ContainerSpec,
  type Engine,
  type ExecOptions,
  type Image,
} from './engine.ts';
import { shown, versions } from './versions.ts';

const { oldest } = versions['Docker Engine'];
/** Oldest and newest API spoken: 1.41 is the oldest engine's; newer engines are asked in 1.45's words. */
const oldestApi = 41;
const newestApi = 45;
/** An engine that doesn't answer a plain request in this time is hung; seconds. Waits and logs have their own. */
const requestSeconds = 60;

/** Given by `exec` for a container that doesn't run just now, as a shell gives for a process that was killed. */
const notRunning = 137;

interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
}

class EngineRefused extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The Docker Engine's HTTP API, as far as Horme uses it. */
export function dockerEngine(connection: Connection, signal: AbortSignal): Engine {
  // Each request in flight listens to it; Node takes more than ten for a leak.
  setMaxListeners(0, signal);
  let prefix: Promise<string> | undefined;

  async function negotiate(): Promise<string> {
    const answer = await send('GET', '/_ping');
    const minor = Number(String(answer.headers['api-version'] ?? '1.41').split('.')[1]);
    if (minor < oldestApi) {
      throw new OperatorError(`the engine at ${connection.label} is older than Docker ${shown(oldest)}`, {
        code: 'engine-too-old',
        exitCode: exitCodes.checkFailed,
        next: `upgrade Docker Engine to ${shown(oldest)} or newer`,
      });
    }
    return `/v1.${Math.min(minor, newestApi)}`;
  }

  function open(method: string, path: string, headers: http.OutgoingHttpHeaders): http.ClientRequest {
    const { agent, socketPath } = connection;
    return http.request({ method, path, headers: { host: 'docker', ...headers }, agent, socketPath, signal });
  }

  function send(method: string, path: string, body?: Buffer | object, seconds = requestSeconds): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const data = body === undefined || Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
      const type = Buffer.isBuffer(body) ? 'application/x-tar' : 'application/json';
      const request = open(method, path, data ? { 'content-type': type, 'content-length': data.length } : {});
      const timer = setTimeout(() => request.destroy(hung(seconds)), seconds * 1000);
      request.on('error', (cause) => {
        clearTimeout(timer);
        reject(unreachable(cause));
      });
      request.on('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          clearTimeout(timer);
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
        });
      });
      request.end(data);
    });
  }

  function hung(seconds: number): OperatorError {
    return new OperatorError(`the engine at ${connection.label} did not answer within ${seconds} s`, {
      code: 'engine-hung',
      exitCode: exitCodes.checkFailed,
      next: 'docker info',
    });
  }

  function unreachable(cause: Error): Error {
    if (signal.aborted || cause instanceof OperatorError) return cause;
    return new OperatorError(`no Docker Engine answers at ${connection.label}: ${cause.message}`, {
      code: 'engine-unreachable',
      exitCode: exitCodes.checkFailed,
      next: 'install or start Docker Engine (https://docs.docker.com/engine/install/), then: docker info',
      cause,
    });
  }

  async function call(method: string, path: string, body?: Buffer | object, seconds?: number): Promise<Answer> {
    prefix ??= negotiate();
    const answer = await send(method, (await prefix) + path, body, seconds);
    if (answer.status < 400) return answer;
    if (isTooNew(answer)) throw tooNew(answer);
    throw new EngineRefused(answer.status, `${method} ${path.split('?')[0]}: ${messageOf(answer)}`);
  }

  function tooNew(answer: Answer): OperatorError {
    return new OperatorError(
      `the engine at ${connection.label} no longer speaks API 1.${newestApi}, the newest of this Horme`,
      {
        code: 'engine-too-new',
        exitCode: exitCodes.checkFailed,
        lastSeen: messageOf(answer),
        next: 'install a newer Horme; horme check names the engines that it is tested with',
      },
    );
  }

  async function json<T>(method: string, path: string, body?: object): Promise<T> {
    return JSON.parse((await call(method, path, body)).body.toString('utf8')) as T;
  }

  async function orUndefined<T>(work: Promise<T>): Promise<T | undefined> {
    try {
      return await work;
    } catch (error) {
      if (error instanceof EngineRefused && error.status === 404) return undefined;
      throw error;
    }
  }

  async function upgrade(path: string, body: object): Promise<Duplex> {
    prefix ??= negotiate();
    const full = (await prefix) + path;
    return new Promise((resolve, reject) => {
      const data = Buffer.from(JSON.stringify(body));
      const request = open('POST', full, {
        'content-type': 'application/json',
        'content-length': data.length,
        connection: 'Upgrade',
        upgrade: 'tcp',
      });
      request.on('upgrade', (_response, socket, head) => {
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
      });
      request.on('response', (response) => {
        response.resume();
        reject(new EngineRefused(response.statusCode ?? 0, `POST ${path}: not upgraded`));
      });
      request.on('error', (cause) => reject(unreachable(cause)));
      request.end(data);
    });
  }

  async function startExec(
    id: string,
    command: string[],
    input: boolean,
    { user, workingDirectory, environment, privileged }: ExecOptions = {},
  ): Promise<{ exec: string; stream: Duplex }> {
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
    return { exec: Id, stream: await upgrade(`/exec/${Id}/start`, { Detach: false, Tty: false }) };
  }

  return {
    async info() {
      const info = await json<RawInfo>('GET', '/info');
      const apiVersion = (await (prefix ??= negotiate())).slice(2);
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
      await orUndefined(
        call('POST', `/containers/${id}/stop?t=${graceSeconds}`, undefined, graceSeconds + requestSeconds),
      );
    },
    async remove(id, options) {
      const volumes = options?.withAnonymousVolumes === true ? 1 : 0;
      await orUndefined(call('DELETE', `/containers/${id}?force=1&v=${volumes}`)).catch((error: unknown) => {
        // 409: its removal is already in progress.
        if (!(error instanceof EngineRefused && error.status === 409)) throw error;
      });
    },
    async wait(id) {
      const answer = await call('POST', `/containers/${id}/wait`, undefined, 24 * 3600);
      return (JSON.parse(answer.body.toString('utf8')) as { StatusCode: number }).StatusCode;
    },
    async exec(id, command, input, options) {
      const started = await startExec(id, command, input !== undefined, options).catch((error: unknown) => {
        if (error instanceof EngineRefused && error.status === 409) return error;
        throw error;
      });
      if (started instanceof EngineRefused) return { exitCode: notRunning, output: started.message };
      const { exec, stream } = started;
      if (input !== undefined) stream.end(input);
      const output = await demultiplex(stream);
      const { ExitCode } = await json<{ ExitCode: number }>('GET', `/exec/${exec}/json`);
      return { exitCode: ExitCode, output };
    },
    async converse(id, command) {
      return openDemultiplexed((await startExec(id, command, true)).stream);
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
      // The engine says 404 of a path and of a container alike.
      const there = await orUndefined(json<RawDetails>('GET', `/containers/${id}/json`));
      if (!there) throw new ContainerGone(`the container ${id} is gone`);
      return undefined;
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

function messageOf(answer: Answer): string {
  const text = answer.body.toString('utf8');
  try {
    return (JSON.parse(text) as { message: string }).message;
  } catch {
    return text.slice(0, 500);
  }
}

/** An engine drops old versions of its API: Engine 29 speaks none below 1.44. */
const isTooNew = (answer: Answer) => answer.status === 400 && /client version \S+ is too old/.test(messageOf(answer));

const filter = (filters: Record<string, string[]>) => encodeURIComponent(JSON.stringify(filters));

/** An undefined value asks for the label whatever its value. */
const labelFilter = (labels: Record<string, string | undefined>) =>
  Object.entries(labels).map(([name, value]) => (value === undefined ? name : `${name}=${value}`));

function creation(spec: ContainerSpec): object {
  return {
    Image: spec.image,
    ...(spec.command && { Cmd: spec.command }),
    ...(spec.entrypoint && { Entrypoint: spec.entrypoint }),
    ...(spec.user && { User: spec.user }),
    Labels: spec.labels ?? {},
    Env: spec.environment ?? [],
    HostConfig: {
      Binds: spec.mounts ?? [],
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
  Config: { Labels: Record<string, string> | null; Healthcheck?: { Test?: string[]; Timeout?: number } };
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
    // 30 s is Docker's own default; its durations are nanoseconds.
    healthcheck: checked ? { test, timeoutSeconds: (raw.Config.Healthcheck?.Timeout ?? 30e9) / 1e9 } : undefined,
    health: raw.State.Health?.Status as 'starting' | 'healthy' | 'unhealthy' | undefined,
    labels: raw.Config.Labels ?? {},
  };
}

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
  } | null;
}

function imageOf(raw: RawImage): Image {
  const tagged = Date.parse(raw.Metadata?.LastTagTime ?? '') / 1000;
  return {
    // Go's zero time, for one that was never named, is long before 1970.
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
    hasHealthcheck: raw.Config?.Healthcheck !== undefined,
    createdSeconds: raw.Created ? Date.parse(raw.Created) / 1000 : 0,
    sizeBytes: raw.Size,
  };
}
