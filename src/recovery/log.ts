import { labels } from '../engine/labels.ts';
import type { Engine } from '../engine/engine.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import { holding } from '../release/holder.ts';
import { forRootAlone, volumeLabels } from '../release/store.ts';

const volumeName = 'horme-recovery';
const folder = '/recovery';
const file = 'done.json';

interface Done {
  steps: Record<string, DoneStep>;
}

interface DoneStep {
  seconds: number;
  result?: unknown;
}

/**
 * Records the finished steps of a recovery on the engine until the recovery is over, so that a rerun continues there. A
 * machine that has anything else of the project does not count as empty.
 */
export class RecoveryLog {
  readonly #engine: Engine;
  readonly #project: string;
  readonly #id: string;
  readonly #done: Done;
  /** For the deploy that follows the last step. */
  readonly boundary: () => void;

  private constructor(engine: Engine, project: string, id: string, done: Done, boundary: () => void) {
    this.#engine = engine;
    this.#project = project;
    this.#id = id;
    this.#done = done;
    this.boundary = boundary;
  }

  /** `boundary` is called before each step, and again between the step and the note that it is done. */
  static async open(engine: Engine, project: string, toolsImage: string, boundary: () => void): Promise<RecoveryLog> {
    const [existing] = await engine.containers({ [labels.project]: project, [labels.role]: 'recovery' });
    if (existing) return new RecoveryLog(engine, project, existing.id, await read(engine, existing.id), boundary);
    await refuseUsed(engine, project);
    await engine.createVolume(`${project}_${volumeName}`, volumeLabels(project, volumeName));
    const id = await engine.create({
      ...holding,
      name: `${project}-${volumeName}`,
      image: toolsImage,
      labels: { [labels.project]: project, [labels.role]: 'recovery' },
      mounts: [`${project}_${volumeName}:${folder}`],
    });
    // A prune between two attempts would remove a stopped container, and with it the record.
    await engine.start(id);
    return new RecoveryLog(engine, project, id, { steps: {} }, boundary);
  }

  /** Duration of each step in seconds, including steps of earlier runs. */
  get seconds(): Record<string, number> {
    return Object.fromEntries(Object.entries(this.#done.steps).map(([name, { seconds }]) => [name, seconds]));
  }

  /** Runs the step unless an earlier run has finished it; then returns the stored result. */
  async once<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#done.steps[name];
    this.boundary();
    const done = before ?? (await timed(work));
    // Called for skipped steps too, so that a boundary's number means the same place in every run.
    this.boundary();
    if (!before) await this.#note(name, done);
    return done.result as T;
  }

  async #note(name: string, done: DoneStep): Promise<void> {
    this.#done.steps[name] = done;
    await this.#engine.put(this.#id, folder, [{ path: file, content: JSON.stringify(this.#done), ...forRootAlone }]);
  }

  async end(): Promise<void> {
    await this.#engine.remove(this.#id);
    await this.#engine.removeVolume(`${this.#project}_${volumeName}`);
  }
}

async function timed(work: () => Promise<unknown>): Promise<DoneStep> {
  const started = performance.now();
  const result = await work();
  return { seconds: (performance.now() - started) / 1000, result };
}

async function read(engine: Engine, id: string): Promise<Done> {
  const content = (await engine.get(id, `${folder}/${file}`))?.get(file);
  return content ? (JSON.parse(content.toString('utf8')) as Done) : { steps: {} };
}

/** Refuses an engine that has anything of the project, since that may be the only copy. */
async function refuseUsed(engine: Engine, project: string): Promise<void> {
  const containers = await engine.containers({ [labels.project]: project });
  const all = await engine.volumes({ [labels.composeProject]: project });
  // Ignores the log's own volume, which remains if a run was killed before it had a container.
  const volumes = all.filter(({ name }) => name !== `${project}_${volumeName}`);
  if (containers.length === 0 && volumes.length === 0) return;
  const names = [...containers.map(({ name }) => name), ...volumes.map(({ name }) => `the volume ${name}`)];
  throw new OperatorError(`this engine has something of ${project} already: ${names.slice(0, 5).join(', ')}`, {
    code: 'not-empty',
    exitCode: exitCodes.checkFailed,
    next: 'horme restore brings back data where the environment runs; a recovery needs an engine that has nothing of it',
  });
}
