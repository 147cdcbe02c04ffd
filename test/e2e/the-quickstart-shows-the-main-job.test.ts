import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { containersOf } from './harness/docker.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const project = 'e2e-shop-local';
/** Minutes where processes start slowly; milliseconds. */
const timeout = 600_000;
/** Ends before the test does, or it would still be at work while all of it is taken down; milliseconds. */
const runMilliseconds = timeout - 20_000;

async function quickstart(...words: string[]): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
  const child = spawn(`${root}bin/quickstart`, words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, HORME_QUICKSTART_SHOP: shop },
    timeout: runMilliseconds,
    killSignal: 'SIGKILL',
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [exitCode] = (await once(child, 'close')) as [number | null];
  return { exitCode, stdout, stderr };
}

/** A copy: the shop of whoever runs this may be up. */
let shop: string;

beforeAll(async () => {
  shop = await mkdtemp(join(tmpdir(), 'horme-shop-'));
  await cp(join(root, 'examples', 'shop'), shop, { recursive: true, filter: (path) => !path.endsWith('.horme') });
  const file = join(shop, 'compose.yaml');
  const text = await readFile(file, 'utf8');
  const own = text
    .replace('name: shop\n', 'name: e2e-shop\n')
    .replace('domain: shop.localhost\n', 'domain: e2e-shop.localhost\n')
    .replace('ports: { http: 8080, https: 8443 }', 'ports: { http: 18080, https: 18443 }');
  await writeFile(file, own);
});

afterAll(async () => {
  await quickstart('--down');
  await rm(shop, { recursive: true, force: true });
}, timeout);

test(
  'it deploys the shop, rolls v2 over v1 without a failure, and a broken v3 rolls itself back',
  { timeout },
  async () => {
    const { exitCode, stdout, stderr } = await quickstart('--json');
    expect(exitCode, stderr).toBe(0);
    const summary = JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as Record<string, never>;
    expect(summary).toMatchObject({
      schema: 'horme.quickstart/1',
      services: expect.arrayContaining([
        'api',
        'frontend',
        'mcp',
        'horme-postgres-1',
        'horme-postgres-2',
        'horme-database',
        'horme-pooler',
        'horme-redis',
        'horme-nginx',
      ]) as never,
      rolling: { failed: 0 },
      badRelease: { exitCode: 10, failed: 0 },
      url: 'https://e2e-shop.localhost:18443/',
    });
    const running = (await containersOf(project)).filter(
      ({ state, service }) => state === 'running' && service === 'api',
    );
    expect(running).toHaveLength(3);
  },
);
