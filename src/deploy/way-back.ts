import { OperatorError, exitCodes } from '../errors.ts';
import type { Outcome } from '../release/ledger.ts';
import { presentOf } from '../release/present.ts';
import type { ReleaseContent } from '../release/release.ts';
import { changedVault } from '../release/open-vault.ts';
import type { Vault } from '../release/vault.ts';
import type { Session } from './session.ts';
import type { Context } from './context.ts';
import { execute } from './execute.ts';
import { keepLogs } from './kept-logs.ts';
import { lookAgain } from './look-again.ts';
import type { DeployResult } from './options.ts';
import { plan } from './plan.ts';
import { putBackAll } from './put-back.ts';
import { record } from './record.ts';
import type { Run } from './run.ts';
import { standing } from './standing.ts';

/** Rolls back after a failed step: plans the previous release as the wanted one, and executes that. */
export async function goBack(run: Run, error: unknown): Promise<DeployResult> {
  const { emit } = run.session;
  const reason = error instanceof Error ? error.message : String(error);
  const failure = error instanceof OperatorError ? error : undefined;
  if (!failure) emit({ kind: 'warning', text: `a bug in Horme ended this step: ${stackOf(error)}` });
  const { former } = run.wanted;
  if (former) await putBackAll(run.context, former, await lookAgain(run.context));
  const kept = former ? await keptLogs(run) : [];
  const outcome = former ? await restore(run, former) : 'failed';
  if (!former) emit({ kind: 'warning', text: 'nothing was live before; what was started is left for you to look at' });
  const exitCode = outcome === 'rolled-back' ? exitCodes.rolledBack : exitCodes.rolledBackInPart;
  return {
    ...(await record(run, outcome, reason)),
    exitCode,
    reason,
    failure: failure && naming(failure, kept, run.context),
  };
}

/** A failure to save the logs must not stop the rollback. */
async function keptLogs({ context, session }: Run): Promise<string[]> {
  return keepLogs(context).catch((error: unknown) => {
    session.emit({ kind: 'warning', text: `what the replicas printed is lost: ${stackOf(error)}` });
    return [];
  });
}

/**
 * The failure points to `horme logs SERVICE`, but those replicas are gone: points to the logs kept for the release
 * instead.
 */
function naming(failure: OperatorError, kept: string[], { releaseNumber }: Context): OperatorError {
  const service = kept.find((name) => failure.next === `horme logs ${name}`);
  if (service === undefined) return failure;
  const { message, code, exitCode, lastSeen, cause } = failure;
  const next = `horme logs ${service} --release ${releaseNumber}`;
  return new OperatorError(message, { code, exitCode, next, cause, ...(lastSeen !== undefined && { lastSeen }) });
}

const stackOf = (error: unknown) => (error instanceof Error ? (error.stack ?? error.message) : String(error));

/**
 * Drops secrets that were begun for this run in vain, such as a backup history for data that was never swapped in. The
 * rollback then changes nothing that still runs.
 */
export async function givenUp(
  { parts }: Session,
  { store, vault, otherData }: Context,
  former: ReleaseContent,
): Promise<Vault> {
  if (otherData.begun) return vault;
  return changedVault(store, vault, parts, (secrets, section) => secrets.givenUp?.(section, former));
}

async function restore({ session, context, times, boundary }: Run, before: ReleaseContent): Promise<Outcome> {
  session.emit({ kind: 'note', text: 'going back to the release before' });
  const former = presentOf(before, await givenUp(session, context, before), session.parts);
  const back: Context = { ...context, content: former, guard: undefined };
  const options = {
    migrate: false,
    watchSeconds: 0,
    majorUpgrade: false,
    swap: undefined,
    only: undefined,
    former: context.content.services,
  };
  try {
    await execute(back, plan(former, await lookAgain(context), options, session.parts), times, boundary);
    return 'rolled-back';
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const text = `going back failed too: ${why}\n${standing(await lookAgain(context), context.content)}`;
    session.emit({ kind: 'warning', text });
    return 'rolled-back-in-part';
  }
}
