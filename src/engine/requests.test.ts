import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openConnection } from './connection.ts';
import { dockerEngine } from './docker.ts';
import { timedOut } from './engine.ts';

let folder: string;
let server: http.Server;
const sockets = new Set<Socket>();
/** Answers by path; any other request gets no answer. */
let answers: Record<string, object>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'horme-requests-'));
  answers = { '/_ping': {}, '/exec': { Id: 'e' } };
  server = http.createServer((request, response) => {
    const found = Object.entries(answers).find(([end]) => request.url?.endsWith(end));
    if (found) response.writeHead(200, { 'api-version': '1.41' }).end(JSON.stringify(found[1]));
  });
  server.on('connection', (socket) => void sockets.add(socket));
  await new Promise<void>((resolve) => void server.listen(join(folder, 'engine.sock'), resolve));
});
afterEach(async () => {
  sockets.forEach((socket) => socket.destroy());
  server.close();
  await rm(folder, { recursive: true, force: true });
});

function open() {
  const command = new AbortController();
  const connection = openConnection(undefined, { DOCKER_HOST: `unix://${join(folder, 'engine.sock')}` });
  return { engine: dockerEngine(connection, command.signal), interrupt: () => command.abort() };
}

/** Starts a program that never prints anything. */
const startsPrograms = () =>
  server.on('upgrade', (_request, socket) =>
    socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n'),
  );

test('a program that does not end within its deadline has the exit code of timeout', async () => {
  startsPrograms();
  const { engine } = open();
  const ran = await engine.exec('c', ['sleep', '999'], { deadlineSeconds: 0.2 });
  expect(ran).toEqual({ exitCode: timedOut, output: 'it did not end within 0.2 s' });
});

test("the caller's signal ends it with its reason", async () => {
  startsPrograms();
  const { engine } = open();
  const own = new AbortController();
  const running = engine.exec('c', ['sleep', '999'], { signal: own.signal });
  setTimeout(() => own.abort(new Error('no more')), 50);
  await expect(running).rejects.toThrow('no more');
});

test('after an interrupt an engine that hangs is given up, also by what would not be interrupted', async () => {
  startsPrograms();
  const { engine, interrupt } = open();
  const kept = engine.exec('c', ['sleep', '999'], { deadlineSeconds: 600, signal: new AbortController().signal });
  const asked = engine.info();
  const failed = [kept, asked].map((call) => call.catch((error: unknown) => error));
  setTimeout(() => {
    answers = {};
    interrupt();
  }, 200);
  for (const error of await Promise.all(failed)) expect(error).toMatchObject({ code: 'interrupted', exitCode: 130 });
  expect(engine.gone.aborted).toBe(true);
  await expect(engine.image('x')).rejects.toMatchObject({ code: 'interrupted' });
});

test('an engine that answers is not given up by an interrupt', async () => {
  const { engine, interrupt } = open();
  interrupt();
  answers['/images/x/json'] = { Id: 'sha256:1', RepoTags: [], Created: '2026-01-01T00:00:00Z', Size: 1, Config: {} };
  expect(await engine.image('x')).toMatchObject({ id: 'sha256:1' });
  expect(engine.gone.aborted).toBe(false);
});

test("a check has Docker's own time where none is given", async () => {
  const { engine } = open();
  const inspected = async (config: object) => {
    answers['/containers/c/json'] = { Id: 'c', Name: '/c', RestartCount: 0, State: {}, Config: config };
    return (await engine.inspect('c'))?.healthcheck;
  };
  const test = ['CMD-SHELL', 'x'];
  expect(await inspected({ Healthcheck: { Test: test, Timeout: 0 } })).toEqual({ test, timeoutSeconds: 30, shell: [] });
  expect(await inspected({ Healthcheck: { Test: ['NONE'] } })).toBeUndefined();
});
