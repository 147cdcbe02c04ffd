import { labels } from '../../engine/labels.ts';
import type { CallOptions, Engine } from '../../engine/engine.ts';
import type * as z from 'zod';
import { eventLine, type EventLine } from '../../agent/backup/contract.ts';
import { OperatorError, exitCodes } from '../../errors.ts';

/** What the agent prints: lines of JSON, of which the last is its result or its error. */
export class AgentOutput {
  readonly #say: (text: string) => void;
  readonly #other: string[] = [];
  #last: Exclude<EventLine, { event: 'progress' }> | undefined;

  constructor(say: (text: string) => void) {
    this.#say = say;
  }

  line(text: string): void {
    const line = parsed(text);
    if (line === undefined) this.#other.push(text);
    else if (line.event === 'progress') this.#say(line.text);
    else this.#last = line;
  }

  /** All that the agent said, once it has what is needed: a newer agent says more. */
  result<T>(answer: z.ZodType<T>): T {
    const last = this.#last;
    if (last?.event === 'error') throw failed(last);
    const { success, error } = answer.safeParse(last);
    if (last && success) return last as T;
    if (last) throw new Error('the backup agent answered otherwise than agreed', { cause: error });
    throw new OperatorError('the backup agent ended without an answer', {
      code: 'backup-agent',
      exitCode: exitCodes.checkFailed,
      lastSeen: this.#other.slice(-20).join('\n'),
      next: 'horme logs horme-backup',
    });
  }
}

function parsed(text: string): EventLine | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    return eventLine.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function failed({ code, message, next }: Extract<EventLine, { event: 'error' }>): Error {
  if (code === 'bug') return new Error(`the backup agent: ${message}`);
  return new OperatorError(message, {
    code,
    exitCode: exitCodes.checkFailed,
    ...(next !== undefined && { next }),
  });
}

/** Asks the agent in its running container, and waits as long as the work takes. */
export async function askAgent<T>(
  engine: Engine,
  container: string,
  words: string[],
  answer: z.ZodType<T>,
  say: (text: string) => void = () => undefined,
  options: CallOptions = {},
): Promise<T> {
  const output = new AgentOutput(say);
  const stream = await engine.converse(container, ['horme-backup', ...words], options);
  let rest = '';
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString('utf8')).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach((line) => output.line(line));
  });
  let broke: Error | undefined;
  await new Promise((resolve) =>
    stream
      .once('end', resolve)
      .once('close', resolve)
      .once('error', (error) => resolve((broke = error))),
  );
  if (broke && options.signal?.aborted) throw interrupted(words[0] ?? '', broke);
  if (rest !== '') output.line(rest);
  return output.result(answer);
}

const interrupted = (what: string, cause: Error) =>
  new OperatorError(`interrupted; the agent goes on with the ${what}`, {
    code: 'interrupted',
    exitCode: exitCodes.interrupted,
    next: 'horme backup list, or: horme logs horme-backup',
    cause,
  });

export async function agentContainer(engine: Engine, project: string, service: string): Promise<string | undefined> {
  const containers = await engine.containers({ [labels.project]: project, [labels.service]: service });
  return containers.find(({ state, labels: own }) => state === 'running' && own[labels.oneOff] !== 'True')?.id;
}

export async function runningAgent(engine: Engine, project: string, service: string): Promise<string> {
  const container = await agentContainer(engine, project, service);
  if (container) return container;
  throw new OperatorError(`${service} does not run`, {
    code: 'backup-agent-away',
    exitCode: exitCodes.checkFailed,
    next: 'horme deploy   (starts it)',
  });
}
