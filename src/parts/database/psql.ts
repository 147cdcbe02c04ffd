import type { Duplex } from 'node:stream';
import { timedOut, type Engine } from '../../engine/engine.ts';
import { labels } from '../../engine/labels.ts';
import { neverAborted } from '../../engine/patience.ts';
import { OperatorError, exitCodes } from '../../errors.ts';
import { observeDatabase, psql, type SeenDatabase, type SeenMember } from './members.ts';

/** A statement that may take any time, such as a checkpoint of a busy database; seconds. */
const statementSeconds = 3600;
/** Added to the limit inside the container, so that the inner one fires first: its error says more. */
const marginSeconds = 5;

/** Observes the database's members and its primary. */
export async function database(engine: Engine, project: string): Promise<SeenDatabase> {
  return observeDatabase(engine, await engine.containers({ [labels.project]: project }));
}

export async function primaryMember(engine: Engine, project: string): Promise<SeenMember> {
  const primary = (await database(engine, project)).members.find(({ role }) => role === 'primary');
  if (primary) return primary;
  throw new OperatorError('the database has no primary', {
    code: 'database-no-primary',
    exitCode: exitCodes.checkFailed,
    next: 'horme db status',
  });
}

interface Asked {
  /** Of the database. */
  name?: string;
  /**
   * Time limit, for a disk that may hang: statement_timeout does not apply while a commit is written. Undefined: no
   * limit.
   */
  seconds?: number;
}

/** Runs one statement as the superuser; returns the selected rows, one per line. */
export async function ask(
  engine: Engine,
  container: string,
  statement: string,
  { name = 'postgres', seconds }: Asked = {},
): Promise<string> {
  const limit = seconds === undefined ? [] : ['timeout', String(seconds)];
  const deadlineSeconds = seconds === undefined ? statementSeconds : seconds + marginSeconds;
  const words = [...limit, ...psql(name, '--command', statement)];
  const { exitCode, output } = await engine.exec(container, words, { deadlineSeconds });
  if (exitCode === 0) return output.trim();
  if (exitCode === timedOut && seconds !== undefined) throw new Error(`psql: no answer within ${seconds} s`);
  throw new Error(`psql: ${output.trim()}`);
}

/** Runs a script from standard input, so that its secrets are not in an argument. It must end by printing `done`. */
export async function runScript(engine: Engine, container: string, script: string): Promise<void> {
  const { exitCode, output } = await engine.exec(container, psql('postgres', '--file=-'), {
    input: `${script}\n`,
    deadlineSeconds: statementSeconds,
  });
  if (exitCode === 0 && output.trim().endsWith('done')) return;
  throw new Error(`psql ended with exit code ${exitCode}: ${output.trim().slice(-1000)}`);
}

/** A session that stays open, for locks and settings that last as long as the session. */
export class PsqlSession {
  readonly #stream: Duplex;
  #received = '';
  #ended = false;
  #wake: () => void = () => undefined;

  private constructor(stream: Duplex) {
    this.#stream = stream;
    const end = () => {
      this.#ended = true;
      this.#wake();
    };
    stream.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString('utf8');
      this.#wake();
    });
    for (const event of ['end', 'close', 'error']) stream.on(event, end);
  }

  static async open(engine: Engine, container: string, name: string): Promise<PsqlSession> {
    return new PsqlSession(await engine.converse(container, psql(name, '--file=-'), { signal: neverAborted }));
  }

  /** Resolves once all statements have run; fails with psql's message. The signal ends the session. */
  async run(statements: string, signal: AbortSignal): Promise<void> {
    const over = AbortSignal.any([signal, AbortSignal.timeout(statementSeconds * 1000)]);
    const end = () => this.#stream.destroy();
    over.addEventListener('abort', end, { once: true });
    this.#stream.write(`${statements}\n\\echo horme-done\n`);
    try {
      while (!this.#received.includes('horme-done')) {
        over.throwIfAborted();
        if (this.#ended) throw new Error(this.#received.trim() || 'the session ended');
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      over.removeEventListener('abort', end);
    }
    this.#received = '';
  }

  close(): void {
    this.#stream.destroy();
  }
}
