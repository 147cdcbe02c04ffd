import type { Finding, Path } from './locate.ts';
import type { PartVariable } from './part-key.ts';
import type { SecretVariable } from './stack.ts';
import type { ComposeService } from '../engine/compose-model.ts';

/** Takes the variables that carry a secret out of the environment. */
export function takeSecretVariables(definition: ComposeService, variables: readonly PartVariable[]): SecretVariable[] {
  const taken: SecretVariable[] = [];
  const kept: Record<string, string | null> = {};
  for (const [variable, value] of Object.entries(definition.environment ?? {})) {
    const template = value === null ? undefined : templateOf(value, variables);
    if (template === undefined) kept[variable] = value;
    else taken.push({ variable, template });
  }
  if (taken.length > 0) definition.environment = kept;
  return taken;
}

function templateOf(value: string, variables: readonly PartVariable[]): string | undefined {
  if (!variables.some(({ sentinel }) => value.includes(sentinel))) return undefined;
  // Compose doubles `$` in its output, to be read again; a template is not.
  let template = value.replaceAll('$$', '$');
  for (const { sentinel, placeholder } of variables) template = template.replaceAll(sentinel, placeholder);
  return template;
}

/** Secrets that the user's file puts where they would be readable: arguments, labels, configs, build arguments. */
export function strayedSecrets(value: unknown, variables: readonly PartVariable[], path: Path = []): Finding[] {
  if (typeof value === 'string') {
    const found = variables.find(({ sentinel }) => value.includes(sentinel));
    if (found === undefined) return [];
    const message = `\${${found.name}} holds a password, and would be readable here`;
    return [{ path, message, mend: 'use it in the `environment` of a service alone', hint: `\${${found.name}` }];
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => strayedSecrets(inner, variables, [...path, key]));
}
