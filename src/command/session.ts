import { resolve } from 'node:path';
import type { Session } from '../deploy/session.ts';
import { startable } from '../deploy/startable.ts';
import { composeDriver } from '../engine/compose.ts';
import { openConnection, type Connection } from '../engine/connection.ts';
import { dockerEngine, type DockerEngine } from '../engine/docker.ts';
import type { Engine } from '../engine/engine.ts';
import type { CommandContext } from './context.ts';
import type { Looking } from '../deploy/look.ts';
import { loadStack, type Named } from '../stack/load.ts';

/**
 * `look`: starts the first look at the engine early, in parallel with Compose, since it needs only the project's name.
 */
export async function openSession(context: CommandContext, look?: LookAt): Promise<Session> {
  const { options, parts, emit, signal } = context;
  const directory = resolve(options.projectDirectory ?? '.');
  let early: Early | undefined;
  const stack = await loadStack({
    directory,
    directoryNamed: options.projectDirectory !== undefined,
    // As in Compose: `--file` paths are relative to the working directory, not to the project directory.
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

/** Undefined if the context contains a variable or does not exist; the latter is reported later. */
function lookEarly({ project, context }: Named, look: LookAt, interrupted: AbortSignal): Early | undefined {
  if (context !== undefined && (typeof context !== 'string' || context.includes('$'))) return undefined;
  try {
    const opened = openEngine(context, interrupted);
    const looking = look(opened.engine, project);
    // Reported to the caller that takes the look. If the files are refused nobody takes it.
    looking.looked.catch(() => undefined);
    return { ...opened, context, looking };
  } catch {
    return undefined;
  }
}
