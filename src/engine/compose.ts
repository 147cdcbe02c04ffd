import { OperatorError, exitCodes } from '../errors.ts';
import type { ComposeModel } from './compose-model.ts';
import { buildEnvironment } from './build-environment.ts';
import { composeCommand } from './compose-config.ts';
import { afterInterrupt, neverAborted } from './patience.ts';
import { run, type ProcessResult } from './process.ts';

const upSeconds = 300;
/** After an interrupt a running `up` has this long; it normally takes a few seconds. */
const upPatienceSeconds = 30;
const pullSeconds = 1800;
const buildSeconds = 3600;
/** One-off containers have their own deadlines of up to a day; this one must be longer. */
const onceSeconds = 25 * 3600;

export interface Compose {
  build(model: ComposeModel, services: string[], onLine: (line: string) => void): Promise<void>;
  pull(model: ComposeModel, services: string[], onLine: (line: string) => void): Promise<void>;
  /** Scales each service up to that many containers; existing ones stay unchanged. */
  scaleUp(model: ComposeModel, counts: Record<string, number>): Promise<void>;
  /** The same, but recreates containers that differ from the model; the new ones take over the anonymous volumes. */
  replace(model: ComposeModel, counts: Record<string, number>): Promise<void>;
  /** Runs a one-off container of the service and removes it; returns its exit code. */
  runOnce(model: ComposeModel, service: string, command: string[], onLine: (line: string) => void): Promise<number>;
}

/**
 * Uses Docker Compose to create containers, networks and volumes. The model goes to its standard input. An interrupt
 * ends builds and pulls at once, since nothing is lost. Starts and migrations finish, unless the engine is `gone`.
 */
export function composeDriver(
  directory: string,
  environment: Record<string, string>,
  interrupt: AbortSignal,
  gone: AbortSignal = neverAborted,
): Compose {
  async function compose(
    model: ComposeModel,
    words: string[],
    deadlineSeconds: number,
    onLine?: (line: string) => void,
    signal?: AbortSignal,
  ): Promise<ProcessResult> {
    const prefix = await composeCommand();
    const place = ['--project-name', model.name, '--project-directory', directory, '--file', '-'];
    return run([...prefix, '--progress', 'plain', ...place, ...words], {
      input: JSON.stringify(model),
      env: { ...process.env, ...environment, ...buildEnvironment, COMPOSE_MENU: '0' },
      deadlineSeconds,
      ownGroup: true,
      ...(signal && { signal }),
      ...(onLine && { onLine }),
    });
  }

  /** Lets running work finish after an interrupt, but not for longer than its limit. */
  async function patiently<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const late = new AbortController();
    const calledOff = afterInterrupt(interrupt, upPatienceSeconds, () => late.abort(stuck()));
    try {
      return await work(AbortSignal.any([gone, late.signal]));
    } finally {
      calledOff();
    }
  }

  async function must(what: string, code: string, work: Promise<ProcessResult>): Promise<void> {
    const { exitCode, stdout, stderr } = await work;
    if (exitCode === 0) return;
    // A failing build prints its output to standard output; standard error only says that it failed.
    const lines = `${stdout.trim()}\n${stderr.trim()}`.trim().split('\n');
    throw new OperatorError(`${what} failed`, {
      code,
      exitCode: exitCodes.checkFailed,
      lastSeen: lines.slice(-20).join('\n'),
    });
  }

  function up(model: ComposeModel, counts: Record<string, number>, options: string[]): Promise<void> {
    const scales = Object.entries(counts).flatMap(([service, count]) => ['--scale', `${service}=${count}`]);
    const fixed = ['up', '--detach', '--no-deps', '--no-build', '--pull', 'never'];
    const names = Object.keys(counts);
    const words = [...fixed, ...options, ...scales, ...names];
    const what = `starting ${names.join(', ')}`;
    return patiently((signal) => must(what, 'start-failed', compose(model, words, upSeconds, undefined, signal)));
  }

  return {
    build: (model, services, onLine) =>
      must(
        `building ${services.join(', ')}`,
        'build-failed',
        compose(model, ['build', ...services], buildSeconds, (line) => isBuildStage(line) && onLine(line), interrupt),
      ),
    pull: (model, services, onLine) =>
      must(
        `pulling ${services.join(', ')}`,
        'pull-failed',
        compose(model, ['pull', '--policy', 'always', ...services], pullSeconds, onLine, interrupt),
      ),
    scaleUp: (model, counts) => up(model, counts, ['--no-recreate']),
    replace: (model, counts) => up(model, counts, []),
    runOnce: async (model, service, command, onLine) => {
      const words = ['run', '--rm', '--no-deps', '--no-TTY', '--quiet-pull', service, ...command];
      return (await compose(model, words, onceSeconds, onLine, gone)).exitCode;
    },
  };
}

const stuck = () =>
  new OperatorError(`interrupted; docker compose up did not end within ${upPatienceSeconds} s and was killed`, {
    code: 'interrupted',
    exitCode: exitCodes.interrupted,
    next: 'horme status shows where things stand; the same command again does the rest',
  });

/**
 * Matches BuildKit's stage lines, such as `#7 [api build 3/4] RUN npm ci`. Its other lines, about layers and transfers,
 * are noise.
 */
export const isBuildStage = (line: string) => /^#\d+ \[.+\] [A-Z]/.test(line);
