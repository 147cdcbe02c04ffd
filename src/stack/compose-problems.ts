import { composeKeys } from './compose-keys.ts';
import { locate, usesOf } from './locate.ts';
import type { Finding } from './locate.ts';
import { at } from './source.ts';
import type { SourceFile } from './source.ts';
import type { Diagnostic } from './diagnostics.ts';

/**
 * Compose stops at its first problem and gives no position, so the path in its message is looked up in the user's
 * files.
 */
export function composeProblems(messages: readonly string[], sources: readonly SourceFile[]): Diagnostic[] {
  const lines = messages.filter((line) => !unsetVariable.test(line) && !line.includes('obsolete'));
  const text = lines.join(' ').trim() || 'docker compose config failed without a message';
  return [locate(sources, { path: mentionedPath(text), message: shortened(text), mend: mendOf(text) })];
}

/** `services.api Additional property imgae is not allowed`; newer: `services.api additional properties 'imgae', 'prots' not allowed`. */
const unknownKey =
  /\b((?:services|volumes|networks|secrets|configs)(?:\.[\w-]+)*)\.? [Aa]dditional propert(?:y|ies) '?([\w-]+)/;

function mentionedPath(text: string): Finding['path'] {
  const additional = unknownKey.exec(text);
  if (additional?.[1] !== undefined && additional[2] !== undefined) return [...additional[1].split('.'), additional[2]];
  // For a value that can't be decoded, Compose writes the path as `services[api].healthcheck.interval`.
  const dotted = /\b((?:services|volumes|networks|secrets|configs)\.[\w.-]*[\w-])/.exec(
    text.replaceAll(/\[([\w-]+)\]/g, '.$1'),
  )?.[1];
  if (dotted !== undefined) return dotted.split('.').map((step) => (/^\d+$/.test(step) ? Number(step) : step));
  const service = /service "([^"]+)"/.exec(text)?.[1];
  if (service === undefined) return [];
  return text.includes('depends on') ? ['services', service, 'depends_on'] : ['services', service];
}

function shortened(text: string): string {
  return text
    .replace(/^validating \S+: /, '')
    .replace(/: invalid compose project$/, '')
    .slice(0, 500);
}

function mendOf(text: string): string {
  const required = /required variable (\w+)/.exec(text)?.[1];
  if (required !== undefined) return `set ${required} in .env.<environment> or in the environment`;
  const additional = unknownKey.exec(text)?.[2];
  if (additional !== undefined && composeKeys.some(({ keys }) => additional in keys))
    return 'the Compose Specification has it, the installed Compose does not: install a newer one, or take it out';
  if (additional !== undefined) return 'Compose does not know this key; extensions begin with x-';
  if (text.includes('invalid interpolation format')) return 'write a literal $ as $$';
  return '';
}

const unsetVariable = /^The "([^"]+)" variable is not set\./;

/** Compose replaces an unset variable by an empty string. Horme reports an error at every place that uses it. */
export function unsetVariables(messages: readonly string[], sources: readonly SourceFile[]): Diagnostic[] {
  const names = new Set(messages.flatMap((line) => unsetVariable.exec(line)?.[1] ?? []));
  return [...names].flatMap((name) => unsetVariableAt(name, sources));
}

function unsetVariableAt(name: string, sources: readonly SourceFile[]): Diagnostic[] {
  const message = `the variable ${name} is not set and has no default`;
  const mend = unsetMend(name);
  const uses = usesOf(sources, name);
  if (uses.length === 0) return [locate(sources, { path: [], message, mend })];
  return uses.map(({ source, offset, path }) => at(source, offset, path, message, mend));
}

function unsetMend(name: string): string {
  const keys: Record<string, string> = { DATABASE_URL: 'database', REDIS_URL: 'cache' };
  const key = keys[name];
  const set = `set it in .env.<environment>, or write \${${name}:-default}`;
  return key === undefined ? set : `add \`${key}: {}\` under x-horme, or ${set}`;
}
