import { routedServices } from '../traffic/routed.ts';
import { glance, preparedFrom } from '../deploy/situation.ts';
import { look } from '../deploy/look.ts';
import { addressesOf, problemOf } from '../deploy/addresses.ts';
import { BalancerPool } from '../deploy/context.ts';
import { observe, type SeenReplica } from '../deploy/observe.ts';
import type { PartStatus } from '../deploy/part.ts';
import { answerMilliseconds, createAsker } from '../deploy/probe.ts';
import { takenForDown, type Counter } from '../traffic/balancers.ts';
import { storeProblems } from '../deploy/state.ts';
import type { Container } from '../engine/engine.ts';
import { labels } from '../engine/labels.ts';
import { duration, quantity, table } from '../output/format.ts';
import { readLedger, type LedgerEntry } from '../release/ledger.ts';
import { holderOf, isStale } from '../release/lock.ts';
import { dueText } from '../release/migrations.ts';
import type { ReleaseContent, ReleaseService } from '../release/release.ts';
import type { Applied } from '../release/settings.ts';
import { openSession } from '../command/session.ts';
import type { Session } from '../deploy/session.ts';
import { webOrigin } from '../stack/routes.ts';
import type { CommandContext } from '../command/context.ts';
import { urlOf } from '../command/deploy.ts';
import { downText, releaseText, silenceOf } from './release-text.ts';

/** Restarts longer ago than this are not shown; seconds. */
const recentSeconds = 600;

interface ServiceStatus {
  name: string;
  owner: string;
  wanted: number;
  running: number;
  serving: number | undefined;
  release: string;
  addresses: string[];
  problems: string[];
}

export async function run(context: CommandContext): Promise<void> {
  const session = await openSession(context, look);
  const situation = await glance(session, false);
  const ledger = await readLedger(situation.store);
  const content = situation.live ?? (await preparedFrom(session, situation, undefined)).content;
  const services = await serviceStatuses(session, content, situation.applied);
  const { engine, stack, signal } = session;
  const parts: { name: string; status: PartStatus }[] = [];
  for (const { name, status } of session.parts)
    if (status) parts.push({ name, status: await status({ ...situation, engine, stack, signal }) });
  const down = downText(
    ledger,
    services.some(({ running }) => running > 0),
  );
  const problems = [
    ...(down === undefined ? services.flatMap((service) => service.problems) : [down]),
    ...(ledger.live && down === undefined && !situation.settings.maintenance
      ? await addressProblems(session, content)
      : []),
    ...parts.flatMap((part) => part.status.problems),
    ...(await lockProblem(session, situation.containers)),
    ...storeProblems(session, situation.store),
    ...migrationProblems(situation.applied),
    ...(ledger.live ? [] : ['no release is live yet: horme deploy']),
  ];
  const lines = parts.flatMap((part) => part.status.lines);
  context.print(screen(session, ledger.live, services, lines, problems));
  context.result({
    schema: 'horme.status/1',
    project: session.stack.project,
    environment: session.stack.environment.name,
    url: urlOf(session),
    release: ledger.live?.number,
    services,
    ...Object.fromEntries(parts.map((part) => [part.name, part.status.result])),
    problems,
  });
}

/**
 * Probes the addresses through the whole edge, as users do, since the balancers' health checks may differ from what
 * users get.
 */
async function addressProblems({ connection }: Session, content: ReleaseContent): Promise<string[]> {
  const asker = createAsker(answerMilliseconds);
  try {
    const connectTo = { host: connection.publicAddress, port: content.ports.https };
    const asked = addressesOf(content).map(async (address) => {
      const problem = problemOf(address, await asker.ask({ ...address, connectTo }, 'fresh'));
      return problem === undefined ? [] : [`${address.url}: ${problem}: horme logs ${address.service}`];
    });
    return (await Promise.all(asked)).flat();
  } finally {
    asker.close();
  }
}

const migrationProblems = ({ migrationsDue }: Applied): string[] =>
  migrationsDue.length === 0
    ? []
    : [
        `the data and its schema are from before the migration of ${dueText(migrationsDue)}: horme deploy runs them again, horme rollback takes a release of before them`,
      ];

