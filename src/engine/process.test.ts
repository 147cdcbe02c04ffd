import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { composeCommand, composeConfig, serviceExtensions } from './compose-config.ts';
import { DeadlineExceeded, ProgramMissing, run } from './process.ts';

test('output, exit code and input', async () => {
  const script =
    'process.stdin.on("data", (d) => { process.stdout.write(d); process.stderr.write("e\\n"); process.exitCode = 3; })';
  const result = await run(['node', '-e', script], { input: 'héllo\n', deadlineSeconds: 10 });
  expect(result).toEqual({ exitCode: 3, stdout: 'héllo\n', stderr: 'e\n' });
});

test('arguments reach the program as they are', async () => {
  const hostile = ['a b', '$HOME', '`id`', "'", '"', ';', '--', '*', ''];
  const result = await run(['node', '-e', 'console.log(JSON.stringify(process.argv.slice(1)))', '--', ...hostile], {
    deadlineSeconds: 10,
  });
  expect(JSON.parse(result.stdout)).toEqual(hostile);
});

test('lines come as they are printed', async () => {
  const lines: string[] = [];
  await run(['node', '-e', 'console.log("a\\nb"); console.error("c")'], {
    deadlineSeconds: 10,
    onLine: (line) => lines.push(line),
  });
  expect(lines.toSorted()).toEqual(['a', 'b', 'c']);
});

test('the environment is only what is given', async () => {
  const env = { PATH: process.env['PATH'], ONLY: 'this' };
  const result = await run(['node', '-e', 'console.log(process.env.ONLY, process.env.HOME)'], {
    env,
    deadlineSeconds: 10,
  });
  expect(result.stdout).toBe('this undefined\n');
});

test('a program that ignores SIGTERM is killed at its deadline', async () => {
  const script = 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)';
  const start = performance.now();
  await expect(run(['node', '-e', script], { deadlineSeconds: 0.5 })).rejects.toBeInstanceOf(DeadlineExceeded);
  expect(performance.now() - start).toBeLessThan(3000);
});

test('what a killed program leaves behind is not waited for', async () => {
  const start = performance.now();
  await expect(run(['sh', '-c', 'sleep 30 & sleep 30'], { deadlineSeconds: 0.2 })).rejects.toBeInstanceOf(
    DeadlineExceeded,
  );
  expect(performance.now() - start).toBeLessThan(8000);
});

test('a signal ends it with its reason', async () => {
  const reason = new Error('interrupted');
  const promise = run(['node', '-e', 'setInterval(() => {}, 1000)'], {
    deadlineSeconds: 10,
    signal: AbortSignal.any([abortedSoon(reason)]),
  });
  await expect(promise).rejects.toBe(reason);
});

function abortedSoon(reason: Error): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(reason), 200);
  return controller.signal;
}

test('a program that is not there', async () => {
  await expect(run(['horme-no-such-program'], { deadlineSeconds: 1 })).rejects.toBeInstanceOf(ProgramMissing);
});

test.runIf(process.platform === 'linux')('more memory than the limit is refused by the system', async () => {
  const result = await run(['perl', '-e', 'my $x = "a" x (1024 ** 3)'], {
    deadlineSeconds: 10,
    memoryBytes: 256 * 1024 ** 2,
  });
  expect(result.exitCode).not.toBe(0);
});

test('without docker and plugin the error says what to install', async () => {
  const env = { PATH: '/nowhere', HOME: '/nowhere', DOCKER_CONFIG: '/nowhere' };
  const hasSystemPlugin = await composeCommand(env).then(
    () => true,
    (error: unknown) => error,
  );
  if (hasSystemPlugin === true) return;
  expect(hasSystemPlugin).toMatchObject({
    code: 'compose-missing',
    exitCode: 3,
    next: expect.stringMatching(/install/) as unknown,
  });
});

test("an interpolated extension comes from Compose's YAML", async () => {
  const overlay =
    'services: { a: { image: x, x-horme: { route: { host: "${H}" }, migrate: ["a: b", "# c"] } }, b: { image: y } }';
  const result = await composeConfig({
    files: [],
    projectDirectory: '/tmp',
    projectName: 'p',
    profiles: [],
    envFiles: [],
    overlay,
    serviceExtensions: true,
    env: { ...process.env, H: 'api' },
    signal: AbortSignal.timeout(20_000),
  });
  expect(result.extensions).toEqual({ a: { route: { host: 'api' }, migrate: ['a: b', '# c'] } });
});

test('extensions are found among other keys', () => {
  const text =
    'name: x\nservices:\n  a:\n    command:\n      - x-horme\n    x-horme:\n      drain: 3s\n      route:\n        - port: 1\n    x-other: 1\n  b:\n    x-horme: {}\nvolumes:\n  c:\n    x-horme: {}\n';
  expect(serviceExtensions(text)).toEqual({ a: { drain: '3s', route: [{ port: 1 }] }, b: {} });
});

test('what a child of its own holds open is not waited for after the deadline', async () => {
  const script =
    'require("node:child_process").spawn("sleep", ["20"], { stdio: "inherit", detached: true }).unref(); console.error("begun")';
  const work = run(['node', '-e', script], { deadlineSeconds: 1 });
  await expect(work).rejects.toMatchObject({ name: 'DeadlineExceeded', stderr: 'begun\n' });
});

test('a program that does not read its input', async () => {
  const result = await run(['node', '-e', '0'], { input: 'x'.repeat(1024 * 1024), deadlineSeconds: 10 });
  expect(result.exitCode).toBe(0);
});

test('output goes to a file, and characters that come in two pieces stay whole', async () => {
  const lines: string[] = [];
  const script =
    'process.stderr.write(Buffer.from([0xc3])); setTimeout(() => { process.stderr.write(Buffer.from([0xa9, 0x0d, 0x0a, 0x78])); process.stdout.write("out") }, 50)';
  const outputFile = join(await mkdtemp(join(tmpdir(), 'horme-process-')), 'out');
  const result = await run(['node', '-e', script], {
    outputFile,
    deadlineSeconds: 10,
    onLine: (line) => lines.push(line),
  });
  expect(lines).toEqual(['é', 'x']);
  expect(result.stdout).toBe('');
  expect(await readFile(outputFile, 'utf8')).toBe('out');
});
