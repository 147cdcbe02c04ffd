import type { Engine } from '../engine/engine.ts';
import type { ReleasePart } from '../release/part.ts';
import type { ReleaseContent } from '../release/release.ts';
import type { Applied } from '../release/settings.ts';
import type { Stack } from '../stack/stack.ts';
import type { ActingPart } from './context.ts';
import type { Look } from './look.ts';
import type { ObservedPart, Seen, SeenReplica } from './observe.ts';
import type { Check } from './check.ts';
import type { Change, Draft, PlanOptions } from './step.ts';

/** Of a part, all that the core asks it. What is the part's own is kept in a section by its name, and the core never looks into it. */
export interface CorePart extends ReleasePart, ObservedPart, ActingPart {
  steps?: PartSteps;
  /** What was seen and its notes lack: its section of what was applied, anew; undefined: nothing. */
  noted?(seen: Seen): unknown;
  /** Why this release of before can't run again; undefined: it can. */
  refusesRollback?(content: ReleaseContent, applied: Applied, number: number): Error | undefined;
  /** In `horme status`. */
  status?(look: PartLook): Promise<PartStatus>;
  /** In `horme check`. */
  check?(look: PartLook): Promise<PartCheck>;
  /** Its configuration in `horme render`, by path. */
  rendered?(content: ReleaseContent, stack: Stack): Record<string, string>;
}

/** Its steps of a plan, by where in the order they go. Pure: no I/O, no clock, no randomness. */
export interface PartSteps {
  /** Before anything starts or stops. */
  first?(planning: Planning): Draft[];
  /** All changes of its own services, where their order is its business. Undefined: as those of any other part. */
  own?(planning: Planning, changes: Change[]): Draft[] | undefined;
  /** Once the platform runs. */
  setUp?(planning: Planning): Draft[];
  /** Before the user's services change. */
  beforeUsers?(planning: Planning): Draft[];
  /** The new replicas serve; before the old ones leave. */
  switched?(planning: Planning): Draft[];
  last?(planning: Planning): Draft[];
  /** Replicas that the release no longer has and that `own` takes away. */
  leaving?(content: ReleaseContent, seen: Seen): SeenReplica[];
  /** Before something that can't be undone. */
  safeguard?(planning: Planning, cause: string): Draft[];
}

export interface Planning {
  content: ReleaseContent;
  seen: Seen;
  options: PlanOptions;
  parts: readonly Pick<CorePart, 'name' | 'steps'>[];
}

export interface PartLook extends Look {
  engine: Engine;
  stack: Stack;
  signal: AbortSignal;
}

export interface PartStatus {
  /** Below the table of services. */
  lines: string[];
  problems: string[];
  /** Under its name in the final object; undefined: nothing. */
  result?: unknown;
}

export interface PartCheck {
  checks: Check[];
  warnings: string[];
  /** Fields of the final object. */
  result: Record<string, unknown>;
}

export const stepsOf = (planning: Planning, at: 'first' | 'setUp' | 'beforeUsers' | 'switched' | 'last'): Draft[] =>
  planning.parts.flatMap(({ steps }) => steps?.[at]?.(planning) ?? []);

export const safeguards = (planning: Planning, cause: string): Draft[] =>
  planning.parts.flatMap(({ steps }) => steps?.safeguard?.(planning, cause) ?? []);
