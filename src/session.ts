import { resolve } from 'node:path';
import { composeDriver, type Compose } from './engine/compose.ts';
import { openConnection, type Connection } from './engine/connection.ts';
import { dockerEngine } from './engine/docker.ts';
import type { Engine } from './engine/engine.ts';
import type { CommandContext } from './commands/command.ts';
import type { Emit } from './events.ts';
import { loadStack } from './stack/load.ts';
import type { Stack } from './stack/stack.ts';

/** A stack and the engine that its environment names: what every command but `init` works with. */
export interface Session {
  stack: Stack;
  connection: Connection;
  engine: Engine;
  compose: Compose;
  emit: Emit;
  signal: AbortSignal;
}

export async function openSession(context: CommandContext): Promise<Session> {
  const { options, emit, signal } = context;
  const directory = resolve(options.projectDirectory ?? '.');
  const stack = await loadStack({
    directory,
    ...(options.files.length > 0 && { files: options.files }),
    ...(options.env !== undefined && { environment: options.env }),
    profiles: options.profiles,
    processEnvironment: process.env,
    signal,
  });
  const connection = openConnection(stack.environment.context, process.env);
  const engine = dockerEngine(connection, signal);
  return {
    stack,
    connection,
    engine,
    compose: composeDriver(stack.directory, connection.environment, signal, engine.gone),
    emit,
    signal,
  };
}
