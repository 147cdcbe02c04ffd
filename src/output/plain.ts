import type { Event } from '../events.ts';
import { duration, proofLine, quantity } from './format.ts';
import { printable } from './style.ts';
import { liveOf, type Subscriber, type Writable } from './subscriber.ts';

/** One line per event, for CI logs and pipes. The proof is a result, so it goes to `results`. */
export function plainSubscriber(progress: Writable, results: Writable): Subscriber {
  const titles = new Map<string, string>();
  const details = new Map<string, string>();

  function line(event: Event): string | undefined {
    switch (event.kind) {
      case 'plan':
        return event.steps.length === 0 ? 'nothing to do' : `plan: ${quantity(event.steps.length, 'step')}`;
      case 'step-started':
        titles.set(event.id, event.title);
        return `started: ${event.title}`;
      case 'step-progress':
        // A polling step repeats the same detail many times a second.
        if (details.get(event.id) === event.detail) return undefined;
        details.set(event.id, event.detail);
        return `${titles.get(event.id) ?? event.id}: ${event.detail}`;
      case 'step-finished':
        return `done: ${event.title} · ${duration(event.seconds)}`;
      case 'step-failed':
        return `failed: ${event.title} · ${duration(event.seconds)} · ${event.message}`;
      case 'log':
        return `${event.source} | ${event.line}`;
      case 'note':
        return event.text;
      case 'warning':
        return `warning: ${event.text}`;
      case 'proof':
        return proofLine(event.proof, liveOf(event));
    }
  }

  return {
    emit(event) {
      const text = line(event);
      if (text !== undefined) (event.kind === 'proof' ? results : progress).write(`${printable(text)}\n`);
    },
    aside: (write) => write(),
    end: () => {},
  };
}
