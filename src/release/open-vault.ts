import { randomBytes } from 'node:crypto';
import { stableJson } from '../fingerprint.ts';
import { sectionsOf } from '../sections.ts';
import type { PartSecrets, ReleasePart, SecretsRun } from './part.ts';
import type { Store } from './store.ts';
import { keepSecrets, readVault, writeVault, type Vault } from './vault.ts';

/** 32 bytes can't be guessed. Hex needs no escaping in a URL or a configuration file. */
const secretBytes = 32;

/**
 * Reads the vault from the state volume; the first deploy of an environment creates it. Completes the vault of an older
 * Horme.
 */
export async function openVault(store: Store, parts: readonly ReleasePart[]): Promise<Vault> {
  const existing = await readVault(store);
  const volumeKey = existing?.volumeKey ?? randomBytes(secretBytes).toString('hex');
  const sections = parts.map(async ({ name, secrets }) => {
    const found = secrets?.read(existing?.parts ?? {});
    if (found === undefined) return [name, await secrets?.make()] as const;
    return [name, secrets?.completed ? await secrets.completed(found) : found] as const;
  });
  const vault: Vault = {
    schema: 'horme.vault/2',
    volumeKey,
    parts: { ...existing?.parts, ...sectionsOf(await Promise.all(sections)) },
  };
  if (existing === undefined || stableJson(vault) !== stableJson(existing)) await writeVault(store, vault);
  return vault;
}

/** The vault with what this run renews: rotated passwords, a new backup history for restored data. */
export const renewedVault = (
  store: Store,
  vault: Vault,
  parts: readonly ReleasePart[],
  run: SecretsRun,
): Promise<Vault> => changedVault(store, vault, parts, (secrets, section) => secrets.renewed?.(section, run));

/** The vault with what `change` makes of each part's section: undefined, or the same section, changes nothing. */
export async function changedVault(
  store: Store,
  vault: Vault,
  parts: readonly ReleasePart[],
  change: (secrets: PartSecrets, section: unknown) => unknown,
): Promise<Vault> {
  let changed = vault;
  for (const { name, secrets } of parts) {
    const before = secrets?.read(changed.parts);
    if (secrets === undefined || before === undefined) continue;
    const after = change(secrets, before);
    if (after !== undefined && after !== before) changed = await keepSecrets(store, changed, name, after);
  }
  return changed;
}
