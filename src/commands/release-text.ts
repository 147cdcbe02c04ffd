import type { ReleaseService } from '../release/release.ts';
import type { Ledger, LedgerEntry } from '../release/ledger.ts';

/** Describes an entry with the number that `releases`, `status`, `rollback` and a deploy's last line all use. */
export function releaseText({ number, kind, of }: LedgerEntry): string {
  if (of === number) return `release ${number}`;
  return `release ${number} (${kind} ${kind === 'scale' ? 'of' : 'to'} ${of})`;
}

/** Marks a commit like `git describe --dirty` if the build had further changes. */
export const commitText = ({ commit, dirty }: Pick<LedgerEntry, 'commit' | 'dirty'>): string =>
  commit === undefined ? '-' : `${commit.slice(0, 8)}${dirty ? '+changes' : ''}`;

/** Text for the state after `horme down`: nothing runs, but there is a live release in the ledger. */
export function downText({ live }: Ledger, runs: boolean): string | undefined {
  if (!live || runs) return undefined;
  return `nothing runs; ${releaseText(live)} was live before: horme deploy (what the files say), or: horme rollback ${live.number} (as it was)`;
}

/** Text for a routed service that is scaled to 0, so that its users are not served. */
export const silenceOf = ({
  name,
  replicas,
  routes,
}: Pick<ReleaseService, 'name' | 'replicas' | 'routes'>): string[] =>
  replicas > 0 || routes.length === 0
    ? []
    : [`${name} is scaled to 0, its addresses answer 503: horme scale ${name}=1, or as many as it needs`];
