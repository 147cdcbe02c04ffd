import { createRequire } from 'node:module';
import { devNull } from 'node:os';
import { join, relative, sep } from 'node:path';
import * as z from 'zod';
import { DeadlineExceeded, ProgramMissing, findProgram, isExecutable, run } from '../../engine/process.ts';
import { pendingMigrations, readMigrations } from '../../release/migration-files.ts';
import type { ReleaseContent } from '../../release/release.ts';
import type { Stack } from '../../stack/stack.ts';
import { readRegular } from '../../stack/regular-file.ts';

/** A hazard of a migration for concurrent users of the database, as squawk derives it from the SQL. */
export interface MigrationFinding {
  /** Relative to the project. */
  file: string;
  /** Counted from 1. */
  line: number;
  rule: string;
  message: string;
  /** What to do instead; undefined if neither squawk nor Horme has advice. */
  help: string | undefined;
  level: 'error' | 'warning';
}

export type LintResult =
  | { outcome: 'linted'; findings: MigrationFinding[] }
  /** Nothing was linted: squawk is missing or does not run on this machine. */
  | { outcome: 'not-run'; reason: string }
  | { outcome: 'failed'; lastWords: string };

export type ServiceLint = { service: string; pending: string[] } & LintResult;

export interface LintOptions {
  /** The project's folder. squawk runs in it, so that file names are relative to it and its `.squawk.toml` applies. */
  directory: string;
  /** Relative to the directory. */
  files: string[];
  /** The executable; undefined: there is none. */
  squawk: string | undefined;
  signal: AbortSignal;
}

/** Generous: 300 files take 0.1 s. */
const deadlineSeconds = 30;
const ownConfiguration = '.squawk.toml';
const notInstalled = 'squawk is not installed; to have it: npm install --save-dev squawk-cli';

/**
 * Rules about style, and about timeouts that the migrations' login sets already. They are filtered from squawk's
 * output: `--exclude` would override the `excluded_rules` of the user's file, and fails if squawk doesn't know a rule.
 */
const notHazards = new Set([
  'ban-char-field',
  'prefer-bigint-over-int',
  'prefer-bigint-over-smallint',
  'prefer-identity',
  'prefer-robust-stmts',
  'prefer-text-field',
  'prefer-timestamp-tz',
  'require-enum-value-ordering',
  'require-lock-timeout',
  'require-statement-timeout',
  'require-timeout-settings',
]);

/** Advice where squawk has none. The previous release runs on the new schema until the rollout is over. */
const advice: Record<string, string> = {
  'ban-drop-column': 'Let one release stop using it, and the next one drop it',
  'ban-drop-table': 'Let one release stop using it, and the next one drop it',
  'ban-drop-not-null': 'Let one release learn to read nulls before the next one allows them',
  'changing-column-type': 'Add a column of the new type, copy in small steps, switch over in the next release',
  'renaming-column': 'Add the new column, write both, drop the old one in a later release',
  'renaming-table': 'Leave a view with the old name until a later release',
};

/** Lints the SQL files that each service's next release would run. */
export async function lintServices(
  { services, directory }: Pick<Stack, 'services' | 'directory'>,
  live: ReleaseContent | undefined,
  signal: AbortSignal,
): Promise<ServiceLint[]> {
  const squawk = await findSquawk(directory);
  const lints = services.map(async ({ name: service, migrations }): Promise<ServiceLint[]> => {
    if (migrations === undefined) return [];
    const known = live?.services.find(({ name }) => name === service)?.migrationFiles ?? {};
    const names = pendingMigrations(await readMigrations(migrations), known);
    const pending = names.map((name) => relative(directory, join(migrations, name)).replaceAll(sep, '/'));
    return [{ service, pending, ...(await lintMigrations({ directory, files: pending, squawk, signal })) }];
  });
  return (await Promise.all(lints)).flat();
}

