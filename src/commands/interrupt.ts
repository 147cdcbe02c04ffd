import { exitCodes } from '../errors.ts';

export interface Interrupts {
  signal: AbortSignal;
  /** Aborts without a signal. */
  abort(): void;
  dispose(): void;
}

export interface InterruptOptions {
  /** Called once, at the first signal. */
  onFirst(): void;
  /** Called before the process ends at the second one. */
  onSecond(): void;
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The first signal aborts, so that the current step can finish or be undone; the second ends the process at once. */
export function watchInterrupts({ onFirst, onSecond }: InterruptOptions): Interrupts {
  const controller = new AbortController();
  let interrupted = false;
  const handle = (signal: NodeJS.Signals): void => {
    // A closing terminal sends SIGHUP after an earlier signal; it does not count as a second interrupt.
    if (interrupted && signal === 'SIGHUP') return;
    if (interrupted) {
      onSecond();
      process.exit(exitCodes.interrupted);
    }
    interrupted = true;
    onFirst();
    controller.abort();
  };
  for (const signal of signals) process.on(signal, handle);
  return {
    signal: controller.signal,
    abort: () => controller.abort(),
    dispose: () => signals.forEach((signal) => process.removeListener(signal, handle)),
  };
}

/** Whether the error is, or was caused by, the abort of the signal. */
export function isAbort(error: unknown, signal: AbortSignal): boolean {
  if (!signal.aborted) return false;
  for (let current = error; current instanceof Error; current = current.cause) {
    if (current === signal.reason || current.name === 'AbortError') return true;
  }
  return false;
}
