import { setTimeout as wait } from 'node:timers/promises';
import { takenForDown } from '../traffic/balancers.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import { isMaintenanceOn } from '../release/settings.ts';
import { addressKey, addressesOf, problemOf, type Address } from './addresses.ts';
import { newReplicas, serviceOf, until, type Context } from './context.ts';
import { answerMilliseconds, createAsker, type Answer, type Asker } from './probe.ts';
import { lastWords } from './ready.ts';

/**
 * A healthy replica is up within a few checks and answers within a few tries. Longer waits would hide what users see.
 */
const upSeconds = 10;
const triesSeconds = 5;
const pauseMilliseconds = 100;

interface Asked {
  address: Address;
  answer: Answer;
  problem: string | undefined;
}

/** Throws if an address of these services fails, or one that worked before the deploy. Other failures are warnings. */
export async function askAddresses(context: Context, stepId: string, services: string[]): Promise<void> {
  if (await isMaintenanceOn(context.store)) {
    context.emit({ kind: 'step-progress', id: stepId, detail: 'maintenance is on: the edge answers for all of them' });
    return;
  }
  await seenUp(context, services);
  const asked = await askAll(context);
  const bad = asked.filter(({ problem }) => problem !== undefined);
  // Horme may run in a container or behind a firewall that can't reach the edge: that is a warning, not a failed
  // release.
  const answered = [...(context.before?.values() ?? [])].some(({ status }) => status !== undefined);
  const unreachable = !answered && asked.every(({ answer }) => !answer.reached);
  const told = bad.filter(
    ({ address }) => unreachable || (wasBad(context, address) && !services.includes(address.service)),
  );
  for (const { address, problem } of told)
    context.emit({ kind: 'warning', text: toldText(address, problem, unreachable) });
  const [first] = bad.filter((one) => !told.includes(one));
  if (first) throw await unserved(context, first, bad.length - told.length);
}

const wasBad = ({ before }: Context, address: Address) => before?.get(addressKey(address))?.problem !== undefined;

const toldText = ({ url }: Address, problem = '', unreachable: boolean) =>
  unreachable
    ? `${url} could not be asked from here: ${problem}`
    : `${url} ${problem}, as it did before; its service was not changed`;

async function askAll(context: Context): Promise<Asked[]> {
  const asker = createAsker(answerMilliseconds);
  try {
    return await Promise.all(addressesOf(context.content).map((address) => askOne(context, asker, address)));
  } finally {
    asker.close();
  }
}

async function askOne(context: Context, asker: Asker, address: Address): Promise<Asked> {
  const { content, publicAddress, before, signal } = context;
  const connectTo = { host: publicAddress, port: content.ports.https };
  const deadline = performance.now() + triesSeconds * 1000;
  for (;;) {
    const answer = await asker.ask({ ...address, connectTo }, 'fresh');
    const problem = problemOf(address, answer, before?.get(addressKey(address))?.status);
    if (problem === undefined || performance.now() > deadline) return { address, answer, problem };
    await wait(pauseMilliseconds, undefined, { signal });
  }
}

/** HAProxy runs its own health checks, and sends nothing to a replica that it considers down. */
async function seenUp(context: Context, services: string[]): Promise<void> {
  for (const service of services.map((name) => serviceOf(context, name))) {
    if (service.routes.length === 0 || service.replicas === 0) continue;
    let down: { name: string; check: string; place: string }[] = [];
    const up = await until(
      async () => {
        const replicas = await newReplicas(context, service.name);
        // Draining replicas need not be up.
        const names = replicas.filter(({ membership }) => membership === 'ready').map(({ name }) => name);
        const counters = await (await context.balancers.must()).counters([service]);
        const own = counters.filter(({ name }) => names.includes(name));
        down = own.filter((counter) => !counter.up);
        return own.length > 0 && down.length === 0;
      },
      { seconds: upSeconds, everyMilliseconds: pauseMilliseconds, signal: context.signal },
    );
    if (up) continue;
    const [one] = down;
    const what = one ? takenForDown(one) : 'HAProxy knows no replica';
    throw await failure(context, service.name, `${service.name}: ${what}`);
  }
}

async function unserved(context: Context, { address, problem }: Asked, count: number): Promise<OperatorError> {
  const others = count > 1 ? `, and ${count - 1} more of the addresses fail` : '';
  return failure(context, address.service, `${addressKey(address)}: ${problem}${others}`);
}

async function failure(context: Context, service: string, what: string): Promise<OperatorError> {
  const [replica] = await newReplicas(context, service);
  return new OperatorError(what, {
    code: 'address-fails',
    exitCode: exitCodes.rolledBack,
    lastSeen: replica ? await lastWords(context, replica) : '',
    next: `horme logs ${service}`,
  });
}
