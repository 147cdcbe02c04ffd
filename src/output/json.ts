import type { Subscriber, Writable } from './subscriber.ts';

/** One line with a JSON object per event. Only a command's final object has a `schema`. */
export function jsonSubscriber(stream: Writable, date: () => Date): Subscriber {
  return {
    emit: ({ kind, ...event }) => stream.write(`${JSON.stringify({ kind, at: date().toISOString(), ...event })}\n`),
    aside: (write) => write(),
    end: () => {},
  };
}
