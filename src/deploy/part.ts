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

/**
 * All that the core asks of a part. A part's own data is stored in a section under its name; the core never reads it.
 */
export interface CorePart extends ReleasePart, ObservedPart, ActingPart {
  steps?: PartSteps;
  /**
   * The part's new section of `Applied`, if the observation shows something that its notes lack; undefined: no change.
   */
  noted?(seen: Seen): unknown;
  /** Why a rollback to this release is impossible; undefined: it is possible. */
  refusesRollback?(content: ReleaseContent, applied: Applied, number: number): Error | undefined;
  /** The part's lines in `horme status`. */
  status?(look: PartLook): Promise<PartStatus>;
  /** The part's checks in `horme check`. */
  check?(look: PartLook): Promise<PartCheck>;
  /** The part's configuration files in `horme render`, by path. */
  rendered?(content: ReleaseContent, stack: Stack): Record<string, string>;
}

/** The part's plan steps, by their place in the plan. Pure: no I/O, no clock, no randomness. */
export interface PartSteps {
  /** Before anything starts or stops. */
  first?(planning: Planning): Draft[];
  /** Steps for all changes of the part's own services, in its own order. Undefined: the core orders them. */
  own?(planning: Planning, changes: Change[]): Draft[] | undefined;
  /** Once the platform runs. */
  setUp?(planning: Planning): Draft[];
  /** Before the user's services change. */
  beforeUsers?(planning: Planning): Draft[];
  /** After the new replicas serve and before the old ones drain. */
  switched?(planning: Planning): Draft[];
  last?(planning: Planning): Draft[];
  /** Replicas that the release no longer has and that `own` takes away. */
  leaving?(content: ReleaseContent, seen: Seen): SeenReplica[];
  /** Before a change that can't be undone. */
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
