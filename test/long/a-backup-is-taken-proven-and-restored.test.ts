import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { statusOf } from '../backup/stage.ts';
import { eventually } from '../database/scene.ts';
import { useDatabase } from '../e2e/harness/database.ts';
import { docker } from '../e2e/harness/docker.ts';

const scene = useDatabase('e2e-backup');
const member = 'horme-postgres-1';
const count = (table: string) => scene().sql(member, `SELECT count(*) FROM ${table}`);
const deploy = () => scene().deploy({ replicas: 0 }, { top: { backup: {} } });

/** A shell in a volume of the project. */
const inVolume = (name: string, script: string) =>
  docker(
    ...['run', '--rm', '--volume', `${scene().project}_${name}:/volume`, '--workdir', '/volume'],
    ...['debian:trixie-slim', 'sh', '-ec', script],
  );
const contentOf = (name: string) => inVolume(name, 'grep -r "" . | sort');

test('the first deploy with backups takes one by itself', async () => {
  await deploy();
  const { backup } = await eventually(
    () => statusOf(scene()),
    (seen) => seen.backup.database.lastBackup !== null && seen.backup.files.lastBackup !== null,
    120,
  );
  expect(backup.database.lastBackup?.label).toMatch(/F$/);
});

test('a drill proves the newest backup, by the own assertions too, and says which one fails', async () => {
  const shop = scene();
  await shop.sql(member, 'CREATE TABLE orders AS SELECT generate_series(1, 1000) AS id');
  await writeFile(join(shop.directory, 'drill.sql'), '-- expect: 1000\nSELECT count(*)\nFROM orders;\n');
  await deploy();
  await shop.must('backup', 'now');
  const files = { ok: true, problems: [], restored: ['state'] };
  expect((await shop.must('backup', 'drill', '--json')).json).toMatchObject({ ok: true, problems: [], files });
  await writeFile(join(shop.directory, 'drill.sql'), '-- expect: 7\nSELECT count(*) FROM orders;\n');
  await deploy();
  const failed = await shop.horme(['backup', 'drill']);
  expect([failed.exitCode, failed.stderr]).toEqual([3, expect.stringContaining('1000')]);
  expect(failed.stdout).toMatch(/^the files of repository 1 \(local\): state restored .*: proven$/m);
  expect((await statusOf(shop)).backup.database.lastProof).toMatchObject({ ok: false });
});

test('what can not be reached is refused, with what can, and nothing is touched', async () => {
  const refused = async (to: string) => {
    const { exitCode, stderr } = await scene().horme(['restore', '--to', to, '--confirm', 'local']);
    return `${exitCode}: ${stderr}`;
  };
  expect(await refused('2026-11-24 10:00:00')).toMatch(/^2: .*no zone/);
  expect(await refused('2199-01-01 10:00:00Z')).toMatch(/^2: .*still to come/);
  expect(await refused('2020-01-01 10:00:00Z')).toMatch(/^3: [^]*no backup reaches[^]* to /);
  expect(await count('orders')).toBe('1000');
});

test('a table that was dropped comes back by a restore to the moment before', async () => {
  const shop = scene();
  const before = await shop.moment(member);
  await shop.sql(member, 'DROP TABLE orders');
  await shop.sql(member, 'CREATE TABLE later (id int)');
  const asked = await shop.horme(['restore', '--to', before]);
  expect(asked.exitCode).toBe(2);
  expect(asked.stdout).toContain('public.orders: comes back with 1000 rows');
  expect(asked.stdout).toContain('public.later: goes');
  await expect(count('orders')).rejects.toThrow(/does not exist/);
  await shop.must('restore', '--to', before, '--confirm', 'local');
  expect(await count('orders')).toBe('1000');
  await expect(count('later')).rejects.toThrow(/does not exist/);
});

test('the former history stays: what was after the restored moment can be had beside', async () => {
  const shop = scene();
  const { json } = await shop.must('backup', 'list', '--json');
  expect(json?.['histories']).toHaveLength(2);
  const [, former] = json?.['histories'] as { repositories: { window: { to: string } }[] }[];
  const to = former?.repositories[0]?.window.to ?? '';
  await shop.must('restore', '--to', new Date(Date.parse(to) - 1000).toISOString(), '--as', 'order');
  expect(await shop.sql(member, 'SELECT count(*) FROM later', 'order')).toBe('0');
});

test('the former data goes when it is told to, and the restored is backed up', async () => {
  const shop = scene();
  const { json } = await shop.must('db', 'drop-former', '--confirm', 'local', '--json');
  expect(json?.['dropped']).toMatchObject([{ member, folder: expect.stringMatching(/^17\.former-/) as string }]);
  await eventually(
    () => statusOf(shop),
    ({ backup }) => backup.database.lastBackup !== null && !backup.database.archiveFailing,
    120,
  );
  await shop.must('backup', 'verify');
});

test('the files of a volume that was added later come back, in place and as another volume', async () => {
  const shop = scene();
  const owner = ['com.docker.compose.project', 'horme.project'].map((name) => `--label=${name}=${shop.project}`);
  const label = '--label=com.docker.compose.volume=uploads';
  await docker('volume', 'create', ...owner, label, `${shop.project}_uploads`);
  await inVolume('uploads', 'mkdir folder; echo kept > kept; echo old > changed; echo gone > folder/gone');
  const then = './changed:old\n./folder/gone:gone\n./kept:kept';
  const writer = { volumes: ['uploads:/uploads'] };
  await shop.deploy(
    { replicas: 0 },
    { writer, top: { backup: { volumes: ['uploads'] } }, file: { volumes: { uploads: {} } } },
  );
  await eventually(
    async () => (await shop.must('backup', 'list', '--json')).json?.['snapshots'] as { name: string | null }[],
    (snapshots) => snapshots.some(({ name }) => name === 'uploads'),
    120,
  );

  const newest = ['restore', '--latest', '--volume', 'uploads'];
  await inVolume('uploads', 'echo newer > changed; echo added > added; rm -r folder');
  await shop.must(...newest, '--as', 'copy');
  expect(await contentOf('copy')).toBe(then);
  expect((await shop.horme([...newest, '--as', 'copy'])).exitCode).toBe(2);

  const asked = await shop.horme(newest);
  // The folder counts as well.
  expect([asked.exitCode, asked.stdout]).toEqual([
    2,
    expect.stringContaining('2 files come back, 1 change, 1 of now go'),
  ]);
  expect(await contentOf('uploads')).toBe('./added:added\n./changed:newer\n./kept:kept');
  const { json } = await shop.must(...newest, '--confirm', 'local', '--json');
  expect(await contentOf('uploads')).toBe(then);
  const [former = ''] = json?.['former'] as string[];
  expect(await contentOf(former.replace(`${shop.project}_`, ''))).toMatch(/^.\/added:added\n.\/changed:newer\n/m);
  expect((await shop.container('writer')).state).toBe('running');
});
