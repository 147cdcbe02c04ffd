import { backupOptions } from '../options.ts';
import { backupSecrets, releasedBackup } from '../sections.ts';
import { resolve } from 'node:path';
import { withoutSecrets } from '../services.ts';
import { run } from '../../../engine/process.ts';
import { OperatorError, exitCodes } from '../../../errors.ts';
import { pathsOf, withoutCredentials } from '../../../release/origin.ts';
import type { ReleaseContent } from '../../../release/release.ts';
import { stableJson } from '../../../fingerprint.ts';
import type { Settings } from '../../../release/settings.ts';
import { commitOf } from '../../../release/sources.ts';
import type { Vault } from '../../../release/vault.ts';
import { isBelow } from '../../../stack/contained.ts';
import type { Stack } from '../../../stack/stack.ts';
import { kitSchema, keysOf, type KitContent } from '../../../recovery/kit-content.ts';

/** All that an empty machine needs beside the bucket, and nothing else. */
export async function kitContent(stack: Stack, vault: Vault, now: Date): Promise<KitContent> {
  const { id, cipher, filesPassword } = backupSecrets(vault);
  const repositories = backupOptions(stack)?.repositories ?? [];
  const secrets = { id, cipher, filesPassword };
  const remote = await remoteOf(stack.directory);
  return {
    schema: kitSchema,
    name: stack.name,
    environment: stack.environment.name,
    project: stack.project,
    madeAt: now.toISOString(),
    keys: keysOf({ repositories, secrets }),
    repositories,
    secrets,
    source: remote === undefined ? {} : { remote },
  };
}

async function remoteOf(directory: string): Promise<string | undefined> {
  const words = ['git', 'remote', 'get-url', 'origin'];
  const { exitCode, stdout } = await run(words, { cwd: directory, deadlineSeconds: 5 }).catch(() => ({
    exitCode: 1,
    stdout: '',
  }));
  const remote = withoutCredentials(stdout.trim());
  return exitCode === 0 && remote !== '' ? remote : undefined;
}

/** The file may name a bucket that nothing was ever written to: then its kit would bring nothing back. */
export function refuseUndeployed(stack: Stack, live: Pick<ReleaseContent, 'parts'> | undefined): void {
  const { project } = stack;
  const wanted = backupOptions(stack)?.repositories.map(withoutSecrets);
  const deployed = live && releasedBackup(live)?.repositories;
  if (!live || stableJson(wanted) === stableJson(deployed)) return;
  throw new OperatorError(`the repositories in the file are not those that ${project} is deployed with`, {
    code: 'kit-undeployed',
    exitCode: exitCodes.checkFailed,
    lastSeen: `deployed: ${named(deployed ?? [])}\nin the file: ${named(wanted ?? [])}`,
    next: 'horme deploy',
  });
}

const named = (repositories: Record<string, unknown>[]): string =>
  repositories.map((one) => Object.values(one).join(' ')).join(', ') || 'none';

/** What no commit has, so that nobody can build it again from the remote. */
export async function outsideRepository({ directory, services }: Stack): Promise<string[]> {
  const { folder } = await commitOf(directory);
  if (folder === undefined) return [];
  const root = resolve(directory, folder.replaceAll(/[^/]+/g, '..'));
  return services.flatMap(({ name, definition: { build } }) =>
    (build ? pathsOf(build) : [])
      .filter((path) => !isBelow(root, path))
      .map((path) => `${name} is built from ${path}, outside of the repository: a recovery needs that folder too`),
  );
}

/** For `horme status`: without a kit, or with one that lacks the present keys, nobody recovers anything. */
export function kitProblems(stack: Stack, vault: Vault | undefined, { kit }: Settings): string[] {
  const backup = backupOptions(stack);
  if (!backup || !vault || !backup.repositories.some(({ kind }) => kind !== 'local')) return [];
  if (!kit) return ['no recovery kit was made, so an empty machine could not be recovered: horme recovery-kit'];
  const { id, cipher, filesPassword } = backupSecrets(vault);
  const keys = keysOf({ repositories: backup.repositories, secrets: { id, cipher, filesPassword } });
  return kit.keys === keys
    ? []
    : [`the recovery kit of ${kit.madeAt.slice(0, 10)} is older than the keys: horme recovery-kit`];
}
