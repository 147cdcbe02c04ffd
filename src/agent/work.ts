import type { Worker } from './worker.ts';

/** A look that may wait long: it runs beside the loop and keeps neither that nor the heartbeat. */
export interface Watch {
  /** For the log, such as `the database`. */
  what: string;
  everySeconds: number;
  look(): Promise<void>;
}

/** Work that lives in the stack, such as backups: `serve` calls it, and gives it a worker for what takes long. */
export interface Work {
  /** What it is, for the log. */
  title: string;
  /** Before all else; fails when it can't work as it was told. */
  begin(): Promise<void>;
  watches: Watch[];
  /** Each few seconds. Nothing in it waits for long: what does is given to the worker, or is a watch. */
  tick(worker: Worker): Promise<void>;
  /** Lines for Prometheus. */
  metrics(): Promise<string>;
}
