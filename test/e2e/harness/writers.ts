import { build } from 'esbuild';
import { copyFile } from 'node:fs/promises';
import https from 'node:https';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Address } from './client.ts';

const writerApp = fileURLToPath(new URL('../../fixtures/writer-app', import.meta.url));

export interface WriteReport {
  /** Ids. Once stopped, each is one of the three below. */
  attempted: number;
  /** The INSERT was answered. */
  acknowledged: number;
  /** Surely not written: never sent, or refused before anything was. */
  failed: number;
  /** Sent, and no answer that settles it. */
  unknown: number;
  /** Without any acknowledgement, between start and stop. Zero when there was no time in between. */
  longestGapMilliseconds: number;
  /** Epoch milliseconds. */
  gapStart: number;
  gapEnd: number;
  /** The first 20 kinds, the most frequent first; `code` is null when the server did not answer. */
  errors: { code: string | null; message: string; count: number }[];
  /** Who acknowledged; the address is null where the server has none, as at a Unix socket. Times in epoch milliseconds. */
  servers: {
    address: string | null;
    first: number;
    last: number;
    acknowledged: number;
    /** Seen when connecting. */
    timelines: number[];
    /** At the last connection that wrote. */
    inRecovery: boolean | null;
  }[];
}

export interface Progress extends WriteReport {
  /** Null before the first one. */
  lastAcknowledgedMillisecondsAgo: number | null;
}

export interface CheckReport {
  /** Acknowledged ids that the database does not have. */
  lost: number;
  /** Rows that were never attempted, or had surely failed. */
  unexpected: number;
  /** Rows of unknown outcome that are there after all. */
  recovered: number;
  rows: number;
  /** The first ten. */
  lostIds: string[];
  /** The same ten: when and by which server they were acknowledged. */
  lostAcknowledgements: { id: string; at: number; address: string | null }[];
  /** The first ten. */
  unexpectedIds: string[];
}

export interface WritersOptions {
  writers?: number;
  pauseMilliseconds?: number;
  /** Name of the environment variable that has the database's address; DATABASE_URL without it. */
  url?: string;
}

/** Writes the application into a folder, to be built there with NODE_IMAGE: an image build has no npm registry. */
export async function bundleWriterApp(folder: string): Promise<void> {
  await build({
    entryPoints: ['server.mjs', 'migrate.mjs'].map((name) => join(writerApp, name)),
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    // pg is CommonJS and requires Node's own modules.
    banner: { js: `import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);` },
    external: ['pg-native'],
    logLevel: 'warning',
  });
  await copyFile(join(writerApp, 'Dockerfile'), join(folder, 'Dockerfile'));
}

const answerMilliseconds = 90_000;
const checkSeconds = 60;
const pollMilliseconds = 50;
const recentMilliseconds = 500;

/** The writer app of a deployed project, in one replica, spoken to through the project's edge. */
export class Writers {
  readonly #place: Address;

  constructor(place: Address) {
    this.#place = place;
  }

  /** Resolves when the table is there and the writers have begun. */
  async start(options: WritersOptions = {}): Promise<void> {
    const given = Object.entries(options).map(([name, value]): [string, string] => [name, String(value)]);
    await this.#ask('POST', `/start?${new URLSearchParams(given).toString()}`);
  }

  progress(): Promise<Progress> {
    return this.#ask('GET', '/progress') as Promise<Progress>;
  }

  /** Until there was an acknowledgement within the last 500 ms. Right after a fault that may be one from before it. */
  async untilWriting(seconds: number): Promise<void> {
    const isWriting = async (): Promise<void> => {
      const progress = await this.progress();
      if ((progress.lastAcknowledgedMillisecondsAgo ?? Infinity) <= recentMilliseconds) return;
      throw new Error(`no acknowledgement, last seen: ${JSON.stringify(progress)}`);
    };
    await repeat(isWriting, seconds);
  }

  /** A second call gets the first one's report. */
  stop(): Promise<WriteReport> {
    return this.#ask('POST', '/stop') as Promise<WriteReport>;
  }

  check(): Promise<CheckReport> {
    return repeat(() => this.#ask('POST', '/check') as Promise<CheckReport>, checkSeconds);
  }

  async query(sql: string, url?: string): Promise<Record<string, unknown>[]> {
    const path = url === undefined ? '/query' : `/query?url=${encodeURIComponent(url)}`;
    const { rows } = (await this.#ask('POST', path, sql)) as { rows: Record<string, unknown>[] };
    return rows;
  }

  async #ask(method: 'GET' | 'POST', path: string, body = ''): Promise<unknown> {
    const { status, text } = await exchange(this.#place, method, path, body);
    const message = `${method} ${path} was answered with ${status}: ${text.slice(0, 2000)}`;
    if (status === 409) throw new Refused(message);
    if (status !== 200) throw new Error(message);
    return JSON.parse(text) as unknown;
  }
}

/** The app is there and says no: nothing was started, or it is still at work. Waiting does not change that. */
class Refused extends Error {}

/** Tries again until it succeeds; the last failure when it did not within so many seconds. */
async function repeat<T>(attempt: () => Promise<T>, seconds: number): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof Refused) throw error;
      if (performance.now() > deadline) throw new Error(`not within ${seconds} s`, { cause: error });
      await delay(pollMilliseconds);
    }
  }
}

/** One request over a connection of its own; `ask` in client.ts gives up before a check ends. */
function exchange(
  { port, host }: Address,
  method: string,
  path: string,
  body: string,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const request = https.request(
      {
        host: '127.0.0.1',
        port,
        path,
        method,
        servername: host,
        headers: { host: `${host}:${port}`, 'content-length': Buffer.byteLength(body) },
        rejectUnauthorized: false,
        agent: false,
        timeout: answerMilliseconds,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
      },
    );
    request.on('timeout', () => request.destroy(new Error(`no answer within ${answerMilliseconds / 1000} s`)));
    request.on('error', reject);
    request.end(body);
  });
}
