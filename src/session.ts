import { resolve } from 'node:path';
import { startable } from './deploy/startable.ts';
import type { CorePart } from './deploy/part.ts';
import { composeDriver, type Compose } from './engine/compose.ts';
import { openConnection, type Connection } from './engine/connection.ts';
import { dockerEngine, type DockerEngine } from './engine/docker.ts';
import type { Engine } from './engine/engine.ts';
import type { CommandContext } from './command/context.ts';
import type { Emit } from './events.ts';
import type { Looking } from './deploy/look.ts';
import { loadStack, type Named } from './stack/load.ts';
import type { Stack } from './stack/stack.ts';

/** A stack and the engine that its environment names: what every command but `init` works with. */
export interface Session {
  stack: Stack;
  parts: readonly CorePart[];
  connection: Connection;
  engine: Engine;
  compose: Compose;
  emit: Emit;
  signal: AbortSignal;
  /** What was seen of the engine while Compose read the files: once, because it grows old. */
  takeLook?: () => Looking | undefined;
}

/** `look`: for a command that begins with a glance at the engine, which needs no more than the project's name for it. */
export async function openSession(context: CommandContext, look?: LookAt): Promise<Session> {
  const { options, parts, emit, signal } = context;
  const directory = resolve(options.projectDirectory ?? '.');
  let early: Early | undefined;
  const stack = await loadStack({
    directory,
    directoryNamed: options.projectDirectory !== undefined,
    // As Compose has it: named files are looked for where the command is given, whatever the project directory is.
    ...(options.files.length > 0 && { files: options.files.map((file) => resolve(file)) }),
    ...(options.env !== undefined && { environment: options.env }),
    profiles: options.profiles,
    processEnvironment: process.env,
    parts,
    signal,
    ...(look && { onNamed: (named) => (early = lookEarly(named, look, signal))?.looking.listed }),
  });
  const known = early?.context === stack.environment.context ? early : undefined;
  const { connection, engine } = known ?? openEngine(stack.environment.context, signal);
  let looking = known?.looking;
  return {
    stack,
    parts,
    connection,
    engine,
    takeLook: () => {
      const taken = looking;
      looking = undefined;
      return taken;
    },
    compose: startable(composeDriver(stack.directory, connection.environment, signal, engine.gone), engine),
    emit,
    signal,
  };
}

type LookAt = (engine: Engine, project: string) => Looking;

function openEngine(
  context: string | undefined,
  interrupted: AbortSignal,
): { connection: Connection; engine: DockerEngine } {
  const connection = openConnection(context, process.env);
  return { connection, engine: dockerEngine(connection, interrupted) };
}

interface Early extends ReturnType<typeof openEngine> {
  context: string | undefined;
  looking: Looking;
}

/** Undefined where the context has a variable in it, or is not there: then the time to tell so comes later. */
function lookEarly({ project, context }: Named, look: LookAt, interrupted: AbortSignal): Early | undefined {
  if (context !== undefined && (typeof context !== 'string' || context.includes('$'))) return undefined;
  try {
    const opened = openEngine(context, interrupted);
    const looking = look(opened.engine, project);
    // Whoever takes it is told; where the files are refused nobody is.
    looking.looked.catch(() => undefined);
    return { ...opened, context, looking };
  } catch {
    return undefined;
  }
}
