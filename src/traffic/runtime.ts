import type { Duplex } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import type { Engine } from '../engine/engine.ts';
import { neverAborted } from '../engine/patience.ts';
import { haproxyAdminSocket, longLivedName, spareName, type Backend } from './haproxy.ts';

const promptMark = '\n> ';
/** HAProxy answers a command at once. After this time the process counts as hanging. Milliseconds. */
const answerMilliseconds = 10_000;
const openMilliseconds = 5_000;
const retryMilliseconds = 50;
/** Bits of srv_admin_state, from HAProxy's management guide: forced and inherited drain. */
const drainBits = 0x08 | 0x10;
/**
 * Forced and inherited maintenance. Other bits don't count: a name that doesn't resolve (0x20) concerns health, not
 * membership; 0x04 only says that the configuration had the slot disabled, and stays set while the slot is in use.
 */
const maintenanceBits = 0x01 | 0x02;

/** States of a healthy server; a draining one is up too. */
const upStates = /^(?:UP|no check|DRAIN)/;

export interface Slot {
  backend: string;
  slot: string;
  /** Container name, or the name of a spare slot. */
  name: string;
  mode: 'ready' | 'drain' | 'maintenance';
}

export interface ServerStats {
  backend: string;
  slot: string;
  /** In flight and queued. */
  sessions: number;
  inFlight: number;
  assigned: number;
  /** Answers that began, and of these those with a 5xx. */
  answered: number;
  errors: number;
  up: boolean;
  /** What the last health check found, such as `L7STS/404`. */
  check: string;
}

/** A connection to one HAProxy's runtime API through an exec, so that no port is opened. */
export class HaproxyRuntime {
  readonly #stream: Duplex;
  #received = '';
  /** Number of prompts that end the current answer: HAProxy prints one for each command of a line. */
  #expected = 1;
  #waiting: ((failed?: Error) => void) | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #broken: Error | undefined;

  private constructor(stream: Duplex) {
    this.#stream = stream;
    stream.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString('utf8');
      if (this.#received.endsWith(promptMark) && this.#prompts() >= this.#expected) this.#waiting?.();
    });
    const broke = () => this.#fail(new Error('HAProxy ended the conversation'));
    stream.on('end', broke);
    stream.on('error', broke);
    stream.on('close', broke);
  }

  /** Retries for a while, since a HAProxy that has just started opens its socket a moment later. */
  static async open(engine: Engine, container: string): Promise<HaproxyRuntime> {
    const deadline = performance.now() + openMilliseconds;
    for (;;) {
      try {
        return await HaproxyRuntime.#connect(engine, container);
      } catch (error) {
        if (performance.now() > deadline) throw error;
        await wait(retryMilliseconds);
      }
    }
  }

  static async #connect(engine: Engine, container: string): Promise<HaproxyRuntime> {
    const stream = await engine.converse(container, ['socat', '-T3600', '-', `UNIX-CONNECT:${haproxyAdminSocket}`], {
      signal: neverAborted,
    });
    const runtime = new HaproxyRuntime(stream);
    try {
      await runtime.ask('prompt');
    } catch (error) {
      runtime.close();
      throw error;
    }
    return runtime;
  }

  close(): void {
    this.#stream.destroy();
  }

  /** True once HAProxy or the engine has closed the connection, for example because the container restarted. */
  get broken(): boolean {
    return this.#broken !== undefined;
  }

  /** One command, or several joined by `;`. Answers come in order. */
  ask(command: string): Promise<string> {
    const answer = this.#queue.then(() => this.#exchange(command));
    this.#queue = answer.catch(() => undefined);
    return answer;
  }

  async slots(): Promise<Slot[]> {
    const rows = table(await this.ask('show servers state'), ' ', '# ');
    return rows.map((row) => ({
      backend: row('be_name'),
      slot: row('srv_name'),
      name: row('srv_fqdn') || '-',
      mode: modeOf(Number(row('srv_admin_state'))),
    }));
  }

  async stats(): Promise<ServerStats[]> {
    const rows = table(await this.ask('show stat -1 4 -1'), ',', '# ');
    return rows.map((row) => ({
      backend: row('pxname'),
      slot: row('svname'),
      sessions: Number(row('scur')) + Number(row('qcur')),
      inFlight: Number(row('scur')),
      assigned: Number(row('stot')),
      answered: ['2xx', '3xx', '4xx', '5xx', 'other'].reduce((sum, kind) => sum + Number(row(`hrsp_${kind}`)), 0),
      errors: Number(row('hrsp_5xx')),
      up: upStates.test(row('status')),
      check: [row('check_status'), row('check_code')].filter(Boolean).join('/'),
    }));
  }

  /** Changes the ordinary and the long-lived backend together, so that both have the same members. */
  async assign(backend: Backend, slot: string, name: string, address: string): Promise<void> {
    const commands = both(backend.name).flatMap((proxy) => [
      `set server ${proxy}/${slot} fqdn ${name}`,
      `set server ${proxy}/${slot} addr ${address} port ${backend.port}`,
      `set server ${proxy}/${slot} state ready`,
    ]);
    await this.ask([...commands, `set server ${backend.name}/${slot} health up`].join('; '));
  }

  async drain(backend: string, slot: string): Promise<void> {
    await this.ask(
      both(backend)
        .map((proxy) => `set server ${proxy}/${slot} state drain`)
        .join('; '),
    );
  }

  async readmit(backend: string, slot: string): Promise<void> {
    await this.ask(
      both(backend)
        .map((proxy) => `set server ${proxy}/${slot} state ready`)
        .join('; '),
    );
  }

  async release(backend: string, slot: string): Promise<void> {
    const commands = both(backend).flatMap((proxy) => [
      `set server ${proxy}/${slot} state maint`,
      `set server ${proxy}/${slot} fqdn ${spareName}`,
    ]);
    await this.ask(commands.join('; '));
  }

  #exchange(command: string): Promise<string> {
    if (this.#broken) return Promise.reject(this.#broken);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.#fail(new Error(`HAProxy did not answer "${command.split(' ')[0]}"`)),
        answerMilliseconds,
      );
      this.#received = '';
      this.#expected = command.split(';').length;
      this.#waiting = (failed) => {
        clearTimeout(timer);
        this.#waiting = undefined;
        if (failed) return reject(failed);
        resolve(this.#received.slice(0, -promptMark.length));
      };
      this.#stream.write(`${command}\n`);
    });
  }

  #prompts(): number {
    return this.#received.split(promptMark).length - 1;
  }

  #fail(error: Error): void {
    this.#broken = error;
    this.#waiting?.(error);
  }
}

const both = (backend: string) => [backend, longLivedName(backend)];

function modeOf(admin: number): Slot['mode'] {
  if (admin & maintenanceBits) return 'maintenance';
  return admin & drainBits ? 'drain' : 'ready';
}

/**
 * Rows as functions from a column's name to its cell, '' if there is none. HAProxy prints a hundred columns; few are
 * read.
 */
function table(text: string, separator: string, headerMark: string): ((column: string) => string)[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const at = lines.findIndex((line) => line.startsWith(headerMark));
  const header = (lines[at] ?? '').slice(headerMark.length).split(separator);
  const places = new Map(header.map((name, index) => [name, index]));
  return lines.slice(at + 1).map((line) => {
    const cells = line.split(separator);
    return (column) => cells[places.get(column) ?? -1] ?? '';
  });
}
