import { haproxyServices } from '../traffic/names.ts';
import type { Seen } from './observe.ts';
import { stepsOf, type Planning } from './part.ts';
import {
  isSurge,
  isUnproven,
  readyStep,
  reasonOf,
  removeDead,
  runsAtAll,
  stopStep,
  waves,
  type Change,
  type Draft,
} from './step.ts';
import { startStep } from './start-step.ts';

/** Changes of the platform's services: first those of parts that order their own, then the others by what waits for what. */
export function platformSteps(planning: Planning, all: Change[]): Draft[] {
  const ordered = planning.parts.flatMap(({ name, steps }) => {
    const own = steps?.own?.(
      planning,
      all.filter(({ service }) => service.owner === name),
    );
    return own === undefined ? [] : [{ name, own }];
  });
  const others = all.filter(({ service }) => !ordered.some(({ name }) => name === service.owner));
  return [...ordered.flatMap(({ own }) => own), ...partSteps(others, planning.seen), ...stepsOf(planning, 'setUp')];
}

/** What is away comes first: of two HAProxies, the one that runs must not stop while the other doesn't. */
function partSteps(platform: Change[], seen: Seen): Draft[] {
  const away = platform.filter((change) => !runsAtAll(change));
  const replaced = platform.filter(runsAtAll);
  const unchanged = haproxyServices.filter(
    (name) =>
      seen.replicas.some((replica) => replica.running && replica.service === name) &&
      !away.concat(replaced).some(({ service }) => service.name === name),
  );
  // One by one: the gate must not be away for as long as a HAProxy takes to end.
  const oneByOne = waves(replaced).flatMap((wave) => wave.map((change) => [change]));
  return [...waves(away), ...oneByOne].flatMap((wave) => platformWave(wave, unchanged));
}

/** The platform's services have no traffic of their own to hand over, but nginx, whose two generations share their ports. */
function platformWave(wave: Change[], unchanged: string[]): Draft[] {
  const first = wave.filter(({ service }) => service.strategy.kind === 'stop-first');
  const names = wave.filter((change) => change.missing > 0 || isUnproven(change)).map(({ service }) => service.name);
  const stopsHaproxy = first.some(({ service, old }) => old.length > 0 && haproxyServices.includes(service.name));
  return [
    ...removeDead(wave),
    ...(stopsHaproxy ? readyStep(unchanged, 'it serves while the other is replaced') : []),
    ...first.flatMap((change) => stopStep(change.old, `${change.cause}; it ${reasonOf(change.service)}`)),
    ...startStep(
      wave,
      ({ missing }) => missing,
      (change) => change.good.length + (isSurge(change) ? change.old.length : 0),
    ),
    ...readyStep(names),
    ...wave.filter(isSurge).flatMap((change) => stopStep(change.old, 'its successor has taken over')),
  ];
}
