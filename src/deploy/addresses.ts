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
  /** Status codes that the health check accepts; undefined: see `problemOf`. */
  good: string | undefined;
}

/** Key under which the answers of an address are stored. */
export const addressKey = ({ method = 'GET', url }: { method?: string | undefined; url: string }) => `${method} ${url}`;

type Routed = Pick<ReleaseContent, 'services' | 'ports'>;

/**
 * The path of each route, and the path of its health check if the edge sends that path to the same service and port.
 */
export function addressesOf(content: Routed): Address[] {
  const all = content.services.flatMap((service) => service.routes.map((route) => ({ service: service.name, route })));
  const nobody = content.services.filter(({ replicas }) => replicas === 0).map(({ name }) => name);
  const addresses = all.flatMap(({ service, route }) => {
    // An operator scaled the service to 0, so the edge's 503 there is expected.
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

/** The edge routes by the longest matching path, so a health check's path may belong to another service. */
function leadsTo(all: { service: string; route: Route }[], service: string, route: Route, path: string): boolean {
  const [plain = path] = path.split('?');
  const matching = all
    .filter((one) => one.route.host === route.host && isBelow(plain, one.route.path))
    .sort((a, b) => b.route.path.length - a.route.path.length);
  const [winner] = matching;
  return winner !== undefined && winner.service === service && winner.route.port === route.port;
}

const isBelow = (path: string, base: string) => base === '/' || path === base || path.startsWith(`${base}/`);

/** Login required, and rate limited: neither means that the application is broken. */
const soundRefusals = [401, 429];

/** Only the application itself answers 501, such as an API with nothing at its root; a proxy never does. */
const notImplemented = 501;

/**
 * What is wrong with an answer; undefined: nothing. If no codes are set for the address, a 4xx is a problem only where
 * the address answered below 400 before.
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
