import { createRequire } from 'node:module';
import { devNull } from 'node:os';
import { join, relative, sep } from 'node:path';
import * as z from 'zod';
import { DeadlineExceeded, ProgramMissing, findProgram, isExecutable, run } from '../../engine/process.ts';
import { pendingMigrations, readMigrations } from '../../release/migration-files.ts';
import type { ReleaseContent } from '../../release/release.ts';
import type { Stack } from '../../stack/stack.ts';
import { readRegular } from '../../stack/regular-file.ts';

/** What a migration would do to those who use the database meanwhile, as squawk sees it from the SQL alone. */
export interface MigrationFinding {
  /** Relative to the project. */
  file: string;
  /** Counted from 1. */
  line: number;
  rule: string;
  message: string;
  /** What to do instead; undefined where nobody knows. */
  help: string | undefined;
  level: 'error' | 'warning';
}

export type LintResult =
  | { outcome: 'linted'; findings: MigrationFinding[] }
  /** Nothing was looked at: squawk is not here, or not for this machine. */
  | { outcome: 'not-run'; reason: string }
  | { outcome: 'failed'; lastWords: string };

export type ServiceLint = { service: string; pending: string[] } & LintResult;

export interface LintOptions {
  /** The project's. squawk runs in it, so that it names files relative to it; its `.squawk.toml` counts. */
  directory: string;
  /** Relative to the directory. */
  files: string[];
  /** The executable; undefined: there is none. */
  squawk: string | undefined;
  signal: AbortSignal;
}

/** 300 files take 0.1 s. */
const deadlineSeconds = 30;
const ownConfiguration = '.squawk.toml';
const notInstalled = 'squawk is not installed; to have it: npm install --save-dev squawk-cli';

/**
 * Matters of taste, and timeouts that the login of migrations has already. They are taken out of squawk's answer: its
 * `--exclude` would undo the `excluded_rules` of the user's own file, and ends with an error where it lacks one of them.
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

/** Where squawk has no advice of its own. The release before runs on the new schema until the rollout is over. */
const advice: Record<string, string> = {
  'ban-drop-column': 'Let one release stop using it, and the next one drop it',
  'ban-drop-table': 'Let one release stop using it, and the next one drop it',
  'ban-drop-not-null': 'Let one release learn to read nulls before the next one allows them',
  'changing-column-type': 'Add a column of the new type, copy in small steps, switch over in the next release',
  'renaming-column': 'Add the new column, write both, drop the old one in a later release',
  'renaming-table': 'Leave a view with the old name until a later release',
};

/** Lints what each service's next release would migrate, as far as its folder of SQL files tells. */
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

/** As squawk-cli's own launcher finds it, in the project, then beside Horme; else the first on the PATH. */
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

/** From squawk-cli's place: pnpm shows a platform's package to nobody else. */
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
    // The programs are made for glibc: on Alpine, npm installs one that can't be started.
    if (error instanceof ProgramMissing) return { outcome: 'not-run', reason: `this machine can't start ${squawk}` };
    if (error instanceof DeadlineExceeded) return { outcome: 'failed', lastWords: error.message };
    throw error;
  }
}

/** What the project's own file says wins, which a flag would not let it. No other file is looked for, above the project. */
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
    // They are patterns, and one that matches nothing would be passed over without a word.
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

/** Undefined: this is not what squawk prints. */
function findingsIn(stdout: string): MigrationFinding[] | undefined {
  const parsed = violations.safeParse(jsonIn(stdout));
  if (!parsed.success) return undefined;
  const findings = new Map<string, MigrationFinding>();
  for (const { file, line, level, message, help, rule_name: rule } of parsed.data) {
    // One for each line and rule: the parser stumbles many times over one mistake.
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
