import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { stopwatch } from '../../moments.ts';
import { temporaryFolders } from '../testing.ts';
import { askDatabase, databaseAway } from './ask-database.ts';
import { failureOf } from './testing.ts';

/** Accepts connections, and does with each what a test says. */
async function listens(greet: (socket: Socket) => void): Promise<number> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    greet(socket);
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

async function refusal(port: number) {
  const folders = temporaryFolders();
  await writeFile(join(folders.secrets, 'database-ca'), '');
  await writeFile(join(folders.secrets, 'monitor-password'), 'password');
  return failureOf(() => askDatabase(folders, { host: '127.0.0.1', port, worstAnswerSeconds: 0.2 }));
}

test.each<[string, (socket: Socket) => void]>([
  ['says nothing', () => undefined],
  // PostgreSQL's `S`: it speaks TLS.
  ['hangs in the middle of the TLS handshake', (socket) => socket.once('data', () => socket.write('S'))],
])('a database that %s is given up at the deadline', async (_what, greet) => {
  const port = await listens(greet);
  const elapsed = stopwatch();
  expect((await refusal(port)).code).toBe(databaseAway);
  expect(elapsed()).toBeLessThan(2);
});

test('a database without TLS is not asked', async () => {
  const port = await listens((socket) => socket.once('data', () => socket.write('N')));
  expect(await refusal(port)).toMatchObject({ code: databaseAway, message: expect.stringContaining('SSL') as string });
});

test('a database that is away is told with the reason', async () => {
  const port = await listens((socket) => socket.destroy());
  expect((await refusal(port)).code).toBe(databaseAway);
  expect((await refusal(1)).message).toContain('ECONNREFUSED');
});
