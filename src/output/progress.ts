import type { Event } from '../events.ts';

export interface RunningStep {
  id: string;
  title: string;
  detail: string | undefined;
  startedMilliseconds: number;
}

/** Progress of a plan, from its events: running, finished and next steps. */
export class Progress {
  readonly running = new Map<string, RunningStep>();
  #planned: { id: string; title: string }[] = [];
  #ended = new Set<string>();

  apply(event: Event, nowMilliseconds: number): void {
    switch (event.kind) {
      case 'plan':
        this.#planned = event.steps;
        this.#ended.clear();
        break;
      case 'step-started':
        this.running.set(event.id, {
          id: event.id,
          title: event.title,
          detail: undefined,
          startedMilliseconds: nowMilliseconds,
        });
        break;
      case 'step-progress': {
        const step = this.running.get(event.id);
        if (step) step.detail = event.detail;
        break;
      }
      case 'step-finished':
      case 'step-failed':
        this.running.delete(event.id);
        this.#ended.add(event.id);
        break;
      default:
        break;
    }
  }

  get steps(): { ended: number; planned: number } {
    return { ended: this.#planned.filter((step) => this.#ended.has(step.id)).length, planned: this.#planned.length };
  }

  /** The first planned step that has neither ended nor started. */
  get next(): string | undefined {
    return this.#planned.find((step) => !this.#ended.has(step.id) && !this.running.has(step.id))?.title;
  }
}
