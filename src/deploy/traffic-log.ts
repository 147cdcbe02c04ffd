import type { Counter } from '../traffic/balancers.ts';

/** What replicas did since they got their places at HAProxy, or since the log began. */
export interface Tally {
  /** Requests that are over, whatever came of them. */
  ended: number;
  /** Of these: answered 5xx, or not at all. */
  failing: number;
  /** Requests in flight, summed over time: divided by those that ended it is the mean time of one (Little's law). */
  inFlightSeconds: number;
}

/** Older notes say nothing that a newer one does not; seconds. */
const rememberSeconds = 120;

interface Counts {
  assigned: number;
  ended: number;
  answered: number;
  errors: number;
}

/** A place at HAProxy while one replica has it. HAProxy counts for the place, whoever had it before. */
interface Tenure {
  name: string;
  base: Counts;
  last: Counts;
  inFlight: number;
  inFlightSeconds: number;
  at: number;
  notes: { at: number; assigned: number }[];
}

/** HAProxy's counters read again and again, and told apart by replica. */
export class TrafficLog {
  readonly #places = new Map<string, Tenure>();
  /** Of replicas that gave their place back. */
  #former: Tenure[] = [];
  #at = 0;

  /** `at`: seconds of any clock that only goes forward. */
  note(counters: Counter[], at: number): void {
    this.#at = at;
    for (const counter of counters) this.#places.set(counter.place, this.#next(counter, at));
  }

  #next({ place, name, assigned, ended, answered, errors, inFlight }: Counter, at: number): Tenure {
    const now: Counts = { assigned, ended, answered, errors };
    const former = this.#places.get(place);
    if (!former) return tenure(name, now, now, inFlight, at);
    // Between two looks the place changed hands: what was counted since the last look is the new one's.
    if (former.name !== name) {
      this.#former.push(former);
      return tenure(name, former.last, now, inFlight, at);
    }
    // A HAProxy that was reloaded counts from nothing: what was seen until then is kept, but for what was in flight.
    const base = assigned < former.last.assigned ? restarted(former) : former.base;
    const notes = [
      ...former.notes.filter((note) => note.at > at - rememberSeconds),
      { at, assigned: assigned - base.assigned },
    ];
    const inFlightSeconds = former.inFlightSeconds + former.inFlight * (at - former.at);
    return { name, base, last: now, inFlight, inFlightSeconds, at, notes };
  }

  /** From here on these names are others, as those of successors in place: what was counted until now is not theirs. */
  forget(names: string[]): void {
    this.#former = this.#former.filter(({ name }) => !names.includes(name));
    for (const [place, { name, last, inFlight, at }] of this.#places)
      if (names.includes(name)) this.#places.set(place, tenure(name, last, last, inFlight, at));
  }

  tally(names: string[]): Tally {
    const sum: Tally = { ended: 0, failing: 0, inFlightSeconds: 0 };
    for (const { base, last, inFlightSeconds } of this.#of(names)) {
      const { ended, answered, errors } = minus(last, base);
      sum.ended += ended;
      sum.failing += errors + Math.max(0, ended - answered);
      sum.inFlightSeconds += inFlightSeconds;
    }
    return sum;
  }

  /**
   * Requests that have waited longer than this for an answer to begin, at the least: of those assigned before, as many as were
   * neither answered nor ended since, were all of these among them.
   */
  waiting(names: string[], seconds: number): number {
    const now = [...this.#places.values()].filter(({ name, at }) => names.includes(name) && at === this.#at);
    return now.reduce((sum, { notes, last, base, at }) => {
      const then = notes.findLast((note) => note.at <= at - seconds)?.assigned ?? 0;
      const { ended, answered } = minus(last, base);
      return sum + Math.max(0, then - Math.max(ended, answered));
    }, 0);
  }

  #of(names: string[]): Tenure[] {
    return [...this.#former, ...this.#places.values()].filter(({ name }) => names.includes(name));
  }
}

const minus = (a: Counts, b: Counts): Counts => ({
  assigned: a.assigned - b.assigned,
  ended: a.ended - b.ended,
  answered: a.answered - b.answered,
  errors: a.errors - b.errors,
});

function restarted({ base, last, inFlight }: Tenure): Counts {
  const kept = minus(base, last);
  return { ...kept, assigned: kept.assigned + inFlight };
}

const tenure = (name: string, base: Counts, last: Counts, inFlight: number, at: number): Tenure => ({
  ...{ name, base, last, inFlight, at, inFlightSeconds: 0 },
  notes: [{ at, assigned: last.assigned - base.assigned }],
});
