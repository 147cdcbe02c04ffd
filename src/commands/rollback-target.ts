import { OperatorError, exitCodes } from '../errors.ts';
import { restorable, wentBackFrom, type Ledger, type LedgerEntry } from '../release/ledger.ts';
import { commitText } from './release-text.ts';

/** The named release, else the last live one before the present, without those that a rollback has left. */
export function chosen(ledger: Ledger, wanted: string | undefined): LedgerEntry {
  const candidates = restorable(ledger);
  if (wanted !== undefined) {
    const found = candidates.find(({ number }) => number === contentOf(ledger, Number(wanted)));
    if (found) return found;
    throw unknown(`there is no release ${wanted} that was live`, 'horme releases');
  }
  const abandoned = wentBackFrom(ledger);
  const line = candidates.filter((entry) => !abandoned.includes(entry));
  const live = line.at(-1);
  const found = line.findLast(({ of, content }) => of !== live?.of && content !== live?.content);
  if (found) return found;
  const [bad] = abandoned.filter(({ kind }) => kind === 'deploy').slice(-1);
  const message = 'there is no earlier release to go back to';
  if (!bad) throw unknown(message, 'horme releases');
  throw unknown(
    `${message}: release ${bad.number} was rolled back`,
    `horme rollback ${bad.number}   (when it is wanted after all), or: horme deploy`,
  );
}

/** For a scaling, the release that was scaled. */
function contentOf({ entries }: Ledger, named: number): number {
  const entry = entries.find(({ number }) => number === named);
  return entry?.kind === 'scale' ? entry.of : named;
}

const unknown = (message: string, next: string) =>
  new OperatorError(message, { code: 'release-unknown', exitCode: exitCodes.usage, next });

/** Printed first, so that the operator notices a wrong number. */
export function targetText(target: LedgerEntry, live: LedgerEntry | undefined): string {
  const { number, at, by, commit } = target;
  const source = commit === undefined ? '' : `, commit ${commitText(target)}`;
  const from = live === undefined ? '' : `from release ${live.number} `;
  return `${from}back to release ${number}, live since ${at.slice(0, 16).replace('T', ' ')} UTC, by ${by}${source}`;
}
