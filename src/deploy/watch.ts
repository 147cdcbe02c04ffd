import { setTimeout as wait } from 'node:timers/promises';
import type { Traffic } from '../edge/balancers.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import { newReplicas, serviceOf, type Context } from './context.ts';
import { endOf, lastWords } from './ready.ts';
import type { SeenReplica } from './observe.ts';

const pollMilliseconds = 250;
/** Fewer errors than this prove nothing. */
const fewestErrors = 5;
/** Share of failing answers beyond the one before that counts as a regression. */
const errorMargin = 0.05;
/** Answers slower than before by this factor and this much are a regression; a cold cache is not. */
const slowFactor = 5;
const slowMilliseconds = 500;
/** HAProxy's mean covers its last requests: it means something only after this many. */
const fewestRequests = 50;

/** Compares the new replicas with the old ones before them; throws at the first sign that they are worse. */
export async function watchReplicas(context: Context, services: string[], seconds: number): Promise<void> {
  const end = performance.now() + seconds * 1000;
  const watched = await Promise.all(services.map((name) => startWatch(context, name)));
  while (performance.now() < end) {
    await wait(pollMilliseconds, undefined, { signal: context.signal });
    for (const one of watched) await lookAt(context, one);
  }
}

interface Watched {
  name: string;
  replicas: SeenReplica[];
  first: Map<string, Awaited<ReturnType<Context['engine']['inspect']>>>;
  start: Traffic;
}

async function startWatch(context: Context, name: string): Promise<Watched> {
  const replicas = await newReplicas(context, name);
  const balancers = await context.balancers.must();
  const details = await Promise.all(replicas.map(async ({ id }) => [id, await context.engine.inspect(id)] as const));
  const start = await balancers.traffic(
    serviceOf(context, name),
    replicas.map((replica) => replica.name),
  );
  // The slots may have served others before: the count begins where the switch began, a moment ago.
  return { name, replicas, first: new Map(details), start };
}

async function lookAt(context: Context, { name, replicas, first, start }: Watched): Promise<void> {
  for (const replica of replicas) {
    const ended = endOf(first.get(replica.id), await context.engine.inspect(replica.id));
    if (ended) throw await regression(context, replica, `${replica.name} was ready, but then ${ended}`);
  }
  const balancers = await context.balancers.must();
  const now = await balancers.traffic(
    serviceOf(context, name),
    replicas.map((replica) => replica.name),
  );
  const problem = worse(context.before.get(name), {
    ...now,
    requests: now.requests - start.requests,
    errors: now.errors - start.errors,
  });
  const [replica] = replicas;
  if (problem && replica) throw await regression(context, replica, `${name}: ${problem}`);
}

/** What is worse than before, in words; undefined when nothing is. */
export function worse(before: Traffic | undefined, now: Traffic): string | undefined {
  const share = (traffic: Traffic | undefined) =>
    traffic && traffic.requests > 0 ? traffic.errors / traffic.requests : 0;
  const percent = (value: number) => `${(value * 100).toFixed(1)} %`;
  if (now.errors >= fewestErrors && share(now) > share(before) + errorMargin) {
    return `${now.errors} of ${now.requests} answers failed (${percent(share(now))}; ${percent(share(before))} before)`;
  }
  if (!before || before.requests < fewestRequests || now.requests < fewestRequests) return undefined;
  const slower =
    now.answerMilliseconds > before.answerMilliseconds * slowFactor &&
    now.answerMilliseconds > before.answerMilliseconds + slowMilliseconds;
  return slower
    ? `answers take ${Math.round(now.answerMilliseconds)} ms; ${Math.round(before.answerMilliseconds)} ms before`
    : undefined;
}

async function regression(context: Context, replica: SeenReplica, what: string): Promise<OperatorError> {
  return new OperatorError(what, {
    code: 'regression',
    exitCode: exitCodes.rolledBack,
    lastSeen: await lastWords(context, replica),
    next: `horme logs ${replica.service}`,
  });
}
