import type { Compose } from '../engine/compose.ts';
import type { Connection } from '../engine/connection.ts';
import type { Engine } from '../engine/engine.ts';
import type { Emit } from '../events.ts';
import type { Stack } from '../stack/stack.ts';
import type { Looking } from './look.ts';
import type { CorePart } from './part.ts';

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
