import { userInfo } from 'node:os';
import { exitCodes } from '../errors.ts';
import { notedOf } from '../release/begun.ts';
import { appendEntry, nextNumber, type Outcome } from '../release/ledger.ts';
import { migrationsDue, type DueMigration } from '../release/migrations.ts';
import { prune } from '../release/prune.ts';
import { readApplied, writeApplied, type Applied } from '../release/settings.ts';
import type { Store } from '../release/store.ts';
import { keepsImages, type DeployResult } from './options.ts';
import type { Proof } from '../proof.ts';
import type { Run } from './run.ts';

/** Writes the ledger entry, prunes what no kept release needs, and reports the result. */
export async function record(run: Run, outcome: Outcome, reason: string | undefined): Promise<DeployResult> {
  const { session, context, wanted, options, times } = run;
  const { content, store, engine } = context;
  const proof = await run.proof.stop();
  const [{ now }, applied] = await Promise.all([engine.info(), readApplied(store)]);
  const noted = context.migrated.length > 0 ? await notedOf(store, nextNumber(wanted.ledger)) : undefined;
  // Scaling changes the number of replicas, not the release: the entry keeps pointing at the same release.
  const of = options.kind === 'scale' ? wanted.ledger.live?.of : options.of;
  const entry = await appendEntry(
    store,
    wanted.ledger,
    {
      kind: options.kind,
      outcome,
      ...(of !== undefined && { of }),
      begunAt: run.begunAt,
      restoredTo: applied.restoredTo === '' ? undefined : applied.restoredTo,
      at: now.toISOString(),
      by: userInfo().username,
      ...(keptSource(run) ?? (await run.source)),
      images: Object.fromEntries(content.services.map(({ name, image, imageId }) => [name, `${image}@${imageId}`])),
      secretVolumes: content.secretVolumes,
      migrated: context.migrated,
      ...(noted?.files && { migrationFiles: noted.files }),
      steps: times,
      proof,
      reason,
    },
    content,
  );
  const current = outcome === 'live' ? content : (wanted.former ?? content);
  const ledger = { entries: [...wanted.ledger.entries, entry], live: outcome === 'live' ? entry : wanted.ledger.live };
  await noteDue(store, applied, migrationsDue(ledger, current.services));
  await prune({ engine, store, ledger, project: content.project, current });
  const users = current.services.filter(({ owner }) => owner === 'user');
  const replicas = users.reduce((sum, service) => sum + service.replicas, 0);
  if (outcome === 'live') session.emit({ kind: 'proof', proof, release: entry.number, replicas });
  const warning = outcome === 'live' ? lossText(proof) : undefined;
  if (warning !== undefined) session.emit({ kind: 'warning', text: warning });
  const { done } = exitCodes;
  return {
    exitCode: done,
    outcome,
    changed: true,
    release: entry.number,
    proof,
    warning,
    steps: times,
    reason,
    failure: undefined,
  };
}

/** A warning for requests that failed during the rollout, so that they are not just one figure among others. */
function lossText({ requests, failed, failures }: Proof): string | undefined {
  if (failed === 0) return undefined;
  const [first] = failures ?? [];
  const example = first ? `, the first ${first.secondsIn} s in: ${first.url} ${first.reason}` : '';
  return `${failed} of the prober's ${requests} requests failed while this release took over${example}`;
}

/**
 * Notes which migrations the data lacks after this entry: a restore may have undone some, a deploy may have rerun them.
 */
async function noteDue(store: Store, applied: Applied, due: DueMigration[]): Promise<void> {
  if (applied.restoredTo === '' && applied.migrationsDue.length === 0 && due.length === 0) return;
  await writeApplied(store, { ...applied, restoredTo: '', migrationsDue: due });
}

/** The commit of the release whose images are reused: the folder in which the command runs says nothing about them. */
function keptSource({ wanted: { ledger }, options }: Run): Awaited<Run['source']> | undefined {
  if (!keepsImages(options)) return undefined;
  const of = options.of ?? ledger.live?.of;
  const kept = ledger.entries.find(({ number }) => number === of);
  return { commit: kept?.commit, folder: kept?.folder, ...(kept?.dirty && { dirty: true as const }) };
}
