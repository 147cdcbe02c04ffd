import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, inject } from 'vitest';
import { stringify } from 'yaml';
import { ask, type Seen } from './harness/client.ts';
import { containersOf, docker, removeProject, type Listed } from './harness/docker.ts';
import { startHorme, type Ran, type Running } from './harness/horme.ts';
import { ownPort, toHttps } from './harness/ports.ts';
import { forkTraffic, type TrafficProcess } from './traffic-process.ts';
import type { Rates, Report } from './traffic.ts';

export { containersOf, docker, removeProject, type Listed } from './harness/docker.ts';
export type { Ran, Running } from './harness/horme.ts';
export { until } from './traffic.ts';

/** What the fault app is built on; bin/setup makes it. */
export const nodeImage = process.env['NODE_IMAGE'] ?? 'horme/node:20-trixie';
const faultApp = fileURLToPath(new URL('../fixtures/fault-app', import.meta.url));
const keep = process.env['HORME_KEEP'] === '1';

type Mapping = Record<string, unknown>;

export interface ProjectOptions {
  /** Of the fault app's service. */
  replicas?: number;
  /** Merged into the fault app's service. */
  app?: Mapping;
  /** Beside the fault app. */
  services?: Record<string, Mapping>;
  /** Other top keys: secrets, configs, volumes. */
  top?: Mapping;
  /** `x-horme.deploy` */
  deploy?: Mapping;
}

/** The fault app in a Compose project of its own: `app`, routed, in three replicas. */
export class Project {
  readonly name: string;
  /** As labels have it. */
  readonly project: string;
  readonly host: string;
  readonly ports: { http: number; https: number };
  readonly directory: string;
  readonly #traffics: TrafficProcess[] = [];
  readonly #running: Running[] = [];
  #bundle: string;

  constructor(name: string, directory: string, ports: Project['ports']) {
    this.name = name;
    this.project = `${name}-local`;
    this.host = `${name}.localhost`;
    this.directory = directory;
    this.ports = ports;
    this.#bundle = join(inject('horme'), 'dist', 'horme.cjs');
  }

  static async make(name: string): Promise<Project> {
    await removeProject(`${name}-local`);
    const directory = await mkdtemp(join(tmpdir(), `horme-${name}-`));
    await cp(faultApp, join(directory, 'app'), { recursive: true });
    return new Project(name, directory, await freePorts());
  }

  /** The Compose file with this environment of the fault app. */
  async write(environment: Record<string, string>, options: ProjectOptions = {}): Promise<void> {
    await this.file('compose.yaml', stringify(this.compose(environment, options)));
  }

  compose(environment: Record<string, string>, options: ProjectOptions = {}): Mapping {
    const { replicas = 3, app = {}, services = {}, top = {}, deploy = {} } = options;
    return {
      name: this.name,
      services: {
        app: {
          build: this.build(),
          init: true,
          environment,
          deploy: { replicas },
          stop_grace_period: '10s',
          'x-horme': { route: { port: 8000 }, health: '/health' },
          ...app,
        },
        ...services,
      },
      ...top,
      'x-horme': {
        deploy: { watch: '1s', longLived: '1s', ...deploy },
        environments: { local: { ports: this.ports } },
      },
    };
  }

  build(): Mapping {
    return { context: './app', args: { NODE_IMAGE: nodeImage } };
  }

  async file(path: string, content: string): Promise<void> {
    await mkdir(dirname(join(this.directory, path)), { recursive: true });
    await writeFile(join(this.directory, path), content);
  }

  read(path: string): Promise<string> {
    return readFile(join(this.directory, path), 'utf8');
  }

  /** From here on another build of horme is at work. */
  use(packageFolder: string): void {
    this.#bundle = join(packageFolder, 'dist', 'horme.cjs');
  }

  start(words: string[], env: Record<string, string> = {}, deadlineSeconds?: number): Running {
    const running = startHorme(words, {
      cwd: this.directory,
      bundle: this.#bundle,
      env,
      ...(deadlineSeconds !== undefined && { deadlineSeconds }),
    });
    this.#running.push(running);
    return running;
  }

  horme(words: string[], env: Record<string, string> = {}, deadlineSeconds?: number): Promise<Ran> {
    return this.start(words, env, deadlineSeconds).ended;
  }

  /** A deploy that must succeed. */
  async deploy(...words: string[]): Promise<Ran> {
    return must(await this.horme(['deploy', '--json', ...words]), 0);
  }

  /** At the domain itself, or at a name before it. */
  ask(path: string, { at, body }: { at?: string; body?: string } = {}): Promise<Seen> {
    const host = at === undefined ? this.host : `${at}.${this.host}`;
    return ask({ port: this.ports.https, host }, path, body);
  }

  /** Content of a file inside a replica's container, as the replica sees it. */
  async shows(path: string, at?: string): Promise<string> {
    return (await this.ask(`/file?path=${path}`, at === undefined ? {} : { at })).body;
  }

  /** The versions that answer a burst of requests, sorted; a failed one appears by its status. */
  async versions(requests = 20): Promise<string[]> {
    const seen = await Promise.all(Array.from({ length: requests }, () => this.ask('/')));
    return [
      ...new Set(seen.map(({ status, version }) => (status === 200 ? (version ?? 'none') : String(status)))),
    ].sort();
  }

  containers(): Promise<Listed[]> {
    return containersOf(this.project);
  }

  /** Running replicas of one service. */
  async replicas(service = 'app'): Promise<Listed[]> {
    return (await this.containers()).filter((one) => one.service === service && one.state === 'running');
  }

