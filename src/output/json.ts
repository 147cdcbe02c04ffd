import type { Subscriber, Writable } from './subscriber.ts';

/** One JSON object an event, a line each. Only the final object of a command has a `schema`. */
export function jsonSubscriber(stream: Writable, date: () => Date): Subscriber {
  return {
    emit: ({ kind, ...event }) => stream.write(`${JSON.stringify({ kind, at: date().toISOString(), ...event })}\n`),
    aside: (write) => write(),
    end: () => {},
  };
}
