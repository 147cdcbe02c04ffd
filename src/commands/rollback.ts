import { deploy, deployDefaults } from '../deploy/deploy.ts';
import { labels } from '../engine/labels.ts';
import { OperatorError, exitCodes, type ExitCode } from '../errors.ts';
import { readContent, readLedger, type Ledger, type LedgerEntry } from '../release/ledger.ts';
import type { ReleaseContent } from '../release/release.ts';
import { Store } from '../release/store.ts';
import { openSession, type Session } from '../session.ts';
import type { CommandContext } from './command.ts';
import { report, waitOf } from './deploy.ts';

export async function run(context: CommandContext): Promise<ExitCode> {
  const session = await openSession(context);
  const { engine, stack } = session;
  const store = Store.existing(
    engine,
    await engine.containers({ [labels.project]: stack.project, [labels.role]: 'store' }),
  );
  const ledger = await readLedger(store);
  const target = chosen(ledger, context.arguments[0]);
  const content = store && (await readContent(store, target.number));
  if (!content) throw noContent(target.number);
  await checkImages(session, content, target.number);
  if (context.flags.acceptSchema !== true)
    refuseOverMigration(content, store && ledger.live && (await readContent(store, ledger.live.number)));
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
function chosen({ entries, live }: Ledger, wanted: string | undefined): LedgerEntry {
  const candidates = entries.filter(({ outcome }) => outcome === 'live');
  const found =
    wanted === undefined
      ? candidates.findLast(({ of }) => of !== live?.of)
      : candidates.find(({ number }) => number === Number(wanted));
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

function noContent(number: number): OperatorError {
  return new OperatorError(`what release ${number} was made of is not stored any more`, {
    code: 'release-content',
    exitCode: exitCodes.checkFailed,
    next: 'horme releases',
  });
}

async function checkImages({ engine }: Session, content: ReleaseContent, number: number): Promise<void> {
  const found = await Promise.all(
    content.services.map(async ({ name, image }) => ((await engine.image(image)) ? undefined : name)),
  );
  const missing = found.filter((name) => name !== undefined);
  if (missing.length === 0) return;
  throw new OperatorError(
    `release ${number} can't be restored whole: the images of ${missing.join(', ')} are not on the engine any more`,
    {
      code: 'image-missing',
      exitCode: exitCodes.checkFailed,
      next: 'check out its commit (horme releases shows it), then: horme deploy',
    },
  );
}

/** A migration is never undone: the older release must be able to work with the newer schema, and someone must say so. */
function refuseOverMigration(target: ReleaseContent, live: ReleaseContent | undefined): void {
  const migrated = live?.services.filter((service) => {
    const older = target.services.find(({ name }) => name === service.name);
    return service.migrate !== undefined && older?.imageId !== service.imageId;
  });
  if (!migrated || migrated.length === 0) return;
  throw new OperatorError(
    `${migrated.map(({ name }) => name).join(', ')} may have migrated the database since; the schema stays as it is`,
    {
      code: 'schema-changed',
      exitCode: exitCodes.checkFailed,
      next: 'horme rollback --accept-schema   (when the older release works with the newer schema)',
    },
  );
}
