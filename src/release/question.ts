import type { HealthCheck, Route } from '../stack/stack.ts';

/** A readiness probe of one port. The deploy's gate and HAProxy's health check use the same one. */
export interface Question {
  port: number;
  /** The Host of a user's request: some applications answer only for their own host names. */
  host: string;
  /** Undefined: it is enough that the port accepts connections. */
  health: HealthCheck | undefined;
}

/** One probe for each routed port, in the order of the routes; the host is that of the port's first route. */
export function questionsOf(routes: Route[]): Question[] {
  const first = new Map<number, Question>();
  for (const { port, host, health } of routes) if (!first.has(port)) first.set(port, { port, host, health });
  return [...first.values()];
}

/** Whether a code is one of `200,204,301-308`. */
export function isGoodStatus(code: number, codes: string): boolean {
  return codes.split(',').some((range) => {
    const [from = 0, to = from] = range.split('-').map(Number);
    return code >= from && code <= to;
  });
}
