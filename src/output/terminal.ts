import type { Event } from '../events.ts';
import { duration, proofLine, quantity } from './format.ts';
import { Progress, type RunningStep } from './progress.ts';
import { printable, truncate, type Style } from './style.ts';
import { liveOf, type Subscriber } from './subscriber.ts';

export interface Terminal {
  write(text: string): unknown;
  columns?: number;
  rows?: number;
}

export interface TerminalOptions {
  stream: Terminal;
  style: Style;
  /** Monotonic, milliseconds. */
  now(): number;
}

/** Ten frames a second look like movement; more would only load a slow ssh connection. */
const frameMilliseconds = 100;
const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
/** Output of builds and replicas is held back, and shown only if a step fails. */
const keptLogLines = 30;

/** Finished steps scroll up, one line each; below them the running ones are redrawn in place. */
export function terminalSubscriber({ stream, style, now }: TerminalOptions): Subscriber {
  const progress = new Progress();
  let logLines: string[] = [];
  let drawnLines = 0;
  let timer: NodeJS.Timeout | undefined;

  const columns = (): number => (stream.columns || 80) - 1;

  function clear(): string {
    const up = drawnLines === 0 ? '' : `\x1b[${drawnLines}A\x1b[J`;
    drawnLines = 0;
    return up;
  }

  function draw(): string {
    const lines = liveLines();
    drawnLines = lines.length;
    return lines.map((line) => `${line}\n`).join('');
  }

  function liveLines(): string[] {
    if (progress.running.size === 0) return [];
    // Never draws more than fits, since the cursor can't go above the screen.
    const room = Math.max(1, (stream.rows || 24) - 4);
    const running = [...progress.running.values()];
    const lines = running.slice(0, room).map(stepLine);
    if (running.length > room) lines.push(style.dim(`  and ${quantity(running.length - room, 'more', 'more')}`));
    const lastLog = logLines.at(-1);
    if (lastLog !== undefined) lines.push(style.dim(truncate(`  ${lastLog}`, columns())));
    const outlook = outlookLine();
    if (outlook !== undefined) lines.push(style.dim(truncate(outlook, columns())));
    return lines;
  }

  function stepLine(step: RunningStep): string {
    const frame = frames[Math.floor(now() / frameMilliseconds) % frames.length] ?? '';
    const elapsed = duration((now() - step.startedMilliseconds) / 1000);
    const words = printable(step.detail === undefined ? step.title : `${step.title} · ${step.detail}`);
    return `${style.cyan(frame)} ${truncate(words, columns() - elapsed.length - 4)}  ${style.dim(elapsed)}`;
  }

  function outlookLine(): string | undefined {
    const { ended, planned } = progress.steps;
    if (planned === 0) return undefined;
    const next = progress.next;
    return `  ${ended} of ${planned} done${next === undefined ? '' : ` · next: ${printable(next)}`}`;
  }

  /** What stays on the screen after the event. */
  function lasting(event: Event): string[] {
    switch (event.kind) {
      case 'plan':
        return event.steps.length === 0 ? ['nothing to do'] : [];
      case 'step-started':
      case 'step-progress':
        return [];
      case 'step-finished':
        return [`${style.green('✓')} ${printable(event.title)}  ${style.dim(duration(event.seconds))}`];
      case 'step-failed':
        return [
          ...takeLog(),
          `${style.red('✗')} ${printable(event.title)}  ${style.dim(duration(event.seconds))}`,
          `  ${style.red(printable(event.message))}`,
        ];
      case 'log':
        return logged(`${event.source} | ${event.line}`);
      case 'note':
        return [printable(event.text)];
      case 'warning':
        return [`${style.yellow('warning:')} ${printable(event.text)}`];
      case 'proof':
        return [style.bold(proofLine(event.proof, liveOf(event)))];
    }
  }

  function logged(line: string): string[] {
    const text = printable(line);
    // Without a running step, such as a replica's last log lines after the rollback, the text is shown at once.
    if (progress.running.size === 0) return [style.dim(`  ${text}`)];
    logLines = [...logLines, text].slice(-keptLogLines);
    return [];
  }

  function takeLog(): string[] {
    const lines = logLines.map((line) => style.dim(`  ${line}`));
    logLines = [];
    return lines;
  }

  function tick(): void {
    if (progress.running.size === 0) {
      clearInterval(timer);
      timer = undefined;
      logLines = [];
    } else {
      timer ??= setInterval(() => stream.write(clear() + draw()), frameMilliseconds).unref();
    }
  }

  return {
    emit(event) {
      progress.apply(event, now());
      const text = lasting(event).map((line) => `${line}\n`);
      tick();
      // One write per redraw, so that nothing flickers.
      stream.write(clear() + text.join('') + draw());
    },
    aside(write) {
      stream.write(clear());
      write();
      stream.write(draw());
    },
    end() {
      clearInterval(timer);
      timer = undefined;
      stream.write(clear());
      progress.running.clear();
    },
  };
}
