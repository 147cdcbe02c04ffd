import { isFailure } from '../failure.ts';
import { rounded } from '../moments.ts';
import type { KnownProof, Status } from './known.ts';

/** Of each repository: a failure in one is not pushed out by drills of another. */
const kept = 100;

/** What can't be looked at is a problem, and doesn't keep the rest from being looked at. Undefined then. */
export async function noting<T>(problems: string[], what: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!isFailure(error) || error.code === 'stopped') throw error;
    problems.push(`${what}${error.message}`);
    return undefined;
  }
}

/** Edits a status. */
export function addProof(known: Status, proof: KnownProof): void {
  const before = known.proofs ?? [];
  const others = before.filter(({ repository }) => repository !== proof.repository);
  const own = before.filter(({ repository }) => repository === proof.repository);
  known.proofs = [...others, ...[...own, proof].slice(-kept)];
}

/** By repository, in one history: what was proven before a restore says nothing of what came after it. Files have none. */
export function newestProofs(known: Status, stanza: string | null | undefined): Map<number, KnownProof> {
  const own = (known.proofs ?? []).filter((proof) => (stanzaOf(proof) ?? null) === (stanza ?? null));
  return new Map(own.map((proof) => [proof.repository, proof]));
}

const stanzaOf = (proof: KnownProof): string | undefined => ('stanza' in proof ? proof.stanza : undefined);

/**
 * How long a real restore would take, in seconds: it checks what answers before it gives it back. Proofs of before checks were
 * timed have no time of them.
 */
export function rtoSeconds(
  proof: Pick<KnownProof, 'seconds'> & { checkSeconds?: number | null | undefined },
): number | null {
  return (proof.seconds ?? null) === null ? null : rounded((proof.seconds ?? 0) + (proof.checkSeconds ?? 0));
}
