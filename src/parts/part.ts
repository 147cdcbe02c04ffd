import type { CommandDeclaration } from '../command/declaration.ts';
import type { CorePart } from '../deploy/part.ts';

/**
 * A part of the platform: a folder beside this file, and one line in index.ts. Everything except its name is optional.
 *
 * - In the user's file: `key`, with its variables (`stack/part-key.ts`).
 * - In a release: `images`, `services`, `networks`, `volumes`, `secrets`, `values`, `released` (`release/part.ts`).
 * - In a rollout: `observe`, `steps`, and `take`, which executes the part's steps (`deploy/part.ts`).
 * - For people: `status`, `check`, `rendered`, `commands`.
 *
 * A part stores its data in sections under its name: options, secrets, release, applied configuration, observation. A
 * part that needs another one imports that part's index.ts. Every command loads all parts, so code that few commands
 * need (schema, execution of steps, status) is imported only when it is called.
 */
export interface Part extends CorePart {
  commands?: readonly CommandDeclaration[];
  /** Purpose of a group of two-word commands, by the first word. */
  commandGroups?: Readonly<Record<string, string>>;
}