async function serviceStatuses(session: Session, content: ReleaseContent, applied: Applied): Promise<ServiceStatus[]> {
  const pool = new BalancerPool(session.engine, content.project);
  try {
    const routed = routedServices(content.services, []);
    const counters = (await (await pool.get())?.counters(routed)) ?? [];
    const seen = await observe({
      engine: session.engine,
      project: content.project,
      services: routed,
      balancers: await pool.get(),
      applied,
      parts: [],
    });
    const down = counters.filter(({ up }) => !up);
    return await Promise.all(
      content.services.map((service) => statusOf(session, service, seen.replicas, content, down)),
    );
  } finally {
    pool.close();
  }
}

async function statusOf(
  session: Session,
  service: ReleaseService,
  all: SeenReplica[],
  content: ReleaseContent,
  down: Counter[],
): Promise<ServiceStatus> {
  const own = all.filter((replica) => replica.service === service.name);
  const running = own.filter((replica) => replica.running);
  const ready = running.filter(({ membership }) => membership === 'ready').map(({ name }) => name);
  const failing = down.filter(({ name }) => ready.includes(name));
  const serving =
    service.routes.length > 0 ? ready.filter((name) => !failing.some((one) => one.name === name)).length : undefined;
  const finished = service.kind === 'job' && own.some(({ exitCode }) => exitCode === 0);
  const problems = [
    ...(running.length < service.replicas && !finished
      ? [`${service.name}: ${running.length} of ${service.replicas} replicas run`]
      : []),
    ...(serving !== undefined && serving < service.replicas
      ? [`${service.name}: ${serving} of ${service.replicas} replicas get traffic`]
      : []),
    ...silenceOf(service),
    ...new Set(failing.map(takenForDown)),
    ...(await containerProblems(session, service.name, own)),
    ...(running.some(({ spec }) => spec !== service.spec)
      ? [`${service.name}: replicas of another release run: horme deploy`]
      : []),
  ];
  return {
    name: service.name,
    owner: service.owner,
    wanted: service.kind === 'job' ? 0 : service.replicas,
    running: running.length,
    serving,
    release: [...new Set(running.map(({ release }) => String(release)))].join(', '),
    addresses: service.routes.map(({ host, path }) => webOrigin(host, content.ports.https) + path),
    problems,
  };
}

async function containerProblems({ engine }: Session, service: string, replicas: SeenReplica[]): Promise<string[]> {
  const details = await Promise.all(replicas.map(({ id }) => engine.inspect(id)));
  return details.flatMap((one) => {
    if (!one) return [];
    const seconds = (Date.now() - one.startedAt.getTime()) / 1000;
    const restarted = one.restartCount > 0 && (!one.running || seconds < recentSeconds);
    return [
      ...(one.health === 'unhealthy' ? [`${one.name} is unhealthy: horme logs ${service}`] : []),
      ...(restarted
        ? [
            `${one.name} was restarted ${quantity(one.restartCount, 'time')}, last ${duration(seconds)} ago: horme logs ${service}`,
          ]
        : []),
    ];
  });
}

async function lockProblem({ engine }: Session, containers: Container[]): Promise<string[]> {
  const lock = containers.find((one) => one.labels[labels.role] === 'lock');
  if (!lock) return [];
  const { user, host, since, purpose } = holderOf(lock);
  const stale = await isStale(engine, lock);
  return [
    stale
      ? `a "${purpose}" of ${user}@${host} was interrupted: horme deploy goes on from there`
      : `${user}@${host} holds the lock since ${since} for "${purpose}"`,
  ];
}

const columns = [
  { title: 'service' },
  { title: 'replicas', align: 'right' as const },
  { title: 'with traffic', align: 'right' as const },
  { title: 'release' },
  { title: 'address' },
];

function screen(
  session: Session,
  live: LedgerEntry | undefined,
  services: ServiceStatus[],
  lines: string[],
  problems: string[],
): string {
  const since =
    live &&
    `${releaseText(live)} since ${live.at.slice(0, 16).replace('T', ' ')} UTC (${duration((Date.now() - Date.parse(live.at)) / 1000)} ago) by ${live.by}`;
  const rows = services.map(({ name, wanted, running, serving, release, addresses }) => [
    name,
    wanted === 0 && running === 0 ? 'done' : `${running}/${wanted}`,
    serving === undefined ? '-' : String(serving),
    release,
    addresses.join('  '),
  ]);
  const verdict =
    problems.length === 0 ? ['all is well'] : ['what is wrong:', ...problems.map((problem) => `  ${problem}`)];
  return [
    `${session.stack.project} · ${since ?? 'not deployed'} · ${urlOf(session)}`,
    '',
    table(columns, rows),
    '',
    ...(lines.length === 0 ? [] : [...lines, '']),
    ...verdict,
  ].join('\n');
}
