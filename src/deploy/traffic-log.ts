import type { Counter } from '../traffic/balancers.ts';

/** Traffic of replicas since they got their HAProxy slots, or since the log began. */
export interface Tally {
  /** Requests that have ended, with any result. */
  ended: number;
  /** Of these: answered 5xx, or not at all. */
  failing: number;
  /** Requests in flight, summed over time: divided by those that ended it is the mean time of one (Little's law). */
  inFlightSeconds: number;
}

/** Notes older than this are dropped; seconds. */
const rememberSeconds = 120;

interface Counts {
  assigned: number;
  ended: number;
  answered: number;
  errors: number;
}

/**
 * A HAProxy slot while one replica has it. HAProxy's counters belong to the slot and go on when its replica changes.
 */
interface Tenure {
  name: string;
  base: Counts;
  last: Counts;
  inFlight: number;
  inFlightSeconds: number;
  at: number;
  notes: { at: number; assigned: number }[];
}

/** Turns repeated readings of HAProxy's counters into traffic per replica. */
export class TrafficLog {
  readonly #places = new Map<string, Tenure>();
  /** Tenures of replicas that no longer have their slot. */
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
    // The slot changed its replica between two readings: the difference is counted for the new one.
    if (former.name !== name) {
      this.#former.push(former);
      return tenure(name, former.last, now, inFlight, at);
    }
    // A reloaded HAProxy counts from zero: earlier counts are kept, without the requests that were in flight.
    const base = assigned < former.last.assigned ? restarted(former) : former.base;
    const notes = [
      ...former.notes.filter((note) => note.at > at - rememberSeconds),
      { at, assigned: assigned - base.assigned },
    ];
    const inFlightSeconds = former.inFlightSeconds + former.inFlight * (at - former.at);
    return { name, base, last: now, inFlight, inFlightSeconds, at, notes };
  }

  /** From here on these names belong to new replicas (recreated in place): earlier counts are dropped. */
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
   * Lower bound of the requests that have waited longer than `seconds` for an answer: those assigned before then, minus
   * all that were answered or ended since, as if every one of these had been assigned before.
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
