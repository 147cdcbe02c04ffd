import type { HealthCheck, Route } from '../stack/stack.ts';

/** What a replica is asked at one of its ports. The gate of a deploy and HAProxy ask the same. */
export interface Question {
  port: number;
  /** As a user's request has it: an application may answer its own names alone. */
  host: string;
  /** Undefined: the port accepts connections. */
  health: HealthCheck | undefined;
}

/** One for each port of the routes, in their order; the host is that of the port's first route. */
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
