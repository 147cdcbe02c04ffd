import { expect, test } from 'vitest';
import { firstBackups, useBackups, withBackup } from '../backup/stage.ts';

const stage = useBackups('e2e-promise', 'moto');
const rows = async (table: string, database?: string) => {
  const { scene } = stage();
  return Number(await scene.sql(await scene.primary(), `SELECT count(*) FROM ${table}`, database));
};
const primarySql = async (statement: string) => {
  const { scene } = stage();
  return scene.sql(await scene.primary(), statement);
};
async function moment(): Promise<string> {
  const { scene } = stage();
  return scene.moment(await scene.primary());
}
const drill = () => stage().scene.horme(['backup', 'drill', '--repository', '2', '--json']);

test('moments before and after a switchover can be restored, each with its rows', async () => {
  const { scene } = stage();
  await scene.deploy({ replicas: 1 }, withBackup(stage()));
  await firstBackups(scene);
  await primarySql('CREATE TABLE marks (id int)');
  const moments: string[] = [];
  for (let round = 1; round <= 2; round++) {
    await primarySql(`INSERT INTO marks SELECT generate_series(1, 100)`);
    moments.push(await moment());
    await scene.must('db', 'switchover');
    await scene.settled(1);
    await primarySql(`INSERT INTO marks VALUES (0)`);
    moments.push(await moment());
  }
  for (const [index, expected] of [100, 101, 201, 202].entries()) {
    await scene.must('restore', '--to', moments[index] ?? '', '--as', `at_${index}`);
    expect(await rows('marks', `at_${index}`)).toBe(expected);
    await primarySql(`DROP DATABASE at_${index}`);
  }
});

test("a drill writes nothing into production's archive", async () => {
  const { scene, s3 } = stage();
  const timeline = async () => (await scene.status()).members.find(({ role }) => role === 'primary')?.timeline ?? 0;
  expect((await drill()).exitCode).toBe(0);
  const newest = (await s3.objects())
    .map(({ key }) => /\/([0-9A-F]{8})(?:[0-9A-F]{16}|\.history)/.exec(key)?.[1])
    .filter((found) => found !== undefined)
    .sort()
    .at(-1);
  expect(Number.parseInt(newest ?? '', 16)).toBe(await timeline());
});

test('killed anywhere, a restore is finished by the same command, and the former data is there', async () => {
  const { scene } = stage();
  const at = await moment();
  await primarySql('CREATE TABLE after_it (id int)');
  const command = ['restore', '--to', at, '--only-database', '--confirm', 'local'];
  for (const boundary of ['2', '5', '7']) {
    const killed = await scene.horme(command, { HORME_FAULT_KILL_AT: boundary });
    expect(killed.signal).toBe('SIGKILL');
  }
  await scene.must(...command);
  await scene.settled(1);
  expect(await rows('marks')).toBe(202);
  await expect(primarySql('SELECT FROM after_it')).rejects.toThrow(/does not exist/);
  const former = await scene.horme(['db', 'drop-former']);
  expect(former.stderr).toMatch(/former-\d+/);
});
