import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { Programs, type Completed, type RunOptions } from './programs.ts';
import { pause } from './wait.ts';

function shell(script: string, options: Partial<RunOptions> = {}): Promise<Completed> {
  return new Programs().run(['sh', '-c', script], { seconds: 20, ...options });
}

/** Given a second: a signal is on its way when `kill` returns. Whoever is only not yet waited for has ended. */
async function lives(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 50; tries++) {
    try {
      if (readFileSync(`/proc/${pid}/stat`, 'utf8').split(')')[1]?.trim().startsWith('Z')) return false;
    } catch {
      return false;
    }
    await pause(0.02);
  }
  return true;
}

test('output, input, environment and exit code', async () => {
  const heard: string[] = [];
  const onLine = (line: string): void => void heard.push(line);
  const done = await shell('echo out; echo $X >&2; cat; exit 3', { stdin: 'in\n', env: { X: 'err' }, onLine, nice: 5 });
  expect(done).toEqual({ exitCode: 3, stdout: 'out\nin\n', stderr: 'err\n' });
  expect(heard.sort()).toEqual(['err', 'in', 'out']);
});

test('no shell sees the arguments', async () => {
  const { stdout } = await new Programs().run(['echo', '$HOME; `id`'], { seconds: 20 });
  expect(stdout).toBe('$HOME; `id`\n');
});

test('the whole group ends at the deadline', async () => {
  const pids: string[] = [];
  const ran = shell('sleep 300 & echo $!; sleep 300', { seconds: 2, onLine: (line) => void pids.push(line) });
  await expect(ran).rejects.toMatchObject({
    code: 'deadline',
    message: expect.stringContaining('it last said') as string,
  });
  expect(await lives(Number(pids[0]))).toBe(false);
});

test('what a child leaves behind does not stay, nor hold us up', async () => {
  const started = performance.now();
  const { stdout } = await shell('sleep 300 & echo $!', { seconds: 1.5 });
  expect(performance.now() - started).toBeLessThan(10_000);
  expect(await lives(Number(stdout))).toBe(false);
});

test('only the last lines are kept when asked for', async () => {
  expect((await shell('seq 100000', { keepLines: 2 })).stdout).toBe('99999\n100000\n');
});

test('lines end as programs end them, also within two blocks', async () => {
  const script = "printf 'one\\r'; sleep 0.2; printf '\\ntwo\\rthree'";
  expect((await shell(script)).stdout).toBe('one\ntwo\nthree');
});

test('a listener that fails neither stops the child nor is lost', async () => {
  const failing = (): never => {
    throw new RangeError('heard enough');
  };
  await expect(shell('seq 100000', { onLine: failing })).rejects.toThrow(RangeError);
});

test('who wants no input gets none, and who stops reading is no error', async () => {
  expect((await shell('cat')).stdout).toBe('');
  expect((await shell('exit 0', { stdin: 'x'.repeat(1_000_000) })).exitCode).toBe(0);
});

test('a program that is missing is a bug', async () => {
  await expect(new Programs().run(['horme-no-such-program'], { seconds: 5 })).rejects.toThrow('ENOENT');
});

test('the children end with the agent', async () => {
  const programs = fileURLToPath(new URL('programs.ts', import.meta.url));
  const script = `
    const { Programs } = await import(${JSON.stringify(programs)});
    const programs = new Programs();
    process.once('SIGTERM', () => void programs.endAll());
    const argv = ['sh', '-c', 'echo $$; sleep 300'];
    await programs.run(argv, { seconds: 300, onLine: (line) => console.log(line) }).catch((error) => (process.exitCode = error.code === 'stopped' ? 143 : 1));
  `;
  const agent = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script]);
  const [line] = (await once(agent.stdout, 'data')) as [Buffer];
  agent.kill('SIGTERM');
  expect(await once(agent, 'exit')).toEqual([143, null]);
  expect(await lives(Number(line))).toBe(false);
});