/** Looks for squawk like squawk-cli's launcher, in the project and then beside Horme; then on the PATH. */
export async function findSquawk(
  directory: string,
  own: string = import.meta.url,
  path: string = process.env['PATH'] ?? '',
): Promise<string | undefined> {
  const name = process.platform === 'win32' ? 'squawk.exe' : 'squawk';
  for (const place of [join(directory, 'package.json'), own]) {
    const found = resolved(place, `@squawk-cli/${process.platform}-${process.arch}/bin/${name}`);
    if (found !== undefined && (await isExecutable(found))) return found;
  }
  return findProgram(name, path);
}

/** Resolved from squawk-cli's folder: with pnpm the platform's package is visible only from there. */
function resolved(place: string, program: string): string | undefined {
  try {
    return createRequire(createRequire(place).resolve('squawk-cli/package.json')).resolve(program);
  } catch {
    return undefined;
  }
}

export async function lintMigrations({ directory, files, squawk, signal }: LintOptions): Promise<LintResult> {
  if (files.length === 0) return { outcome: 'linted', findings: [] };
  if (squawk === undefined) return { outcome: 'not-run', reason: notInstalled };
  const own = (await readRegular(join(directory, ownConfiguration)).catch(() => undefined))?.toString('utf8');
  const env = { ...process.env, RUST_BACKTRACE: '0' };
  const options = { cwd: directory, env, deadlineSeconds, signal };
  try {
    const { stdout, stderr, exitCode } = await run(squawkArgv(squawk, files, own), options);
    const findings = findingsIn(stdout);
    if (findings) return { outcome: 'linted', findings };
    return { outcome: 'failed', lastWords: stderr.trim().slice(-500) || `exit code ${exitCode} without a word` };
  } catch (error) {
    // The binaries need glibc: on Alpine, npm installs one that can't start.
    if (error instanceof ProgramMissing) return { outcome: 'not-run', reason: `this machine can't start ${squawk}` };
    if (error instanceof DeadlineExceeded) return { outcome: 'failed', lastWords: error.message };
    throw error;
  }
}

/**
 * A flag would override the project's file, so it is only passed for keys that the file lacks. Files above the project
 * are ignored.
 */
export function squawkArgv(program: string, files: string[], own: string | undefined): string[] {
  const says = (key: string) => own !== undefined && new RegExp(`^\\s*${key}\\s*=`, 'm').test(own);
  return [
    program,
    '--reporter=Json',
    `--config=${own === undefined ? devNull : ownConfiguration}`,
    ...(says('pg_version') ? [] : ['--pg-version=17.0']),
    ...(says('assume_in_transaction') ? [] : ['--assume-in-transaction']),
    ...(says('excluded_paths') ? ['--no-error-on-unmatched-pattern'] : []),
    '--',
    // Arguments are glob patterns: a name with special characters would match nothing and be skipped silently.
    ...files.map((file) => file.replace(/[[*?]/g, '[$&]')),
  ];
}

const violations = z.array(
  z.object({
    file: z.string(),
    line: z.int(),
    level: z.string(),
    message: z.string(),
    help: z.string().nullish(),
    rule_name: z.string(),
  }),
);

/** Undefined if the output is not squawk's. */
function findingsIn(stdout: string): MigrationFinding[] | undefined {
  const parsed = violations.safeParse(jsonIn(stdout));
  if (!parsed.success) return undefined;
  const findings = new Map<string, MigrationFinding>();
  for (const { file, line, level, message, help, rule_name: rule } of parsed.data) {
    // One finding per line and rule: the parser reports one mistake many times.
    const key = `${file}:${line}:${rule}`;
    if (notHazards.has(rule) || findings.has(key)) continue;
    const kind = level === 'Error' ? 'error' : 'warning';
    findings.set(key, { file, line: line + 1, rule, message, help: help ?? advice[rule], level: kind });
  }
  return [...findings.values()];
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `api/migrations/003.sql:4: what it blocks — what to do instead (squawk: rule)` */
export function findingText({ file, line, message, help, rule }: MigrationFinding): string {
  const sentences = [message, help].filter((text) => text !== undefined).map((text) => text.replace(/\.$/, ''));
  return `${file}:${line}: ${sentences.join(' — ')} (squawk: ${rule})`;
}
