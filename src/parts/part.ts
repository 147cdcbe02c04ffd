import type { CommandDeclaration } from '../command/declaration.ts';
import type { CorePart } from '../deploy/part.ts';

/**
 * A part of the platform: a folder beside this file, and a line in index.ts. All but its name is optional.
 *
 * - Of the user's file: `key`, with its variables (`stack/part-key.ts`).
 * - Of a release: `images`, `services`, `networks`, `volumes`, `secrets`, `values`, `released` (`release/part.ts`).
 * - Of a rollout: `observe`, `steps` and `take`, which takes them (`deploy/part.ts`).
 * - For people: `status`, `check`, `rendered`, `commands`.
 *
 * What it keeps is in a section by its name: of the options, the secrets, the release, what was applied, what was seen. A part
 * that needs another imports that one's index.ts. Every command loads all of them: what few commands need (the schema, what
 * takes steps, status) is imported when it is asked for.
 */
export interface Part extends CorePart {
  commands?: readonly CommandDeclaration[];
  /** Of commands of two words, by the first: what the group is for. */
  commandGroups?: Readonly<Record<string, string>>;
}
