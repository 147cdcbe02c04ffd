import type { Event } from '../events.ts';
import type { Live } from './format.ts';

/** The proof, with its release if the emitter knows it. */
export type ProofEvent = Extract<Event, { kind: 'proof' }> & Partial<Live>;

export interface Writable {
  write(text: string): unknown;
}

/** Shows events to a person or a program. */
export interface Subscriber {
  emit(event: Event): void;
  /** Lets something else write to the same terminal. */
  aside(write: () => void): void;
  /** Leaves the terminal as it was found. Safe to call twice. */
  end(): void;
}

export function liveOf({ release, replicas }: ProofEvent): Live | undefined {
  return release === undefined || replicas === undefined ? undefined : { release, replicas };
}
