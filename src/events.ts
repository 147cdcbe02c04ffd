import type { Proof } from './proof.ts';

/** Events that the core sends to its subscribers (terminal, plain lines, JSON, ledger). The core never prints. */
export type Event =
  | { kind: 'plan'; steps: { id: string; title: string; cause: string }[] }
  | { kind: 'step-started'; id: string; title: string }
  | { kind: 'step-progress'; id: string; detail: string }
  | { kind: 'step-finished'; id: string; title: string; seconds: number }
  | { kind: 'step-failed'; id: string; title: string; seconds: number; message: string }
  /** A line that a build, a migration or a failing replica printed. */
  | { kind: 'log'; source: string; line: string }
  | { kind: 'note'; text: string }
  | { kind: 'warning'; text: string }
  | { kind: 'proof'; proof: Proof; release?: number; replicas?: number };

export type Emit = (event: Event) => void;
