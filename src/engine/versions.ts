/** Major and minor. */
type Version = readonly [number, number];

interface Range {
  /** Versions below this one are refused. */
  oldest: Version;
  /** Tested versions: `bin/test` uses the first, `bin/test --engine modern` the last. */
  tested: readonly [Version, Version];
}

/** The only place of these numbers; a test compares docs/getting-started.md with them. */
export const versions: Record<'Docker Engine' | 'Docker Compose', Range> = {
  'Docker Engine': {
    oldest: [20, 10],
    tested: [
      [20, 10],
      [28, 5],
    ],
  },
  'Docker Compose': {
    // `develop`, `include` with lists and `env_file.required` are read since this version.
    oldest: [2, 24],
    tested: [
      [2, 26],
      [2, 40],
    ],
  },
};

type Program = keyof typeof versions;

/** Parses `20.10.24+dfsg1` or `v2.40.3-desktop.1`; undefined if it is no version. */
export function versionOf(text: string): Version | undefined {
  const [, major, minor] = /(\d+)\.(\d+)/.exec(text) ?? [];
  return major === undefined ? undefined : [Number(major), Number(minor)];
}

export const isOlder = (one: Version, other: Version) =>
  one[0] < other[0] || (one[0] === other[0] && one[1] < other[1]);

export const shown = (version: Version) => version.join('.');

export const testedRange = (program: Program) => versions[program].tested.map(shown).join(' to ');

/** Warning for a version outside the tested range; undefined if it was tested. */
export function untested(program: Program, text: string): string | undefined {
  const version = versionOf(text);
  const [from, to] = versions[program].tested;
  if (version === undefined) return `${program} calls itself "${text}": Horme is tested with ${testedRange(program)}`;
  if (!isOlder(version, from) && !isOlder(to, version)) return undefined;
  const how = isOlder(to, version) ? 'newer' : 'older';
  return `${program} ${text} is ${how} than those that Horme is tested with, ${testedRange(program)}`;
}
