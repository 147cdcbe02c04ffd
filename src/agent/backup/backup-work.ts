import { parseSchedule } from '../../schedule.ts';
import type { Reading } from '../clock.ts';
import { stopwatch } from '../moments.ts';
import type { Child } from '../child.ts';
import type { Watch, Work } from '../work.ts';
import type { Worker } from '../worker.ts';
import type { Agent } from './agent.ts';
import { clockProblem, noteReading, remembered } from './clock-hold.ts';
import { dueBackup, dueDrill, mendedSlots, stateIsDue, wantedBackups, type Due } from './due.ts';
import { fingerprint, stateFolder, tagsOf, wantedSources, type Kind } from './files/sources.ts';
import type { Status } from './known.ts';
import { renderMetrics } from './metrics.ts';
import { recordOutcome, slotField, type Fields } from './record.ts';

/** How soon the state's files are looked at again, in seconds. */
const stateLookSeconds = 30;
/** How old the clock's last reading may be for a backup that asks whether it jumped, in seconds. */
const clockSeconds = 60;

/** What the role does. */
export interface RoleWork {
  backup(options: { repositories?: number[]; kinds?: Kind[] }): Promise<unknown>;
  drill(): Promise<unknown>;
  /** Of a database that is backed up; without it there is nothing to do for that role. */
  database?: {
    begin(): Promise<void>;
    watches: Watch[];
    /** The server that the members push their WAL through. */
    startServer(): Child;
  };
}

/** Takes backups and drills them by schedule. */
export class BackupWork implements Work {
  readonly #agent: Agent;
  readonly #role: RoleWork;
  readonly #log: (text: string) => void;
  #clock: Reading | undefined;
  /** In steady seconds. */
  #clockNotedAt = Number.NEGATIVE_INFINITY;
  #sinceStateLook: (() => number) | undefined;
  #server: Child | undefined;
  #setUpAt: string | undefined;
  #wantedBackups = new Set<string>();

  constructor(agent: Agent, role: RoleWork, log: (text: string) => void) {
    this.#agent = agent;
    this.#role = role;
    this.#log = log;
  }

  get title(): string {
    const { role, schedule, repositories } = this.#agent.told;
    return `${role}: backups at '${schedule}', ${repositories.length} repositories`;
  }

  get watches(): Watch[] {
    return this.#role.database?.watches ?? [];
  }

  async begin(): Promise<void> {
    const { told, status } = this.#agent;
    for (const schedule of [told.schedule, told.drillSchedule]) parseSchedule(schedule);
    this.#clock = remembered((await status.read()).clock);
    await this.#role.database?.begin();
  }

  async tick(worker: Worker): Promise<void> {
    await this.#followClock();
    await this.#keepServer();
    if (!worker.isBusy) await this.startWhatIsDue(worker);
  }

  async metrics(): Promise<string> {
    const { told, status, clock } = this.#agent;
    return renderMetrics(told, await status.read(), clock.awake());
  }

  async #followClock(): Promise<void> {
    const { status, clock } = this.#agent;
    const known = await status.read();
    const [before, now] = [this.#clock, clock.read()];
    const wrong = clockProblem(before, now, known);
    const slots = mendedSlots(known, now.wall);
    this.#clock = now;
    if (wrong !== undefined && !known.clockJumped) this.#log(`${wrong}; nothing is expired for a day`);
    const isOld = now.steady - this.#clockNotedAt >= clockSeconds;
    if (wrong === undefined && Object.keys(slots).length === 0 && !isOld) return;
    this.#clockNotedAt = now.steady;
    await status.update((changed) => noteReading(changed, { before, now, jumped: wrong !== undefined, slots }));
  }

  /** Restarted whenever it died. */
  async #keepServer(): Promise<void> {
    const { database } = this.#role;
    if (database === undefined || (this.#server && this.#server.exitCode() === undefined)) return;
    if (this.#server) {
      this.#log(`pgbackrest's server ended with ${this.#server.exitCode()}; it is started again`);
      await this.#agent.programs.end(this.#server);
    }
    this.#server = database.startServer();
  }

  async startWhatIsDue(worker: Worker): Promise<void> {
    const { told, status, clock } = this.#agent;
    if (told.role === 'database' && told.stanza === null) return;
    const known = await status.read();
    this.#forgetWhatIsMended(known, worker);
    const sources = told.role === 'files' ? (await wantedSources(this.#agent)).map(tagsOf) : [];
    const numbers = told.repositories.map(({ number }) => number);
    const [now, schedule] = [clock.now(), told.schedule];
    const backup = dueBackup({ schedule, known, numbers, now, tried: worker.tried('backup'), sources });
    if (backup) return this.#backUp(worker, backup);
    // What a release wrote does not wait for a drill.
    if (told.role === 'files' && (await this.#backUpState(worker, known))) return;
    const drill = dueDrill(told.drillSchedule, known, now, worker.tried('drill'));
    if (drill) this.#start(worker, 'drill', drill.reason, () => this.#role.drill(), slotField('lastDrillSlot', drill));
  }

  /**
   * After `set-up`, and where a gap was found since the last tick: that repository could be asked. A drill that gave way to its backup
   * would else begin again while this waits, maybe for another repository.
   */
  #forgetWhatIsMended(known: Status, worker: Worker): void {
    const wanted = wantedBackups(known);
    const isNew = [...wanted].some((number) => !this.#wantedBackups.has(number));
    if (known.setUpAt !== this.#setUpAt || isNew) worker.forget('backup');
    this.#setUpAt = known.setUpAt;
    this.#wantedBackups = wanted;
  }

  async #backUp(worker: Worker, due: Due): Promise<void> {
    const { told, folders } = this.#agent;
    const fields = slotField('lastSlot', due);
    // Only of all: one in which a backup of the state failed would else lack it until it changes.
    if (told.role === 'files' && due.repositories.length === told.repositories.length) {
      fields.stateSeen = (await fingerprint(stateFolder(folders))) ?? null;
    }
    const work = () => this.#role.backup({ repositories: due.repositories });
    this.#start(worker, 'backup', due.reason, work, fields);
  }

  /** True when it was begun. */
  async #backUpState(worker: Worker, known: Status): Promise<boolean> {
    if (this.#sinceStateLook && this.#sinceStateLook() < stateLookSeconds) return false;
    this.#sinceStateLook = stopwatch();
    // Before the backup: what is written during it is seen as new.
    const seen = await fingerprint(stateFolder(this.#agent.folders));
    if (!stateIsDue(known, seen, worker.tried('state'))) return false;
    const work = () => this.#role.backup({ kinds: ['state'] });
    this.#start(worker, 'state', "the project's state changed", work, { stateSeen: seen ?? null });
    return true;
  }

  #start(worker: Worker, kind: string, reason: string, work: () => Promise<unknown>, fields: Fields): void {
    this.#log(`${kind}: ${reason}`);
    worker.start(kind, work, (error) => recordOutcome(this.#agent, kind, fields, error));
  }
}
