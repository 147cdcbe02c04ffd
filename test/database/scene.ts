import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mkdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { stringify } from 'yaml';
import { containersOf, docker, removeProject, type Listed } from '../e2e/harness/docker.ts';
import { startHorme, type Ran, type Running } from '../e2e/harness/horme.ts';
import { Writers, bundleWriterApp } from '../e2e/harness/writers.ts';

type Mapping = Record<string, unknown>;

const nodeImage = process.env['NODE_IMAGE'] ?? 'horme/node:20-trixie';
/** Of the clients that faults strike: an engine's command, a deploy; seconds. */
const deploySeconds = 300;

export interface Member {
  name: string;
  role: 'primary' | 'replica';
  state: string;
  timeline?: number;
  lagBytes?: number;
  synchronous: boolean;
}

export interface DatabaseStatus {
  members: Member[];
  slots: { name: string; state: string; keptBytes: number }[];
  problems: string[];
}

export interface SceneOptions {
  version?: string;
  /** Keys of the writer's service. */
  writer?: Mapping;
  /** Keys of `x-horme`. */
  top?: Mapping;
  /** Keys of the file itself. */
  file?: Mapping;
}

/** A deployed project whose one service writes to the database: what tests of the database and the bench work on. */
export class Scene {
  readonly name: string;
  readonly project: string;
  readonly directory: string;
  readonly writers: Writers;
  readonly #running = new Set<Running>();
  readonly #bundle: string;
  readonly #ports: { http: number; https: number };

  private constructor(name: string, directory: string, ports: { http: number; https: number }, bundle: string) {
    this.name = name;
    this.project = `${name}-local`;
    this.directory = directory;
    this.#ports = ports;
    this.#bundle = bundle;
    this.writers = new Writers({ port: ports.https, host: `${name}.localhost` });
  }

  static async open(name: string, ports: { http: number; https: number }, bundle: string): Promise<Scene> {
    await removeProject(`${name}-local`);
    const directory = await mkdtemp(join(tmpdir(), `horme-${name}-`));
    await mkdir(join(directory, 'writer'));
    await bundleWriterApp(join(directory, 'writer'));
    return new Scene(name, directory, ports, bundle);
  }

  /** Another `version` is another spec of the service beside the writer, which alone must not be replaced while it writes. */
  async write(database: Mapping, options: SceneOptions = {}): Promise<void> {
    const build = { context: './writer', args: { NODE_IMAGE: nodeImage } };
    const environment = { DATABASE_URL: '${DATABASE_URL}', DATABASE_REPLICA_URL: '${DATABASE_REPLICA_URL}' };
    const file = {
      name: this.name,
      services: {
        writer: {
          ...{ build, environment, init: true },
          'x-horme': { route: { port: 8000 }, health: '/health' },
          ...options.writer,
        },
        web: {
          ...{ build, init: true, environment: { ...environment, VERSION: options.version ?? 'v1' } },
          'x-horme': { route: { host: 'web', port: 8000 }, health: '/health' },
        },
      },
      'x-horme': {
        deploy: { watch: '1s', longLived: '1s' },
        database: { memory: '192m', ...database },
        environments: { local: { ports: this.#ports } },
        ...options.top,
      },
      ...options.file,
    };
    await writeFile(join(this.directory, 'compose.yaml'), stringify(file));
  }

  horme(words: string[], env: Record<string, string> = {}): Promise<Ran> {
    return this.start(words, env).ended;
  }

  /** For one that is to be interrupted. */
  start(words: string[], env: Record<string, string> = {}): Running {
    const options = { cwd: this.directory, bundle: this.#bundle, env, deadlineSeconds: deploySeconds };
    const running = startHorme(words, options);
    this.#running.add(running);
    return { ...running, ended: running.ended.finally(() => this.#running.delete(running)) };
  }

  async must(...words: string[]): Promise<Ran> {
    const ran = await this.horme(words);
    if (ran.exitCode === 0) return ran;
    throw new Error(`horme ${words.join(' ')} ended with ${ran.exitCode ?? ran.signal}\n${ran.stdout}\n${ran.stderr}`);
  }

  async deploy(database: Mapping, options: SceneOptions = {}): Promise<Ran> {
    await this.write(database, options);
    return this.must('deploy', '--json');
  }

  async status(): Promise<DatabaseStatus> {
    return (await this.must('db', 'status', '--json')).json as unknown as DatabaseStatus;
  }

  /** A primary, and every other member follows it; with `synchronous` a commit waits for one, which a failover may choose. */
  async settled(replicas: number, options: { synchronous?: boolean; seconds?: number } = {}): Promise<DatabaseStatus> {
    return eventually(
      () => this.status(),
      ({ members }) =>
        members.filter(({ role, state }) => role === 'primary' && state === 'running').length === 1 &&
        members.filter(({ state }) => state === 'streaming').length === replicas &&
        (!options.synchronous || members.some(({ synchronous }) => synchronous)),
      options.seconds ?? 180,
    );
  }

  async primary(): Promise<string> {
    const { members } = await this.settled(1);
    return members.find(({ role }) => role === 'primary')?.name ?? '';
  }

  async container(service: string): Promise<Listed> {
    const found = (await containersOf(this.project)).find((one) => one.service === service);
    if (!found) throw new Error(`there is no container of ${service}`);
    return found;
  }

  /** One statement inside a member, as its superuser. */
  async sql(service: string, statement: string, database = this.name.replaceAll('-', '_')): Promise<string> {
    const { id } = await this.container(service);
    const place = ['-h', '/run/postgresql', '-U', 'postgres', '-d', database];
    return docker('exec', id, 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', ...place, '-c', statement);
  }

  /** The member's own clock, a second on: what was committed before is before it. */
  async moment(service: string): Promise<string> {
    const now = await this.sql(service, 'SELECT clock_timestamp()');
    await this.sql(service, 'SELECT pg_sleep(1)');
    return now;
  }

  async logs(): Promise<string> {
    const texts = (await containersOf(this.project))
      .filter(({ service }) => service.startsWith('horme-postgres') || service === 'horme-database')
      .map(async ({ id, name }) => `--- ${name}\n${await docker('logs', '--tail', '60', id).catch(String)}`);
    return (await Promise.all(texts)).join('\n');
  }

  /** What a failed test left at work, the next one would meet: a deploy that holds the lock, writers that were not stopped. */
  async endTest(): Promise<void> {
    for (const running of this.#running) running.kill('SIGKILL');
    await this.writers.stop().catch(() => undefined);
  }

  async remove(): Promise<void> {
    await removeProject(this.project);
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** Asks until `done`; the last answer goes into the error when the deadline passes. */
export async function eventually<T>(look: () => Promise<T>, done: (seen: T) => boolean, seconds: number): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  let last: unknown;
  for (;;) {
    try {
      const seen = await look();
      if (done(seen)) return seen;
      last = seen;
    } catch (error) {
      last = error instanceof Error ? error.message : error;
    }
    if (performance.now() > deadline) throw new Error(`not within ${seconds} s, last seen: ${JSON.stringify(last)}`);
    await delay(200);
  }
}
