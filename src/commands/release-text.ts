import type { ReleaseService } from '../release/release.ts';
import type { Ledger, LedgerEntry } from '../release/ledger.ts';

/** What an entry is, by the one number that `releases`, `status`, `rollback` and the deploy's own last line have for it. */
export function releaseText({ number, kind, of }: LedgerEntry): string {
  if (of === number) return `release ${number}`;
  return `release ${number} (${kind} ${kind === 'scale' ? 'of' : 'to'} ${of})`;
}

/** As git's own `--dirty` has it: what was built is not the commit alone. */
export const commitText = ({ commit, dirty }: Pick<LedgerEntry, 'commit' | 'dirty'>): string =>
  commit === undefined ? '-' : `${commit.slice(0, 8)}${dirty ? '+changes' : ''}`;

/** After `horme down` the ledger goes on, and nothing runs: no fault of any service, and no first deploy either. */
export function downText({ live }: Ledger, runs: boolean): string | undefined {
  if (!live || runs) return undefined;
  return `nothing runs; ${releaseText(live)} was live before: horme deploy (what the files say), or: horme rollback ${live.number} (as it was)`;
}

/** As many as are wanted run, and nobody is served. */
export const silenceOf = ({
  name,
  replicas,
  routes,
}: Pick<ReleaseService, 'name' | 'replicas' | 'routes'>): string[] =>
  replicas > 0 || routes.length === 0
    ? []
    : [`${name} is scaled to 0, its addresses answer 503: horme scale ${name}=1, or as many as it needs`];
