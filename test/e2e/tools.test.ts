import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openConnection } from '../../src/engine/connection.ts';
import { dockerEngine } from '../../src/engine/docker.ts';
import { run } from '../../src/engine/process.ts';
import { tagOf } from '../../src/parts/testing.ts';
import { writeSecretVolume } from '../../src/release/vault.ts';

const mark = `tools-${process.pid}-${randomBytes(4).toString('hex')}`;
const label = `horme.test=${mark}`;
const volume = `${mark}_secrets`;
const sockets = `${mark}_sockets`;
const value = 'sentinel: line one\nline "two" $HOME `id` \'three\'\n\tend';
const engine = dockerEngine(openConnection(undefined, process.env), new AbortController().signal);
const [withShell, gate, nginx] = [tagOf('haproxy'), tagOf('gate'), tagOf('nginx')];

beforeAll(async () => {
  await writeSecretVolume({
    ...{ engine, project: mark, volume, toolsImage: tagOf('tools') },
    files: { plain: value, newline: `${value}\n`, empty: '', nul: 'a\0b', large: 'x'.repeat(128 * 1024 + 1) },
    owner: { uid: 101, gid: 101 },
  });
});
afterEach(async () => {
  for (const { id } of await engine.containers({ 'horme.test': mark })) await engine.remove(id);
});
afterAll(async () => {
  await engine.removeVolume(volume);
  await engine.removeVolume(sockets);
});

async function docker(...argv: string[]) {
  const { exitCode, stdout, stderr } = await run(['docker', ...argv], { deadlineSeconds: 60 });
  return { exitCode, stdout, stderr };
}

const secretArgv = (pairs: string[], command: string[]) => [
  ...['--network', 'none', '--label', label, '--volume', `${volume}:/run/secrets:ro`],
  ...['--entrypoint', '/run/secrets/.horme/with-secrets', withShell, ...pairs, '--', ...command],
];
const withSecrets = (pairs: string[], command: string[]) => docker('run', '--rm', ...secretArgv(pairs, command));

test('a value reaches the program as it is, with its newlines and quotes; one newline at the end is taken off', async () => {
  const pairs = ['ONE=/run/secrets/plain', 'TWO=/run/secrets/newline', 'THREE=/run/secrets/empty'];
  const { exitCode, stdout } = await withSecrets(pairs, ['sh', '-c', 'printf "%s|%s|%s" "$ONE" "$TWO" "$THREE"']);
  expect(stdout).toBe(`${value}|${value}|`);
  expect(exitCode).toBe(0);
});

test('arguments and the exit code are those of the program', async () => {
  const { exitCode, stdout } = await withSecrets([], ['sh', '-c', 'printf "%s." "$@"; exit 9', 'sh', 'a b', '$X', '']);
  expect(stdout).toBe('a b.$X..');
  expect(exitCode).toBe(9);
});

const failures: [string, string[], string[], string][] = [
  ['a file that is missing', ['ONE=/run/secrets/nowhere'], ['true'], '/run/secrets/nowhere: No such file'],
  ['a value with a NUL byte', ['ONE=/run/secrets/nul'], ['true'], 'NUL'],
  ['a value that is too large', ['ONE=/run/secrets/large'], ['true'], 'larger than'],
  ['a program that is missing', [], ['/nowhere'], '/nowhere: No such file'],
  ['a pair without a file', ['ONE'], ['true'], 'expected NAME=file'],
];
test.each(failures)('%s ends it with 70 and words, before the program starts', async (_what, pairs, command, words) => {
  const { exitCode, stderr } = await withSecrets(pairs, command);
  expect(stderr).toContain(words);
  expect(exitCode).toBe(70);
});

test('the engine shows no value of a container that runs with secrets', async () => {
  const argv = secretArgv(['ONE=/run/secrets/plain'], ['sleep', '60']);
  const { stdout: id } = await docker('run', '--detach', ...argv);
  const environment = () => docker('exec', id.trim(), 'sh', '-c', 'tr "\\0" "\\n" < /proc/1/environ');
  // Before it is the program, the first process is with-secrets, whose own environment has none.
  await expect.poll(async () => (await environment()).stdout, { timeout: 20_000 }).toContain('sentinel');
  const { stdout } = await docker('inspect', id.trim());
  expect(stdout).toContain('ONE=/run/secrets/plain');
  expect(stdout).not.toContain('sentinel');
});

/** The port listens in the holder's container; whoever attached answers on it. */
async function hold(): Promise<string> {
  await docker(
    'volume',
    'create',
    '--label',
    label,
    '--driver',
    'local',
    '--opt',
    'type=tmpfs',
    '--opt',
    'device=tmpfs',
    '--opt',
    'o=uid=101,mode=0770',
    sockets,
  );
  const { stdout } = await docker(
    ...[
      'run',
      '--detach',
      '--label',
      label,
      '--volume',
      `${sockets}:/run/horme`,
      gate,
      'hold',
      '/run/horme/gate.sock',
      '8080',
    ],
  );
  return stdout.trim();
}

const config = (word: string) =>
  `events {} http { client_body_temp_path /tmp/b; proxy_temp_path /tmp/p; fastcgi_temp_path /tmp/f; uwsgi_temp_path /tmp/u; scgi_temp_path /tmp/s; access_log off; server { listen 8080; location / { return 200 ${word}; } } }`;

async function attach(word: string): Promise<string> {
  const script = `printf '%s' '${config(word)}' > /tmp/c && exec gate attach /run/horme/gate.sock -- nginx -e /dev/stderr -c /tmp/c -g 'daemon off; pid /tmp/pid;'`;
  const { stdout } = await docker(
    ...[
      'run',
      '--detach',
      '--label',
      label,
      '--network',
      'none',
      '--volume',
      `${sockets}:/run/horme`,
      '--tmpfs',
      '/tmp:uid=101',
    ],
    ...['--entrypoint', 'sh', nginx, '-c', script],
  );
  return stdout.trim();
}

async function ask(holder: string): Promise<string> {
  const [container] = (await engine.containers({ 'horme.test': mark })).filter(({ id }) => id === holder);
  const address = Object.values(container?.addresses ?? {})[0];
  const response = await fetch(`http://${address}:8080/`, {
    signal: AbortSignal.timeout(5000),
    headers: { connection: 'close' },
  });
  return response.text();
}

async function askUntil(holder: string, wanted: string): Promise<void> {
  await expect.poll(() => ask(holder).catch(() => ''), { timeout: 20_000, interval: 50 }).toBe(wanted);
}

test('nginx without a network answers at the port that the gate holds, and is replaced without a refused connection', async () => {
  const holder = await hold();
  const first = await attach('one');
  await askUntil(holder, 'one');
  await attach('two');
  await askUntil(holder, 'two');
  const answers: string[] = [];
  let asking = true;
  const asker = (async () => {
    while (asking) answers.push(await ask(holder));
  })();
  await Promise.all([engine.stop(first, 20).finally(() => (asking = false)), asker]);
  expect(answers.length).toBeGreaterThan(0);
  expect(answers.filter((answer) => answer !== 'one' && answer !== 'two')).toEqual([]);
  expect(await ask(holder)).toBe('two');
  expect(await engine.exec(holder, ['/horme/gate', 'check', '/run/horme/gate.sock'])).toMatchObject({ exitCode: 0 });
});

test('when the holder ends, who is attached ends too, so that it is restarted with new sockets', async () => {
  const holder = await hold();
  const attached = await attach('one');
  await askUntil(holder, 'one');
  await engine.remove(holder);
  expect(await engine.wait(attached)).toBe(0);
});
