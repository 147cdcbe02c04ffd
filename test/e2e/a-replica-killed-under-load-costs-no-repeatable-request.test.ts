import { test } from 'vitest';
import { docker, eventually, expectLossless, quickGets, show, useProject, until } from './harness.ts';

const project = useProject('e2e-replica');

test('SIGKILL of a replica: no GET fails, it comes back by itself and gets traffic again', async () => {
  const shop = project();
  await shop.write({ VERSION: 'v1', BOOT_MS: '500' });
  await shop.deploy();
  const traffic = await shop.traffic({ ...quickGets, 'get-keepalive': 100 });
  await until(traffic, ({ requests }) => requests > 100);
  const [victim] = await shop.replicas();
  const id = victim?.id ?? '';
  // The engine takes `docker kill` for the user's wish to stop it; what crashes is killed from elsewhere.
  const pid = await docker('inspect', '--format', '{{.State.Pid}}', id);
  process.kill(Number(pid), 'SIGKILL');
  await eventually(
    () => docker('inspect', '--format', '{{.State.Running}} {{.RestartCount}}', id),
    (seen) => seen === 'true 1',
  );
  const served = async (): Promise<string> => (JSON.parse((await shop.ask('/')).body) as { replica: string }).replica;
  await eventually(served, (replica) => id.startsWith(replica));
  const report = await traffic.stop();
  show('a replica killed', report);
  expectLossless(report);
});
