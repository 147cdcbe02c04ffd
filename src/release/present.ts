import type { ReleasePart } from './part.ts';
import type { ReleaseContent } from './release.ts';
import type { Vault } from './vault.ts';

/** A release of before as it is to run now: what parts have begun since, such as another history of the database, counts. */
export const presentOf = (content: ReleaseContent, vault: Vault, parts: readonly ReleasePart[]): ReleaseContent =>
  parts.reduce((present, part) => part.present?.(present, vault) ?? present, content);
