import { setMaxListeners } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { labels } from '../engine/labels.ts';
import { timedOut, type ContainerDetails, type Healthcheck } from '../engine/engine.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import { questionsOf, type Question } from '../release/question.ts';
import type { ReleaseService } from '../release/release.ts';
import { askReplicas, type Answered } from './asked-replicas.ts';
import { newReplicas, serviceOf, until, type Context } from './context.ts';
import { postStart } from './hooks.ts';
import type { SeenReplica } from './observe.ts';

/** A replica without any check counts as ready when it has run this long; seconds (dokku waits 5 by default). */
const settleSeconds = 3;
/** How often a container is looked at while its gate waits; milliseconds. One listing costs about 10. */
const watchMilliseconds = 200;
/** Between two runs of the service's own health check; milliseconds. */
const checkPauseMilliseconds = 100;
const logLines = 20;
/** A stack in one line of JSON fills a screen by itself. */
const lineCharacters = 300;

/**
 * A drained replica served until a moment ago: a rollback need not wait for its check, since HAProxy keeps checking it.
 */
const wasReady = ['ready', 'drain'];

/**
 * Waits for all replicas of the wanted spec in parallel. The first failure ends the wait and reports that replica's
 * last log lines.
 */
export async function awaitReady(context: Context, stepId: string, services: string[]): Promise<void> {
  const waiting = await Promise.all(
    services.map(async (name) =>
      (await newReplicas(context, name)).map((replica) => ({ service: serviceOf(context, name), replica })),
    ),
  );
  const gates = waiting
    .flat()
    .filter(({ replica, service }) => service.routes.length === 0 || !wasReady.includes(replica.membership));
  const missing = services.find((name, index) => serviceOf(context, name).replicas > 0 && waiting[index]?.length === 0);
  if (missing) throw await neverStarted(context, missing);
  await postStart(context, gates);
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  setMaxListeners(0, signal);
  const ask = asking(context, gates, signal);
  try {
    await Promise.all(
      gates.map(async ({ service, replica }) => {
        const started = performance.now();
        await gate(context, service, replica, ask, signal);
        const seconds = ((performance.now() - started) / 1000).toFixed(1);
        context.emit({ kind: 'step-progress', id: stepId, detail: `${replica.name} is ready after ${seconds} s` });
      }),
    );
  } finally {
    stop.abort();
  }
}

type Ask = (service: ReleaseService, replica: SeenReplica, question: Question) => Promise<Answered>;

/** Asks all replicas of a service together; each gate waits for its own answer. */
function asking(
  context: Context,
  gates: { service: ReleaseService; replica: SeenReplica }[],
  signal: AbortSignal,
): Ask {
  const answers = new Map<string, ReturnType<typeof askReplicas>>();
  const key = ({ name }: ReleaseService, { port }: Question) => `${name}:${port}`;
  for (const service of new Set(gates.map((gate) => gate.service))) {
    const own = gates.filter((gate) => gate.service === service);
    const addresses = own.flatMap(({ replica: { address } }) => address ?? []);
    const { readySeconds: seconds } = service;
    for (const question of addresses.length === 0 ? [] : questionsOf(service.routes))
      answers.set(key(service, question), askReplicas(context, question, { addresses, seconds, signal }));
  }
  return async (service, replica, question) => {
    const answer = answers.get(key(service, question))?.get(replica.address ?? '');
    if (!answer) throw new Error(`${replica.name} can't be asked: it has no address`);
    return answer;
  };
}

async function gate(
  context: Context,
  service: ReleaseService,
  replica: SeenReplica,
  ask: Ask,
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + service.readySeconds * 1000;
  const over = new AbortController();
  const watched = AbortSignal.any([signal, over.signal]);
  try {
    await Promise.race([
      checks(context, service, replica, ask, deadline, watched),
      watchContainer(context, service, replica, watched),
    ]);
  } finally {
    over.abort();
  }
}

/** First the ports that have routes, cheaply and often; then the service's own check once or more. */
async function checks(
  context: Context,
  service: ReleaseService,
  replica: SeenReplica,
  ask: Ask,
  deadline: number,
  signal: AbortSignal,
): Promise<void> {
  const questions = questionsOf(service.routes);
  await Promise.all(
    questions.map(async (question) => {
      const { ready, said } = await ask(service, replica, question);
      const why = `port ${question.port}: ${said}`;
      if (!ready) throw await notReady(context, service, replica, why, mendOf(service, question));
    }),
  );
  const details = await context.engine.inspect(replica.id);
  if (details?.healthcheck) return ownCheck(context, service, replica, details.healthcheck, deadline, signal);
  if (questions.length === 0) await wait(settleSeconds * 1000, undefined, { signal });
}

/** If another port has passed, the usual reason is that the health check's path does not exist at this port. */
function mendOf({ name, routes }: ReleaseService, { port, health }: Question): string {
  const several = questionsOf(routes).length > 1;
  if (!several || health === undefined) return `horme logs ${name}`;
  return `horme logs ${name}   (or give the route to port ${port} of services.${name} a health of its own)`;
}

