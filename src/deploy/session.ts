import type { Compose } from '../engine/compose.ts';
import type { Connection } from '../engine/connection.ts';
import type { Engine } from '../engine/engine.ts';
import type { Emit } from '../events.ts';
import type { Stack } from '../stack/stack.ts';
import type { Looking } from './look.ts';
import type { CorePart } from './part.ts';

/** A stack and the engine of its environment; every command except `init` works with one. */
export interface Session {
  stack: Stack;
  parts: readonly CorePart[];
  connection: Connection;
  engine: Engine;
  compose: Compose;
  emit: Emit;
  signal: AbortSignal;
  /** The look at the engine that was taken while Compose read the files. Can be taken once, since it gets stale. */
  takeLook?: () => Looking | undefined;
}
