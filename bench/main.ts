import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import { backup } from './backup.ts';
import { cliStart } from './cli-start.ts';
import { database } from './database.ts';
import { edge } from './edge.ts';
import { idle } from './idle.ts';
import { outage } from './outage.ts';
import { pgbench } from './pgbench.ts';
import { planning } from './planning.ts';
import { rolling } from './rolling.ts';
import { timelines } from './timelines.ts';
import { machine, markdown, round, table, type Measured, type Part } from './measure.ts';

/** A part measures one thing against its baselines in one run; add yours here. */
const parts: Part[] = [cliStart, planning, idle, rolling, edge, pgbench, database, backup, timelines, outage];

type Result = (Measured & { at: string; seconds: number }) | { at: string; failed: string };

const latest = new URL('results/latest.json', import.meta.url);
const pages = { performance: 'Performance', reliability: 'Reliability' };
const schema = 'horme.bench/1';

process.exitCode = await main(process.argv.slice(2));

async function main(names: string[]): Promise<number> {
  const unknown = names.filter((name) => !parts.some((part) => part.name === name));
  if (unknown.length > 0) {
    const lines = parts.map((part) => `  ${part.name.padEnd(12)}${part.about}`);
    console.error(`no such part: ${unknown.join(', ')}\nnpm run bench -- [part…]\n${lines.join('\n')}`);
    return 2;
  }
  const chosen = names.length === 0 ? parts : parts.filter((part) => names.includes(part.name));
  const results: Record<string, Result> = {};
  for (const part of chosen) results[part.name] = await run(part);
  await save(results);
  return Object.values(results).some((result) => 'failed' in result) ? 1 : 0;
}

/** A part that fails does not take the figures of the others with it. */
async function run(part: Part): Promise<Result> {
  const at = new Date().toISOString();
  const started = performance.now();
  try {
    const measured = await part.measure();
    console.log(`${table(measured)}\n`);
    return { at, seconds: round((performance.now() - started) / 1000), ...measured };
  } catch (error) {
    console.error(`${part.name} failed: ${String(error)}\n`);
    // The rest is what a program printed, which may have an address with a password in it.
    const [failed = ''] = String(error).split('\n');
    return { at, failed };
  }
}

/** Parts that were not run keep their last figures, with the time they are from. */
async function save(results: Record<string, Result>): Promise<void> {
  const document = { schema, machine: machine(), parts: { ...(await earlier()), ...results } };
  await mkdir(new URL('.', latest), { recursive: true });
  await writeFile(latest, JSON.stringify(document, undefined, 2) + '\n');
  for (const [name, title] of Object.entries(pages)) {
    const own = parts.filter(({ page }) => (page ?? 'performance') === name).map((part) => part.name);
    const shown = Object.fromEntries(Object.entries(document.parts).filter(([part]) => own.includes(part)));
    await writeFile(new URL(`../docs/${name}.md`, import.meta.url), pageOf(title, document.machine, shown));
  }
}

function pageOf(title: string, host: ReturnType<typeof machine>, all: Record<string, Result>): string {
  const memory = Math.round(host.memoryBytes / 2 ** 30);
  const sections = Object.values(all).map((result) =>
    'failed' in result
      ? `The part failed: ${result.failed}\n`
      : `${markdown(result)}\nMeasured ${result.at.slice(0, 16).replace('T', ' ')} UTC.\n`,
  );
  return `# ${title}

The last run of \`npm run bench\`, written by it. Machines are noisy: read the ratios, which compare with a baseline of the
same run. Machine: ${host.cpus} cores (${host.model}), ${memory} GiB, Node ${host.node}.

${sections.join('\n')}`;
}

async function earlier(): Promise<Record<string, Result>> {
  try {
    const document = JSON.parse(await readFile(latest, 'utf8')) as { schema?: string; parts?: Record<string, Result> };
    return document.schema === schema ? (document.parts ?? {}) : {};
  } catch {
    return {};
  }
}
