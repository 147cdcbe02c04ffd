import { findStore } from '../deploy/state.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import { count, duration, milliseconds, table } from '../output/format.ts';
import { readLedger, verifyLedger, type LedgerEntry } from '../release/ledger.ts';
import { labels } from '../engine/labels.ts';
import { openSession } from '../command/session.ts';
import type { CommandContext } from '../command/context.ts';
import { commitText, downText } from './release-text.ts';

const columns = ['release', 'what', 'outcome', 'when', 'by', 'commit', 'requests, failed, p99', 'took'].map(
  (title) => ({ title }),
);

export async function run(context: CommandContext): Promise<void> {
  const session = await openSession(context);
  const { engine, stack } = session;
  const store = await findStore(session);
  const ledger = await readLedger(store);
  const problems = context.flags.verify && store ? await verifyLedger(store, ledger) : undefined;
  if (problems && problems.length > 0) throw broken(problems);
  const rows = ledger.entries.map((entry) => rowOf(entry, ledger.live?.number));
  context.print(rows.length === 0 ? 'no release yet' : table(columns, rows));
  const containers = await engine.containers({ [labels.project]: stack.project });
  const runs = containers.some(({ state, labels: own }) => state === 'running' && own[labels.role] === undefined);
  const down = downText(ledger, runs);
  if (down !== undefined) context.print(`\n${down}`);
  if (problems) context.print(`${ledger.entries.length} entries, the chain of hashes holds`);
  context.result({
    schema: 'horme.releases/1',
    project: stack.project,
    live: ledger.live?.number,
    releases: ledger.entries,
    ...(problems && { verified: true }),
  });
}

function rowOf(entry: LedgerEntry, live: number | undefined): string[] {
  const { number, kind, of, outcome, at, by, proof } = entry;
  const measured =
    proof && proof.requests > 0
      ? `${count(proof.requests)}, ${proof.failed}, ${milliseconds(proof.p99Milliseconds)}`
      : '-';
  return [
    `${number}${number === live ? ' ←' : ''}`,
    of === number ? kind : `${kind} ${kind === 'scale' ? 'of' : 'to'} ${of}`,
    outcome,
    at.slice(0, 16).replace('T', ' '),
    by,
    commitText(entry),
    measured,
    proof ? duration(proof.wallSeconds) : '-',
  ];
}

function broken(problems: string[]): OperatorError {
  return new OperatorError('the ledger is not what was written', {
    code: 'ledger-broken',
    exitCode: exitCodes.checkFailed,
    lastSeen: problems.join('\n'),
    next: 'find out who wrote to the state volume; horme deploy goes on from what runs',
  });
}
