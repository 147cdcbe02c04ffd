import { rename, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { localLabel } from '../report.ts';
import { findStore } from '../../../deploy/state.ts';
import { OperatorError, exitCodes } from '../../../errors.ts';
import { readLive } from '../../../release/ledger.ts';
import { changeSettings } from '../../../release/settings.ts';
import { openVault } from '../../../release/open-vault.ts';
import { sealKit } from '../../../recovery/kit.ts';
import { kitContent, outsideRepository, refuseUndeployed } from '../recovery/make.ts';
import { passphrase } from '../../../command/passphrase.ts';
import { openSession } from '../../../command/session.ts';
import { backupOf } from './agents.ts';
import type { CommandContext } from '../../../command/context.ts';

export async function run(context: CommandContext): Promise<void> {
  const session = await openSession(context);
  const { stack } = session;
  if (!backupOf(session).repositories.some(({ kind }) => kind !== 'local')) throw localOnly();
  const store = await findStore(session);
  if (!store) throw notDeployed(stack.project);
  refuseUndeployed(stack, await readLive(store));
  for (const text of await outsideRepository(stack)) context.emit({ kind: 'warning', text });
  const secret = await passphrase(context, true);
  const content = await kitContent(stack, await openVault(store, session.parts), new Date());
  const file = resolve(context.arguments[0] ?? `${stack.project}.kit`);
  await written(file, await sealKit(content, secret));
  await changeSettings(store, () => ({ kit: { madeAt: content.madeAt, keys: content.keys } }));
  context.print(
    `${file}\nkeep it off this machine, and its passphrase elsewhere: with both, and the repository, an empty machine becomes this one`,
  );
  context.result({ schema: 'horme.recovery-kit/1', project: stack.project, file, keys: content.keys });
}

/** Writes a temporary file and renames it, so that an existing kit stays intact until the new one is complete. */
async function written(file: string, kit: string): Promise<void> {
  try {
    await writeFile(`${file}.new`, kit, { mode: 0o600 });
    await rename(`${file}.new`, file);
  } catch (cause) {
    throw new OperatorError(`the kit can't be written: ${(cause as Error).message}`, {
      code: 'kit-unwritable',
      exitCode: exitCodes.usage,
      next: 'horme recovery-kit FILE, in a folder that you may write to',
      cause,
    });
  }
}

const localOnly = () =>
  new OperatorError(`the only repository ${localLabel}: there would be nothing to recover from`, {
    code: 'backup-local-only',
    exitCode: exitCodes.usage,
    next: 'add s3 or sftp under x-horme.backup, then: horme deploy',
  });

const notDeployed = (project: string) =>
  new OperatorError(`${project} is not deployed yet`, {
    code: 'not-deployed',
    exitCode: exitCodes.usage,
    next: 'horme deploy',
  });
