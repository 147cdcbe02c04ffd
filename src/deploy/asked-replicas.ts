import { createInterface } from 'node:readline';
import type { Question } from '../release/question.ts';
import type { Context } from './context.ts';

/** Result of probing a replica until it was ready or its time was up. */
export interface Answered {
  ready: boolean;
  /** Its last answer, in words. */
  said: string;
}

interface Asked {
  addresses: string[];
  /** How long each has to become ready. */
  seconds: number;
  signal: AbortSignal;
}

/**
 * Probes all addresses in parallel; `$@`: the question. Prints one line per replica: address, exit code, last answer.
 */
const script = `addresses=$1; shift
for address in $addresses; do
  (said=$(wait-ready "$address" "$@"); printf '%s %s %s\\n' "$address" "$?" "$said") &
done
wait`;

/** `wait-ready` stops after the replica's own time; the exec that runs it gets this much longer. Seconds. */
const slackSeconds = 5;

/**
 * Probes from HAProxy's container, over the network path that the traffic will take. One exec serves all replicas: each
 * exec costs the engine 60 ms of a core, which the replicas need for their own start. Returns the answers by address.
 */
export function askReplicas(
  context: Context,
  question: Question,
  { addresses, seconds, signal }: Asked,
): Map<string, Promise<Answered>> {
  const waiting = new Map(addresses.map((address) => [address, deferred<Answered>()]));
  const isAnswer = (line: string) => {
    const [, address = '', code, said = ''] = /^(\S+) (\d+) ?(.*)$/.exec(line) ?? [];
    waiting.get(address)?.resolve({ ready: code === '0', said });
    return waiting.has(address);
  };
  converse(context, question, { addresses, seconds, signal }, isAnswer).then(
    (rest) => waiting.forEach(({ resolve }) => resolve({ ready: false, said: rest })),
    // A hanging HAProxy counts as "not ready", not as a bug in Horme.
    (error: Error) =>
      waiting.forEach(({ resolve, reject }) =>
        signal.aborted ? reject(error) : resolve({ ready: false, said: error.message }),
      ),
  );
  return new Map([...waiting].map(([address, { promise }]) => [address, promise]));
}

/** Returns the last line that is no answer; it explains the replicas whose line never came. */
async function converse(
  { engine, balancers }: Context,
  { port, host, health }: Question,
  { addresses, seconds, signal }: Asked,
  isAnswer: (line: string) => boolean,
): Promise<string> {
  const [haproxy] = await balancers.containers();
  if (!haproxy) throw new Error("replicas can't be asked: no HAProxy runs");
  const asked = health && [health.method, health.path, host, health.status, String(Math.round(health.timeout * 1000))];
  const command = ['sh', '-c', script, 'ask', addresses.join(' '), String(port), String(seconds), ...(asked ?? [])];
  const stream = await engine.converse(haproxy, command, { deadlineSeconds: seconds + slackSeconds, signal });
  let last = 'HAProxy has ended';
  const lines = createInterface({ input: stream });
  // readline does not pass on errors of its input stream.
  const failed = new Promise<never>((_, reject) => stream.once('error', reject));
  const read = (async () => {
    for await (const line of lines) if (!isAnswer(line)) last = line;
    return last;
  })();
  return Promise.race([read, failed]).finally(() => lines.close());
}

function deferred<T>() {
  let resolve: (value: T) => void = () => undefined;
  let reject: (cause: unknown) => void = () => undefined;
  const promise = new Promise<T>((resolved, rejected) => {
    resolve = resolved;
    reject = rejected;
  });
  // The caller may have stopped waiting: without this a late rejection would end the process.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}
