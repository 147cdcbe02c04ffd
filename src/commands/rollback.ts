import { deploy } from '../deploy/deploy.ts';
import { planOnly } from '../deploy/plan-only.ts';
import { deployDefaults, type DeployOptions } from '../deploy/options.ts';
import { planText } from '../deploy/plan.ts';
import { findStore } from '../deploy/state.ts';
import { labels } from '../engine/labels.ts';
import { imageSources } from '../platform/images.ts';
import { OperatorError, exitCodes, type ExitCode } from '../errors.ts';
import { readContent, readLedger, type Ledger, type LedgerEntry } from '../release/ledger.ts';
import type { HeldLock } from '../release/lock.ts';
import { lostImages } from '../release/prune.ts';
import type { ReleaseContent } from '../release/release.ts';
import { readSecretFiles } from '../release/secret-files.ts';
import { readApplied } from '../release/settings.ts';
import type { Store } from '../release/store.ts';
import { openSession } from '../command/session.ts';
import type { Session } from '../deploy/session.ts';
import type { CommandContext } from '../command/context.ts';
import { confirmed } from '../command/confirm.ts';
import { report } from '../command/deploy.ts';
import { chosen, targetText } from './rollback-target.ts';
import { migratedSince } from './rollback-schema.ts';
import { underLock } from '../command/under-lock.ts';

export async function run(context: CommandContext): Promise<ExitCode> {
  const session = await openSession(context);
  // Refuses an impossible rollback before waiting for the lock.
  const store = await findStore(session);
  const ledger = await readLedger(store);
  const target = chosen(ledger, context.arguments[0]);
  if (context.flags.dryRun === true) return dryRun(context, session, store, ledger, target);
  return underLock(context, session, 'rollback', (lock) => goBack(context, session, lock));
}

/**
 * Chooses the release and asks under the lock, since an earlier deploy may have changed which release is the previous
 * one.
 */
async function goBack(context: CommandContext, session: Session, lock: HeldLock): Promise<ExitCode> {
  const store = await findStore(session);
  const ledger = await readLedger(store);
  const target = chosen(ledger, context.arguments[0]);
  context.emit({ kind: 'note', text: targetText(target, ledger.live) });
  const options = await rollbackTo(session, store, target);
  if (store) await acceptSchema(context, store, ledger, target, options.rollbackTo);
  await lock.confirm();
  return report(context, session, await deploy(session, options, lock));
}

async function rollbackTo(
  session: Session,
  store: Store | undefined,
  target: LedgerEntry,
): Promise<DeployOptions & { rollbackTo: ReleaseContent }> {
  const content = store && (await readContent(store, target.number));
  if (!content) throw noContent(target.number);
  await checkWhole(session, store, content, target);
  await refuseByParts(session, store, content, target.number);
  return { ...deployDefaults, kind: 'rollback', of: target.of, rollbackTo: content };
}

async function dryRun(
  context: CommandContext,
  session: Session,
  store: Store | undefined,
  ledger: Ledger,
  target: LedgerEntry,
): Promise<ExitCode> {
  const steps = await planOnly(session, await rollbackTo(session, store, target));
  context.print(`${targetText(target, ledger.live)}\n${planText(steps)}`);
  context.result({ schema: 'horme.plan/1', project: session.stack.project, release: target.number, steps });
  return exitCodes.done;
}

function noContent(number: number): OperatorError {
  return new OperatorError(`what release ${number} was made of is not stored any more`, {
    code: 'release-content',
    exitCode: exitCodes.checkFailed,
    next: 'horme releases',
  });
}

/**
 * Refuses a release with missing images or secrets. Lost secret volumes can be rewritten if the state has their
 * content.
 */
async function checkWhole(
  { engine, stack, parts }: Session,
  store: Store,
  content: ReleaseContent,
  { number, of, commit }: LedgerEntry,
): Promise<void> {
  const [images, volumes, known] = await Promise.all([
    lostImages(engine, content, imageSources(parts)),
    engine.volumes({ [labels.project]: stack.project }),
    readSecretFiles(store),
  ]);
  const there = [...volumes.map(({ name }) => name), ...Object.keys(known)];
  const secrets = content.secretVolumes.filter((volume) => !there.includes(volume));
  const missing = [
    ...images.map(({ name, image }) => `the image of ${name} (${image})`),
    ...secrets.map((volume) => `the secrets in ${volume}`),
  ];
  if (missing.length === 0) return;
  const checkOut = commit === undefined ? 'check out the files of that release' : `git checkout ${commit.slice(0, 12)}`;
  throw new OperatorError(
    `release ${number === of ? number : `${number} (of ${of})`} can't be restored whole, since the engine no longer has ${missing.join(', ')}`,
    {
      code: 'release-incomplete',
      exitCode: exitCodes.checkFailed,
      next: `${checkOut}, then: horme deploy   (builds or pulls it again); horme check says which releases are whole`,
    },
  );
}

/** Lets the parts refuse, for example because of retired logins. */
async function refuseByParts({ parts }: Session, store: Store, content: ReleaseContent, number: number): Promise<void> {
  const applied = await readApplied(store);
  for (const part of parts) {
    const refusal = part.refusesRollback?.(content, applied, number);
    if (refusal) throw refusal;
  }
}

/** A rollback undoes no migration, so the operator must confirm that the older release works with the newer schema. */
async function acceptSchema(
  context: CommandContext,
  store: Store,
  ledger: Ledger,
  target: LedgerEntry,
  content: ReleaseContent,
): Promise<void> {
  if (context.flags.acceptSchema === true) return;
  const changed = await migratedSince(store, ledger, target, content);
  if (changed.length === 0) return;
  const what = changed
    .map(({ number, services }) => `release ${number} migrated for ${services.join(', ')}`)
    .join('; ');
  const message = `the database was migrated after release ${target.number} (${what}); the schema stays as it is`;
  if (await confirmed(context, `${message}. Does release ${target.number} work with it?`)) return;
  throw new OperatorError(message, {
    code: 'schema-changed',
    exitCode: exitCodes.checkFailed,
    next: `horme rollback ${target.number} --accept-schema   (when the older release works with the newer schema)`,
  });
}