  /** Starts recorded traffic; the default is the usual mix, `kinds` changes it. It ends by itself after `maxSeconds`. */
  async traffic(kinds: Partial<Rates> = {}, maxSeconds?: number): Promise<TrafficProcess> {
    const { https } = this.ports;
    const traffic = await forkTraffic({
      origin: `https://127.0.0.1:${https}`,
      host: `${this.host}:${https}`,
      kinds,
      ...(maxSeconds !== undefined && { maxSeconds }),
      ...(keep && { recordTo: join(this.directory, `traffic-${this.#traffics.length + 1}.jsonl`) }),
    });
    this.#traffics.push(traffic);
    return traffic;
  }

  endTest(): void {
    for (const traffic of this.#traffics) traffic.kill();
    for (const running of this.#running.splice(0)) running.kill('SIGKILL');
  }

  async logs(): Promise<string> {
    const containers = await this.containers();
    const texts = containers.map(async ({ id, name, state }) => {
      const log = await docker('logs', '--tail', '30', id).catch((error: unknown) => String(error));
      return `--- ${name} (${state})\n${log}`;
    });
    return (await Promise.all(texts)).join('\n');
  }

  async remove(): Promise<void> {
    await removeProject(this.project);
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** Quick GETs alone: for tests about who serves, not about what is in flight. */
export const quickGets: Partial<Rates> = { slow: 0, upload: 0, websocket: 0, sse: 0 };

/** One project for all tests of a file. HORME_KEEP=1 keeps it, with logs and recorded traffic, when a test failed. */
export function useProject(name: string): () => Project {
  let project: Project | undefined;
  let failed = false;
  const get = (): Project => {
    if (!project) throw new Error('the project is made before the first test');
    return project;
  };
  beforeAll(async () => {
    project = await Project.make(name);
  });
  afterEach(({ task }) => {
    failed ||= task.result?.state === 'fail';
    project?.endTest();
  });
  afterAll(async () => {
    if (!project) return;
    if (!(keep && failed)) return project.remove();
    await project.file('logs.txt', await project.logs());
    console.log(`kept: project ${project.project}, files and logs in ${project.directory}`);
  });
  return get;
}

/** Node's own, such as that of a leak: nobody who deploys can do anything about it. */
const nodesWarning = /^\(node:\d+\)/m;

/** The run, when it ended with that code and no warning of Node's; else an error with all that it printed. */
export function must(ran: Ran, exitCode: number): Ran {
  if (ran.exitCode === exitCode && !nodesWarning.test(ran.stderr)) return ran;
  const how = ran.signal ?? `exit code ${ran.exitCode}`;
  throw new Error(
    `horme ended with ${how} after ${ran.seconds.toFixed(1)} s, not ${exitCode}\n${ran.stdout}\n${ran.stderr}`,
  );
}

/** No request failed and no stream was cut; what was seen goes into the message when one was. */
export function expectLossless(report: Report): void {
  const { failed, cut } = report;
  const errors = report.errors.map(({ secondsIn, kind, message }) => `${secondsIn.toFixed(2)} s ${kind}: ${message}`);
  expect({ failed, cut, errors }).toEqual({ failed: 0, cut: 0, errors: [] });
  expect(report.requests).toBeGreaterThan(0);
}

/** A line of figures for the report of a run. */
export function show(what: string, report: Report, ran?: Ran): void {
  if (report.failed + report.cut > 0 && ran) console.log(timeline(report, ran));
  const { requests, failed, cut, repeated, p99, max, worstGapMilliseconds } = report;
  const figures = `${requests} requests, ${failed} failed, ${cut} cut, ${repeated} repeated, p99 ${p99.toFixed(1)} ms, max ${max.toFixed(0)} ms, gap ${worstGapMilliseconds.toFixed(0)} ms`;
  console.log(`${what}: ${figures}${ran ? `, horme ${ran.seconds.toFixed(1)} s` : ''}`);
}

/** Horme's steps beside the failures, both by time of day: for the output of a failing test. */
export function timeline(report: Report, ran: Ran): string {
  const failures = report.errors.map(({ at, kind, message }) => `${clock(at)} FAILED ${kind}: ${message}`);
  const steps = ran.events
    .filter(({ kind }) => kind !== 'plan')
    .map(({ at, ...event }) => `${clock(Date.parse(String(at)))} ${JSON.stringify(event).slice(0, 200)}`);
  return [...failures, ...steps].sort().join('\n');
}

const clock = (at: number): string => new Date(at).toISOString().slice(11, -1);

/** Asks until `done`; the last answer goes into the error when the deadline passes. */
export async function eventually<T>(look: () => Promise<T>, done: (seen: T) => boolean, seconds = 30): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const seen = await look();
    if (done(seen)) return seen;
    if (performance.now() > deadline) throw new Error(`not within ${seconds} s, last seen: ${JSON.stringify(seen)}`);
    await delay(50);
  }
}

async function freePorts(): Promise<Project['ports']> {
  for (let port = ownPort; port < ownPort + 300; port += 10) {
    const https = port + toHttps;
    if (!(await isTaken(port)) && !(await isTaken(https))) return { http: port, https };
  }
  throw new Error(`no port from ${ownPort} on is free`);
}

function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const end = (taken: boolean): void => {
      socket.destroy();
      resolve(taken);
    };
    socket.on('connect', () => end(true));
    socket.on('error', () => end(false));
  });
}
