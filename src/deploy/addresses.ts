import { isGoodStatus } from '../release/question.ts';
import type { ReleaseContent } from '../release/release.ts';
import { webOrigin } from '../stack/routes.ts';
import type { Route } from '../stack/stack.ts';
import type { Answer } from './probe.ts';

/** A public address that a user would type, or that the service's health check names. */
export interface Address {
  service: string;
  url: string;
  method: string;
  /** Codes of a good answer, where a health check says so; undefined: what counts is whether the user was served. */
  good: string | undefined;
}

/** By which what an address answers is found again. */
export const addressKey = ({ method = 'GET', url }: { method?: string | undefined; url: string }) => `${method} ${url}`;

type Routed = Pick<ReleaseContent, 'services' | 'ports'>;

/** Each route's own path, and the path of its health check where the edge sends that to the same port. */
export function addressesOf(content: Routed): Address[] {
  const all = content.services.flatMap((service) => service.routes.map((route) => ({ service: service.name, route })));
  const nobody = content.services.filter(({ replicas }) => replicas === 0).map(({ name }) => name);
  const addresses = all.flatMap(({ service, route }) => {
    // Scaled to nothing by somebody's wish: the edge answers 503 there, and that is no news.
    if (nobody.includes(service)) return [];
    const base = webOrigin(route.host, content.ports.https);
    const { health } = route;
    const asked = health !== undefined && leadsTo(all, service, route, health.path);
    const checked = asked ? [{ service, url: base + health.path, method: health.method, good: health.status }] : [];
    const same = checked.some(({ url, method }) => url === base + route.path && method === 'GET');
    return same ? checked : [{ service, url: base + route.path, method: 'GET', good: undefined }, ...checked];
  });
  return [...new Map(addresses.map((address) => [addressKey(address), address])).values()];
}

/** The longest path of a host wins: another service may have the one that the health check names. */
function leadsTo(all: { service: string; route: Route }[], service: string, route: Route, path: string): boolean {
  const [plain = path] = path.split('?');
  const matching = all
    .filter((one) => one.route.host === route.host && isBelow(plain, one.route.path))
    .sort((a, b) => b.route.path.length - a.route.path.length);
  const [winner] = matching;
  return winner !== undefined && winner.service === service && winner.route.port === route.port;
}

const isBelow = (path: string, base: string) => base === '/' || path === base || path.startsWith(`${base}/`);

/** A page that wants a login, or an application that limits how often it is asked: neither is broken. */
const soundRefusals = [401, 429];

/** What an application says of itself, such as an API that has nothing at its root; no proxy says it of a replica. */
const notImplemented = 501;

/**
 * What is wrong with an answer; undefined: the user was served. Without codes of its own an address may answer any 4xx, as
 * long as it did so before: what it served before and refuses now is lost.
 */
export function problemOf(
  { good }: { good?: string | undefined },
  answer: Answer,
  before?: number,
): string | undefined {
  const { status } = answer;
  if (status === undefined) return answer.error ?? 'no answer';
  if (good !== undefined) return isGoodStatus(status, good) ? undefined : `answered ${status}, not ${good}`;
  if (status >= 500 && status !== notImplemented) return `answered ${status}`;
  const lost = before !== undefined && before < 400 && status >= 400 && !soundRefusals.includes(status);
  return lost ? `answered ${status}; ${before} before` : undefined;
}
