import type { Counter } from '../edge/balancers.ts';

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
  good: number;
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
  readonly #former: Tenure[] = [];

  /** `at`: seconds of any clock that only goes forward. */
  note(counters: Counter[], at: number): void {
    for (const counter of counters) this.#places.set(counter.place, this.#next(counter, at));
  }

  #next({ place, name, assigned, ended, good, inFlight }: Counter, at: number): Tenure {
    const now: Counts = { assigned, ended, good };
    const former = this.#places.get(place);
    if (!former) return tenure(name, now, now, inFlight, at);
    // Between two looks the place changed hands: what was counted since the last look is the new one's.
    if (former.name !== name) {
      this.#former.push(former);
      return tenure(name, former.last, now, inFlight, at);
    }
    // A HAProxy that was reloaded counts from nothing: what was seen until then is kept.
    const base = assigned < former.last.assigned ? minus(former.base, former.last) : former.base;
    const notes = [
      ...former.notes.filter((note) => note.at > at - rememberSeconds),
      { at, assigned: assigned - base.assigned },
    ];
    const inFlightSeconds = former.inFlightSeconds + former.inFlight * (at - former.at);
    return { name, base, last: now, inFlight, inFlightSeconds, at, notes };
  }

  tally(names: string[]): Tally {
    const sum: Tally = { ended: 0, failing: 0, inFlightSeconds: 0 };
    for (const { base, last, inFlightSeconds } of this.#of(names)) {
      const { ended, good } = minus(last, base);
      sum.ended += ended;
      sum.failing += Math.max(0, ended - good);
      sum.inFlightSeconds += inFlightSeconds;
    }
    return sum;
  }

  /**
   * Requests that have waited longer than this for an answer, at the least: of those assigned before, as many as have not
   * ended since, were all the ended ones of them.
   */
  waiting(names: string[], seconds: number): number {
    const now = [...this.#places.values()].filter(({ name }) => names.includes(name));
    return now.reduce((sum, { notes, last, base, at }) => {
      const then = notes.findLast((note) => note.at <= at - seconds)?.assigned ?? 0;
      return sum + Math.max(0, then - (last.ended - base.ended));
    }, 0);
  }

  #of(names: string[]): Tenure[] {
    return [...this.#former, ...this.#places.values()].filter(({ name }) => names.includes(name));
  }
}

const minus = (a: Counts, b: Counts): Counts => ({
  assigned: a.assigned - b.assigned,
  ended: a.ended - b.ended,
  good: a.good - b.good,
});

const tenure = (name: string, base: Counts, last: Counts, inFlight: number, at: number): Tenure => ({
  ...{ name, base, last, inFlight, at, inFlightSeconds: 0 },
  notes: [{ at, assigned: last.assigned - base.assigned }],
});
