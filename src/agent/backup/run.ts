import { OperatorError } from '../../errors.ts';
import { parseCommand, type Command } from '../command-line.ts';
import { failure, stackOf } from '../failure.ts';
import { stale } from '../health.ts';
import type { Agent, Progress } from './agent.ts';
import type { EventLine } from './contract.ts';
import { recordTyped } from './record.ts';
import { statusReport } from './report.ts';

export const program = 'horme-backup';

export interface Given {
  agent: Agent;
  progress: Progress;
}

export interface Roles {
  /** The commands of the agent's role. */
  commands(agent: Agent): Record<string, Command<Given>>;
  serve(agent: Agent): Promise<void>;
  /** What else must live; fails when it doesn't. */
  checkHealth(agent: Agent): Promise<void>;
}

type Emit = (line: EventLine) => void;

/** Of these commands a good run mends what failed by the schedule. */
const recorded = ['backup', 'drill'];

/** Arguments in, lines out, of which the last is the result or the error; the exit code says which. */
export async function runAgent(
  argv: readonly string[],
  makeAgent: () => Agent,
  roles: Roles,
  write: (text: string) => void,
): Promise<number> {
  const emit: Emit = (line) => write(`${JSON.stringify(line)}\n`);
  try {
    await dispatch(argv, makeAgent(), roles, { emit, write });
    return 0;
  } catch (error) {
    emit(errorLine(error));
    return 1;
  }
}

async function dispatch(
  argv: readonly string[],
  agent: Agent,
  roles: Roles,
  { emit, write }: { emit: Emit; write: (text: string) => void },
): Promise<void> {
  const commands = { ...ownCommands(roles), ...roles.commands(agent) };
  const parsed = parseCommand(program, commands, argv);
  if ('help' in parsed) return write(`${parsed.help}\n`);
  const { name, command, values } = parsed;
  const progress = (text: string): void => emit({ event: 'progress', text });
  const result = await ended(agent, command.run({ agent, progress }, values));
  if (recorded.includes(name)) await recordTyped(agent, name, result);
  // `serve` has nothing to answer.
  if (name !== 'serve') emit({ event: 'result', ...result });
}

function ownCommands({ serve, checkHealth }: Roles): Record<string, Command<Given>> {
  return {
    serve: {
      help: 'stay, and take backups by schedule',
      run: async ({ agent }) => {
        await serve(agent);
        return {};
      },
    },
    healthy: {
      help: 'exit code 0 when `serve` lives',
      run: async ({ agent }) => {
        const wrong = await stale(agent.folders.run, agent.clock);
        if (wrong !== undefined) throw failure('unhealthy', wrong);
        await checkHealth(agent);
        return {};
      },
    },
    status: {
      help: 'what is known of backups, without asking the repositories',
      run: async ({ agent }) => statusReport(agent.told, await agent.status.read(), agent.clock.awake()),
    },
  };
}

/** After this long work that was told to stop has nothing left to save. In seconds. */
const unwindSeconds = 8;

/** What is told to stop ends with that error, also where it runs no program that would be ended. */
async function ended<T>({ programs: { signal } }: Agent, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const stopped = new Promise<never>((_, reject) => {
    const end = (): void => reject(failure('stopped', 'it was told to stop'));
    signal.addEventListener('abort', () => (timer = setTimeout(end, unwindSeconds * 1000)), { once: true });
  });
  try {
    return await Promise.race([work, stopped]);
  } finally {
    clearTimeout(timer);
  }
}

function errorLine(error: unknown): EventLine {
  if (!(error instanceof OperatorError)) return { event: 'error', code: 'bug', message: stackOf(error) };
  const { code, message, next } = error;
  return { event: 'error', code, message, ...(next !== undefined && { next }) };
}
