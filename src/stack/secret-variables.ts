import type { Finding, Path } from './locate.ts';
import type { SecretVariable } from './stack.ts';
import type { ComposeService } from '../engine/compose-model.ts';

/**
 * What stands for the platform's secrets while Compose interpolates: the values themselves are made at deploy time, and must
 * never be in a rendered file. `variable` is what the user's file mentions, `placeholder` what a template carries.
 */
export const platformSecrets = [
  { key: 'database', variable: 'DATABASE_URL', sentinel: 'horme://database-url', placeholder: '{database-url}' },
  {
    key: 'database',
    variable: 'DATABASE_REPLICA_URL',
    sentinel: 'horme://database-replica-url',
    placeholder: '{database-replica-url}',
  },
  { key: 'cache', variable: 'REDIS_URL', sentinel: 'horme://redis-url', placeholder: '{redis-url}' },
] as const;

/** Takes the variables that carry a secret out of the environment. */
export function takeSecretVariables(definition: ComposeService): SecretVariable[] {
  const taken: SecretVariable[] = [];
  const kept: Record<string, string | null> = {};
  for (const [variable, value] of Object.entries(definition.environment ?? {})) {
    const template = value === null ? undefined : templateOf(value);
    if (template === undefined) kept[variable] = value;
    else taken.push({ variable, template });
  }
  if (taken.length > 0) definition.environment = kept;
  return taken;
}

function templateOf(value: string): string | undefined {
  if (!platformSecrets.some(({ sentinel }) => value.includes(sentinel))) return undefined;
  // Compose doubles `$` in its output, to be read again; a template is not.
  let template = value.replaceAll('$$', '$');
  for (const { sentinel, placeholder } of platformSecrets) template = template.replaceAll(sentinel, placeholder);
  return template;
}

/** Secrets that the user's file puts where they would be readable: arguments, labels, configs, build arguments. */
export function strayedSecrets(value: unknown, path: Path = []): Finding[] {
  if (typeof value === 'string') {
    const found = platformSecrets.find(({ sentinel }) => value.includes(sentinel));
    if (found === undefined) return [];
    const message = `\${${found.variable}} holds a password, and would be readable here`;
    return [{ path, message, mend: 'use it in the `environment` of a service alone', hint: `\${${found.variable}` }];
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => strayedSecrets(inner, [...path, key]));
}
