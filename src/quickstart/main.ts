import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openConnection } from '../engine/connection.ts';
import { dockerEngine } from '../engine/docker.ts';
import { exitCodes } from '../errors.ts';
import { startProber } from '../deploy/prober.ts';
import type { Proof } from '../proof.ts';
import { count, duration, milliseconds } from '../output/format.ts';
import { run } from '../engine/process.ts';

/**
 * Demonstrates the main use: deploys the example, rolls out a second version under steady traffic, lets a broken third
 * one roll back, and leaves the second running. Uses only the public command line.
 */
const root = join(import.meta.dirname, '..');
/** The tests use a copy with another name and other ports, since a user may have this shop running. */
const shop = process.env.HORME_QUICKSTART_SHOP ?? join(root, 'examples', 'shop');
/** Last resort for a command that hangs in spite of its own deadlines. */
const commandSeconds = 600;
/** Requests in addition to the deploy's prober; enough to see a gap of 0.1 s without loading the machine. */
const requestsPerSecond = 40;

interface Status {
  url: string;
  services: { name: string }[];
}

interface Measured {
  exitCode: number;
  proof: Proof;
}

async function main(): Promise<number> {
  const words = process.argv.slice(2);
  if (words.includes('--down')) return down();
  const say = (text: string) => (words.includes('--json') ? process.stderr : process.stdout).write(`${text}\n`);
  say('\n1. The shop, version v1');
  const first = await horme(['deploy', '--watch', '2'], { SHOP_VERSION: 'v1' });
  if (first.exitCode !== 0) return first.exitCode;
  say('\n2. Version v2 under steady traffic');
  const { url } = await last<Status>(['status', '--json']);
  const rolling = await underTraffic(url, () => horme(['deploy'], { SHOP_VERSION: 'v2' }));
  if (rolling.exitCode !== 0) return rolling.exitCode;
  say('\n3. Version v3, which is broken: it must roll itself back');
  const bad = await underTraffic(url, () => horme(['deploy'], { SHOP_VERSION: 'v3', SHOP_BROKEN: 'crash' }));
  const { services } = await last<Status>(['status', '--json']);
  const told = words.includes('--json')
    ? JSON.stringify(summary(url, rolling, bad, services))
    : story(new URL(url), rolling, bad);
  process.stdout.write(`${told}\n`);
  return bad.exitCode === exitCodes.rolledBack ? exitCodes.done : exitCodes.bug;
}

/** Measures with a client that is independent of the deploy's prober, as a user's traffic would. */
async function underTraffic(url: string, work: () => Promise<{ exitCode: number }>): Promise<Measured> {
  const connectTo = { host: '127.0.0.1', port: Number(new URL(url).port) };
  const targets = ['/', '/api/products'].map((path) => ({ url: new URL(path, url).href, connectTo }));
  const prober = startProber({ targets, perSecond: requestsPerSecond });
  await prober.ready;
  const started = performance.now();
  const { exitCode } = await work();
  const wallSeconds = (performance.now() - started) / 1000;
  return { exitCode, proof: { ...(await prober.stop()), wallSeconds } };
}

async function horme(
  words: string[],
  variables: Record<string, string>,
  capture = false,
): Promise<{ exitCode: number; stdout: string }> {
  const argv = [
    process.execPath,
    join(root, 'dist', 'horme.cjs'),
    '--project-directory',
    shop,
    '--env',
    'local',
    ...words,
  ];
  const { exitCode, stdout } = await run(argv, {
    env: { ...process.env, SHOP_NPMRC: './.horme/npmrc', ...variables },
    deadlineSeconds: commandSeconds,
    ...(!capture && { onLine: (line: string) => void process.stderr.write(`   ${line}\n`) }),
  });
  return { exitCode, stdout };
}

/** The last line of what a command prints with --json. */
async function last<T>(words: string[]): Promise<T> {
  const { exitCode, stdout } = await horme(words, { SHOP_VERSION: 'v2' }, true);
  if (exitCode !== 0) throw new Error(`horme ${words.join(' ')} ended with exit code ${exitCode}`);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as T;
}

function summary(url: string, rolling: Measured, bad: Measured, services: Status['services']): object {
  const { requests, failed, p99Milliseconds, worstGapMilliseconds, wallSeconds } = rolling.proof;
  return {
    schema: 'horme.quickstart/1',
    services: services.map(({ name }) => name),
    rolling: { requests, failed, p99Milliseconds, worstGapMilliseconds, wallSeconds },
    badRelease: { exitCode: bad.exitCode, requests: bad.proof.requests, failed: bad.proof.failed },
    url,
  };
}

function story({ hostname, port, href }: URL, rolling: Measured, bad: Measured): string {
  const { requests, failed, p99Milliseconds, worstGapMilliseconds, wallSeconds } = rolling.proof;
  return `
v2 rolled over v1 in ${duration(wallSeconds)}: ${count(requests)} requests meanwhile, ${failed} failed, p99 ${milliseconds(p99Milliseconds)}, longest gap ${milliseconds(worstGapMilliseconds)}
v3 was broken and rolled itself back (exit code ${bad.exitCode}): ${count(bad.proof.requests)} requests meanwhile, ${bad.proof.failed} failed

v2 is running:
  ${href}               the shop (the certificate is self-signed)
  https://api.${hostname}:${port}/    its API, three replicas
  https://mcp.${hostname}:${port}/mcp its catalogue for AI assistants

next:
  cd examples/shop && ../../bin/horme status
  ./bin/quickstart --down      removes all that this made`;
}

/** Written by bin/quickstart at its first run: tags of the platform images that existed before, one per line. */
const imagesBefore = join(shop, '.horme', 'images-before');

/**
 * Removes what the quickstart made: the shop, its data and its images, and the platform images that it had to build.
 */
async function down(): Promise<number> {
  const { exitCode } = await horme(['down', '--volumes', '--confirm', 'local'], {});
  if (exitCode !== 0) return exitCode;
  const { project } = await last<{ project: string }>(['releases', '--json']);
  const engine = dockerEngine(openConnection(undefined, process.env), new AbortController().signal);
  const before = await readFile(imagesBefore, 'utf8').catch(() => undefined);
  const platform = before === undefined ? [] : await engine.images('horme/*');
  const tags = [...(await engine.images(`${project}/*`)), ...platform]
    .flatMap((image) => image.tags)
    .filter((tag) => tag.startsWith(`${project}/`) || tag.startsWith('horme/'))
    .filter((tag) => !before?.split('\n').includes(tag));
  const kept: string[] = [];
  for (const tag of new Set(tags)) if (!(await engine.untag(tag))) kept.push(tag);
  await rm(join(shop, '.horme'), { recursive: true, force: true });
  process.stdout.write(
    `removed the shop and ${new Set(tags).size - kept.length} images; the engine and what was there before stay\n`,
  );
  if (kept.length > 0) process.stdout.write(`in use by other projects, and kept: ${kept.join(', ')}\n`);
  return exitCodes.done;
}

void main().then((code) => {
  process.exitCode = code;
});
