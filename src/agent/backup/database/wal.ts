/**
 * Names of WAL files, and what is missing between them. Pure.
 *
 * A name has three numbers of eight hexadecimal digits: the timeline, and two that count on together.
 */

/** initdb's default, which the platform's clusters have; a "log" of 4 GiB has 256 of them. */
const segmentBytes = 16n * 1024n * 1024n;
const segmentsPerLog = 256;

/** In a repository: 17-1/0000000100000000/000000010000000000000003-<checksum>.zst */
const archivedFile = /(?:^|\/)(\d+-(\d+))\/[0-9A-F]{16}\/([0-9A-F]{24})-[0-9a-f]{40}(?:\.\w+)?$/;

export interface Segment {
  timeline: number;
  /** Counted from the beginning of the cluster, over all logs. */
  position: number;
}

/** What is missing, both ends included. */
export interface Gap {
  first: Segment;
  last: Segment;
}

export function nameOf({ timeline, position }: Segment): string {
  const numbers = [timeline, Math.floor(position / segmentsPerLog), position % segmentsPerLog];
  return numbers.map((number) => number.toString(16).toUpperCase().padStart(8, '0')).join('');
}

export function gapText({ first, last }: Gap): string {
  return compare(first, last) === 0 ? nameOf(first) : `${nameOf(first)} to ${nameOf(last)}`;
}

export function parse(name: string): Segment {
  const [timeline, log, number] = [0, 8, 16].map((from) => parseInt(name.slice(from, from + 8), 16)) as [
    number,
    number,
    number,
  ];
  return { timeline, position: log * segmentsPerLog + number };
}

/** As they are sorted: a later timeline is after all of an earlier one. */
export function compare(one: Segment, other: Segment): number {
  return one.timeline - other.timeline || one.position - other.position;
}

export function newestOf<S extends Segment>(segments: readonly S[]): S | undefined {
  return segments.reduce<S | undefined>((most, one) => (most && compare(most, one) >= 0 ? most : one), undefined);
}

/** The segments of a listing, each with its path. A repository has one folder a system; the newest counts. */
export function archived(paths: Iterable<string>): (Segment & { path: string })[] {
  const systems = new Map<string, Map<string, string>>();
  let newest: { system: string; number: number } | undefined;
  for (const path of paths) {
    const [, system, number, name] = archivedFile.exec(path) ?? [];
    if (system === undefined || name === undefined) continue;
    systems.set(system, (systems.get(system) ?? new Map<string, string>()).set(name, path));
    if (newest === undefined || Number(number) > newest.number) newest = { system, number: Number(number) };
  }
  const found = systems.get(newest?.system ?? '') ?? new Map<string, string>();
  return [...found].map(([name, path]) => ({ ...parse(name), path }));
}

/**
 * Holes from `start` on: within a timeline, and between one and the next, which begins in the middle of a segment of its
 * parent or right behind it.
 */
export function gaps(segments: readonly Segment[], start: Segment): Gap[] {
  const found: Gap[] = [];
  let expected = start.position;
  for (const { timeline, position } of [...segments].sort(compare)) {
    if (position < start.position || timeline < start.timeline) continue;
    if (position > expected) {
      found.push({ first: { timeline, position: expected }, last: { timeline, position: position - 1 } });
    }
    expected = position + 1;
  }
  return found;
}

/** The last that can be replayed before a gap: the timeline may change within the gap. */
export function before<S extends Segment>({ first }: Gap, segments: readonly S[]): S | undefined {
  return newestOf(segments.filter((one) => compare(one, first) < 0 && one.position < first.position));
}

/** The segment of the last byte before an LSN: one at a border belongs to the segment that it ends. */
export function containing(timeline: number, lsn: string): Segment {
  const [high, low] = lsn.split('/').map((half) => BigInt(`0x${half}`)) as [bigint, bigint];
  return { timeline, position: Number(((high << 32n) + low - 1n) / segmentBytes) };
}