async function ownCheck(
  context: Context,
  service: ReleaseService,
  replica: SeenReplica,
  check: Healthcheck,
  deadline: number,
  signal: AbortSignal,
): Promise<void> {
  const { timeoutSeconds } = check;
  const command = await commandOf(context, replica, check);
  let last = { exitCode: 1, output: 'never run' };
  const left = () => Math.max(0, (deadline - performance.now()) / 1000);
  const passed = await until(
    async () => {
      const deadlineSeconds = Math.min(timeoutSeconds, left());
      last = await context.engine.exec(replica.id, command, { deadlineSeconds, signal });
      if (isMissing(last)) throw await missingCheck(context, service, replica, command);
      // The engine can't kill a timed-out exec, so its process stays in the replica, which may have a low process
      // limit. Waiting the same time again halves the number of such processes.
      if (last.exitCode === timedOut) await wait(Math.min(timeoutSeconds, left()) * 1000, undefined, { signal });
      return last.exitCode === 0;
    },
    { seconds: left(), everyMilliseconds: checkPauseMilliseconds, signal },
  );
  if (!passed)
    throw await notReady(
      context,
      service,
      replica,
      `health check exited ${last.exitCode}: ${last.output.trim().slice(-500)}`,
    );
}

/** A check given as a string runs in the image's own shell (SHELL of its Dockerfile). */
async function commandOf(
  { engine }: Context,
  { imageId }: SeenReplica,
  { test, shell }: Healthcheck,
): Promise<string[]> {
  if (test[0] !== 'CMD-SHELL') return test.slice(1);
  const own = shell.length > 0 ? shell : ((await engine.image(imageId))?.shell ?? []);
  return [...(own.length > 0 ? own : ['/bin/sh', '-c']), test[1] ?? ''];
}

/**
 * Matches the engine's message for a missing program: exit codes 126 and 127 alone also come from a container that has
 * just ended.
 */
const isMissing = ({ exitCode, output }: { exitCode: number; output: string }) =>
  (exitCode === 126 || exitCode === 127) &&
  /executable file not found|no such file or directory|: not found/i.test(output);

/** Ends only by failing: a replica that exits or is restarted by the engine will not become ready. */
async function watchContainer(
  context: Context,
  service: ReleaseService,
  replica: SeenReplica,
  signal: AbortSignal,
): Promise<never> {
  const first = await context.engine.inspect(replica.id);
  for (;;) {
    await wait(watchMilliseconds, undefined, { signal });
    const details = await context.engine.inspect(replica.id);
    const ended = endOf(first, details);
    if (ended) throw await failedBefore(context, service, replica, ended);
  }
}

export function endOf(first: ContainerDetails | undefined, now: ContainerDetails | undefined): string | undefined {
  if (!now) return 'its container is gone';
  if (now.oomKilled) return 'it was killed for using more memory than its limit';
  if (!now.running) return `it ended with exit code ${now.exitCode}`;
  if (now.restartCount > (first?.restartCount ?? 0)) return 'it crashed and the engine restarted it';
  return undefined;
}

export async function lastWords(context: Context, replica: { id: string }): Promise<string> {
  const lines = (await context.engine.logs(replica.id, logLines)).trim().split('\n');
  const text = lines
    .map((line) => (line.length > lineCharacters ? `${line.slice(0, lineCharacters)}…` : line))
    .join('\n');
  return text || '(it printed nothing)';
}

async function notReady(
  context: Context,
  service: ReleaseService,
  replica: SeenReplica,
  why: string,
  next = `horme logs ${service.name}`,
): Promise<OperatorError> {
  return new OperatorError(`${replica.name} did not become ready within ${service.readySeconds} s: ${why}`, {
    code: 'not-ready',
    exitCode: exitCodes.rolledBack,
    lastSeen: await lastWords(context, replica),
    next,
  });
}

async function failedBefore(
  context: Context,
  service: ReleaseService,
  replica: SeenReplica,
  why: string,
): Promise<OperatorError> {
  return new OperatorError(`${replica.name} failed before it was ready: ${why}`, {
    code: 'replica-failed',
    exitCode: exitCodes.rolledBack,
    lastSeen: await lastWords(context, replica),
    next: `horme logs ${service.name}`,
  });
}

async function missingCheck(
  context: Context,
  service: ReleaseService,
  replica: SeenReplica,
  command: string[],
): Promise<OperatorError> {
  return new OperatorError(`the health check of ${service.name} can't run: "${command[0]}" is not in its image`, {
    code: 'healthcheck-missing',
    exitCode: exitCodes.rolledBack,
    lastSeen: await lastWords(context, replica),
    next: `use a program that the image has, or x-horme: { health: /path } under services.${service.name}`,
  });
}

async function neverStarted(context: Context, name: string): Promise<OperatorError> {
  const { spec } = serviceOf(context, name);
  const containers = await context.engine.containers({
    [labels.project]: context.content.project,
    [labels.service]: name,
    [labels.spec]: spec,
  });
  const [container] = containers;
  return new OperatorError(
    `no replica of ${name} runs${container ? `: ${container.name} is ${container.status}` : ''}`,
    {
      code: 'not-running',
      exitCode: exitCodes.rolledBack,
      lastSeen: container ? await lastWords(context, container) : '',
      next: `horme logs ${name}`,
    },
  );
}
