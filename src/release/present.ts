import type { ReleasePart } from './part.ts';
import type { ReleaseContent } from './release.ts';
import type { Vault } from './vault.ts';

/** An earlier release, updated with what parts have begun since, such as a new backup history of the database. */
export const presentOf = (content: ReleaseContent, vault: Vault, parts: readonly ReleasePart[]): ReleaseContent =>
  parts.reduce((present, part) => part.present?.(present, vault) ?? present, content);
