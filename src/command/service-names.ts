import { labels } from '../engine/labels.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import { platformServices } from '../release/prepare.ts';
import { unmadeVault } from '../release/vault.ts';
import type { Session } from '../deploy/session.ts';
import { nearest } from '../stack/nearest.ts';
import type { Stack } from '../stack/stack.ts';

/** Service names for commands that change the files' services. */
export const servicesInFiles = ({ services }: Stack): string[] => services.map(({ name }) => name);

/** Service names for commands that look at running containers: includes platform services and removed ones. */
export async function servicesThatRun({
  engine,
  stack,
  parts,
}: Pick<Session, 'engine' | 'stack' | 'parts'>): Promise<string[]> {
  const containers = await engine.containers({ [labels.project]: stack.project });
  const running = containers.map((container) => container.labels[labels.service]).filter((name) => name !== undefined);
  const platform = platformServices({ stack, parts, vault: unmadeVault }).map(({ name }) => name);
  return [...new Set([...servicesInFiles(stack), ...running, ...platform])];
}

/** Checks every service name that a user types: an unknown one is an error, not an empty result. */
export function refuseUnknown(names: readonly string[], known: readonly string[]): void {
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const near = nearest(unknown, known);
  throw new OperatorError(`there is no service "${unknown}"`, {
    code: 'service-unknown',
    exitCode: exitCodes.usage,
    next: near === undefined ? `one of: ${known.join(', ')}` : `did you mean "${near}"? There are ${known.join(', ')}`,
  });
}
