import type { Tally } from './traffic-log.ts';

/** Smallest number of errors that can be a regression. */
const fewestErrors = 5;
/** Increase of the error rate that counts as a regression. */
const errorMargin = 0.05;
/** With fewer requests than this before the cutover the baseline is unknown: the error rate must rise by 0.5 then. */
const fewestBefore = 20;
const unknownMargin = 0.5;
/** Answers slower than before by this factor and this much are a regression; a cold cache is not. */
const slowFactor = 5;
const slowSeconds = 0.5;
/** A mean over fewer requests means little. */
const fewestRequests = 50;
/** A request counts as unanswered if it waits longer than this and longer than `slowFactor` times the mean before. */
const waitsSeconds = 5;
/** For a first replica after its time on a share of the traffic: if its requests hang, it gets few new ones. */
const fewestUnanswered = 2;
const unansweredShare = 0.2;

export interface Now extends Tally {
  /** In flight for longer than `patienceSeconds`. */
  waiting: number;
  patienceSeconds: number;
}

const meanSeconds = ({ inFlightSeconds, ended }: Tally) => inFlightSeconds / Math.max(1, ended);

/** How long a request may wait before it counts as unanswered, seconds. */
export const patienceOf = (before: Tally) => Math.max(waitsSeconds, slowFactor * meanSeconds(before));

const percent = (value: number) => `${(value * 100).toFixed(1)} %`;

interface Failing {
  requests: number;
  failing: number;
}

const shareOf = ({ requests, failing }: Failing) => (requests > 0 ? failing / requests : 0);

/** Whether the error rate has certainly risen. */
export const failsMore = (before: Failing, now: Failing, margin = errorMargin): boolean =>
  now.failing >= fewestErrors && shareOf(now) > shareOf(before) + margin;

/** Describes the regression; undefined: none. */
export function worse(before: Tally, now: Now): string | undefined {
  const usual = { requests: before.ended, failing: before.failing };
  const present = { requests: now.ended + now.waiting, failing: now.failing + now.waiting };
  if (failsMore(usual, present, usual.requests < fewestBefore ? unknownMargin : errorMargin))
    return `${unserved(now)} (${percent(shareOf(present))}; ${percent(shareOf(usual))} before)`;
  if (before.ended < fewestRequests || now.ended < fewestRequests) return undefined;
  const [was, is] = [meanSeconds(before), meanSeconds(now)];
  if (is <= was * slowFactor || is <= was + slowSeconds) return undefined;
  return `answers take ${Math.round(is * 1000)} ms; ${Math.round(was * 1000)} ms before`;
}

/** Describes a first replica that left too many of its requests unanswered; undefined: it did not. */
export function hardlyAnswers(now: Now): string | undefined {
  const failing = now.failing + now.waiting;
  const requests = now.ended + now.waiting;
  return failing >= fewestUnanswered && failing / requests > unansweredShare ? unserved(now) : undefined;
}

function unserved({ failing, waiting, ended, patienceSeconds }: Now): string {
  const hanging = waiting > 0 ? `, ${waiting} of them without an answer for ${Math.round(patienceSeconds)} s` : '';
  return `${failing + waiting} of ${ended + waiting} requests failed${hanging}`;
}
