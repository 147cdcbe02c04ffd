import { deploy } from '../deploy/deploy.ts';
import { deployDefaults } from '../deploy/options.ts';
import { findStore } from '../deploy/state.ts';
import { labels } from '../engine/labels.ts';
import { OperatorError, exitCodes, type ExitCode } from '../errors.ts';
import { notedOf } from '../release/begun.ts';
import { nextNumber, readContent, readLedger, restorable, type Ledger, type LedgerEntry } from '../release/ledger.ts';
import { migrationsIn } from '../release/migrations.ts';
import { stableJson, type ReleaseContent } from '../release/release.ts';
import { lostImages } from '../release/prune.ts';
import { readSecretFiles } from '../release/secret-files.ts';
import { readApplied } from '../release/settings.ts';
import type { Store } from '../release/store.ts';
import { openSession, type Session } from '../session.ts';
import type { CommandContext } from './command.ts';
import { confirmed } from './confirm.ts';
import { report, waitOf } from './deploy.ts';

export async function run(context: CommandContext): Promise<ExitCode> {
  const session = await openSession(context);
  const store = await findStore(session);
  const ledger = await readLedger(store);
  const target = chosen(ledger, context.arguments[0]);
  const content = store && (await readContent(store, target.number));
  if (!content) throw noContent(target.number);
  await checkWhole(session, store, content, target);
  await refuseOlderLogins(store, content, target.number);
  await acceptSchema(context, store, ledger, target, content);
  const result = await deploy(session, {
    ...deployDefaults,
    kind: 'rollback',
    of: target.of,
    rollbackTo: content,
    waitSeconds: waitOf(context.flags),
  });
  return report(context, session, result);
}

/** The release named, else the last one that was live before the one that is. */
function chosen(ledger: Ledger, wanted: string | undefined): LedgerEntry {
  const candidates = restorable(ledger);
  const { live } = ledger;
  const found =
    wanted === undefined
      ? candidates.findLast(({ of }) => of !== live?.of)
      : candidates.find(({ number }) => number === contentOf(ledger, Number(wanted)));
  if (found) return found;
  throw new OperatorError(
    wanted === undefined ? 'there is no earlier release to go back to' : `there is no release ${wanted} that was live`,
    {
      code: 'release-unknown',
      exitCode: exitCodes.usage,
      next: 'horme releases',
    },
  );
}

/** Of a scaling the release that was scaled. */
function contentOf({ entries }: Ledger, named: number): number {
  const entry = entries.find(({ number }) => number === named);
  return entry?.kind === 'scale' ? entry.of : named;
}

function noContent(number: number): OperatorError {
  return new OperatorError(`what release ${number} was made of is not stored any more`, {
    code: 'release-content',
    exitCode: exitCodes.checkFailed,
    next: 'horme releases',
  });
}

/** A release is whole or it is not restored. Secret volumes that are gone are made again where the state has their content. */
async function checkWhole(
  { engine, stack }: Session,
  store: Store,
  content: ReleaseContent,
  { number, of, commit }: LedgerEntry,
): Promise<void> {
  const [images, volumes, known] = await Promise.all([
    lostImages(engine, content),
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

/** Its secrets name a login of the database that no longer gets in. */
async function refuseOlderLogins(store: Store, { database }: ReleaseContent, number: number): Promise<void> {
  const { generation } = await readApplied(store);
  if (!database || database.roles.generation >= generation) return;
  throw new OperatorError(`release ${number} has passwords of the database from before they were rotated`, {
    code: 'password-rotated',
    exitCode: exitCodes.checkFailed,
    next: 'check out its commit (horme releases shows it), then: horme deploy',
  });
}

/** A migration is never undone: the older release must be able to work with the newer schema, and someone must say so. */
async function acceptSchema(
  context: CommandContext,
  store: Store,
  ledger: Ledger,
  target: LedgerEntry,
  content: ReleaseContent,
): Promise<void> {
  if (context.flags.acceptSchema === true) return;
  const changed = (await migratedSince(store, ledger, target, content)).filter(({ services }) => services.length > 0);
  if (changed.length === 0) return;
  const what = changed
    .map(({ number, services }) => `release ${number} migrated for ${services.join(', ')}`)
    .join('; ');
  const message = `the database was migrated after release ${target.number} (${what}); the schema stays as it is`;
  if (await confirmed(context, `${message}. Does release ${target.number} work with it?`)) return;
  throw new OperatorError(message, {
    code: 'schema-changed',
    exitCode: exitCodes.checkFailed,
    next: 'horme rollback --accept-schema   (when the older release works with the newer schema)',
  });
}

/** With what a deploy may have migrated that was killed before the ledger had it. */
async function migratedSince(store: Store, ledger: Ledger, target: LedgerEntry, content: ReleaseContent) {
  const has = migrationsIn(ledger.entries, 'perhaps');
  const later = ledger.entries.filter(({ number }) => number > target.number && has.has(number));
  const since = later.map(async ({ number, kind, migrated }) => {
    // What another kind of entry has migrated is a killed deploy's, whose files nobody kept.
    const ran = kind === 'deploy' ? await readContent(store, number) : undefined;
    return { number, services: migrated.filter((name) => !sameMigrations(name, content, ran)) };
  });
  const next = nextNumber(ledger);
  const killed = await notedOf(store, next);
  return [...(await Promise.all(since)), { number: next, services: killed?.migrated ?? [] }];
}

/** Where the file says which SQL files a migration has, the same files change nothing. */
function sameMigrations(name: string, target: ReleaseContent, ran: ReleaseContent | undefined): boolean {
  const [older, newer] = [target, ran].map(
    (content) => content?.services.find((service) => service.name === name)?.migrationFiles ?? {},
  );
  return Object.keys(newer ?? {}).length > 0 && stableJson(older) === stableJson(newer);
}
