import { randomBytes } from 'node:crypto';
import { stableJson } from '../fingerprint.ts';
import type { Sections } from '../sections.ts';
import type { ReleasePart, SecretsRun } from './part.ts';
import type { Store } from './store.ts';
import { keepSecrets, readVault, writeVault, type Vault } from './vault.ts';

/** 32 bytes: what no one guesses and no one types. Hex, so that it needs no escaping in a URL or a configuration. */
const secretBytes = 32;

/** Made once for each environment, at its first deploy; kept on the engine's side, in the state volume. What an older Horme made is completed. */
export async function openVault(store: Store, parts: readonly ReleasePart[]): Promise<Vault> {
  const existing = await readVault(store);
  const volumeKey = existing?.volumeKey ?? randomBytes(secretBytes).toString('hex');
  const sections = parts.map(async ({ name, secrets }) => {
    const found = secrets?.read(existing?.parts ?? {});
    if (found === undefined) return [name, await secrets?.make()] as const;
    return [name, secrets?.completed ? await secrets.completed(found) : found] as const;
  });
  const made = (await Promise.all(sections)).filter(([, section]) => section !== undefined);
  const vault: Vault = {
    schema: 'horme.vault/2',
    volumeKey,
    parts: { ...existing?.parts, ...(Object.fromEntries(made) as Sections) },
  };
  if (existing === undefined || stableJson(vault) !== stableJson(existing)) await writeVault(store, vault);
  return vault;
}

/** What this run begins anew: the logins that a rotation gives, the history of other data. */
export async function renewedVault(
  store: Store,
  vault: Vault,
  parts: readonly ReleasePart[],
  run: SecretsRun,
): Promise<Vault> {
  let renewed = vault;
  for (const { name, secrets } of parts) {
    const before = secrets?.read(renewed.parts);
    const after = before === undefined ? undefined : secrets?.renewed?.(before, run);
    if (after !== undefined && after !== before) renewed = await keepSecrets(store, renewed, name, after);
  }
  return renewed;
}
