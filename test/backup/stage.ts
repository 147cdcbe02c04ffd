import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { healed } from '../database/faults.ts';
import { eventually, type Scene, type SceneOptions } from '../database/scene.ts';
import { useDatabase } from '../e2e/harness/database.ts';
import { docker, removeProject } from '../e2e/harness/docker.ts';
import { ensureNetwork, removeRepositories, startS3, type S3Server } from './repositories.ts';

const alias = 's3.test';
/** Longer than the image of a bucket may take to build, and the bucket to start. */
const openMilliseconds = 1_200_000;

export interface SeenStatus {
  backup: {
    database: {
      lastBackup: { at: string; label: string } | null;
      repositories: { repository: number; lastBackupAt: string | null; lastError: string | null }[];
      lastProof: { ok: boolean; problems: string[] } | null;
      archiveFailing: boolean;
      walBytes: number;
      gaps: unknown[];
    };
    files: {
      lastBackup: { at: string } | null;
      repositories: { repository: number; lastBackupAt: string | null }[];
    };
  };
  problems: string[];
}

export interface Stage {
  scene: Scene;
  s3: S3Server;
}

/** A database project, and a bucket on the network that its backups go out by. */
export function useBackups(name: string, kind: 'moto' | 'ceph'): () => Stage {
  // A run that was cut off left its bucket on the network, which could not be removed with the project.
  beforeAll(() => removeRepositories(`${name}-local`));
  const scene = useDatabase(name);
  let s3: S3Server | undefined;
  beforeAll(async () => {
    s3 = await startS3(kind, { network: await ensureNetwork(scene().project), alias });
    await writeFile(join(scene().directory, 's3-ca.pem'), s3.ca);
  }, openMilliseconds);
  afterAll(async () => {
    await s3?.close();
    await removeProject(scene().project).catch(() => undefined);
    await removeRepositories(scene().project);
  });
  return () => {
    if (!s3) throw new Error('the bucket is made before the first test');
    return { scene: scene(), s3 };
  };
}

/** Schedules that do not come due by themselves. */
export const never = { schedule: '0 0 29 2 *', drill: '0 0 29 2 *' };

/** With the bucket as the second repository. */
export function withBackup({ s3 }: Stage, own: Record<string, unknown> = {}): SceneOptions {
  const bucket = { bucket: s3.bucket, region: s3.region, keyId: s3.keyId, keySecret: s3.keySecret };
  return {
    top: { cache: {}, backup: { ...never, s3: { endpoint: s3.endpoint, ca: 's3-ca.pem', ...bucket }, ...own } },
  };
}

export const statusOf = async (scene: Scene): Promise<SeenStatus> =>
  (await scene.must('status', '--json')).json as unknown as SeenStatus;

/** The agents take the first backups by themselves. */
export const firstBackups = (scene: Scene): Promise<SeenStatus> =>
  eventually(
    () => statusOf(scene),
    ({ backup }) =>
      backup.files.lastBackup !== null &&
      backup.database.repositories.length === 2 &&
      backup.database.repositories.every(({ lastBackupAt }) => lastBackupAt !== null),
    180,
  );

/** The WAL that a member has written to so far, once the bucket has it: the segment's name, and its object's key. */
export async function archived({ scene, s3 }: Stage, member: string): Promise<{ segment: string; key: string }> {
  const segment = await scene.sql(member, 'SELECT pg_walfile_name(pg_switch_wal())');
  const key = await eventually(
    async () => (await s3.objects()).find((one) => one.key.includes(`/${segment}-`))?.key ?? '',
    (found) => found !== '',
    120,
  );
  return { segment, key };
}

/** All containers, volumes and networks of the project: a machine that burnt down. The bucket is somewhere else. */
export async function loseMachine({ scene, s3 }: Stage): Promise<void> {
  const network = `${scene.project}_horme-backup`;
  await docker('network', 'disconnect', network, s3.id);
  await healed(
    () => removeProject(scene.project),
    async () => {
      await ensureNetwork(scene.project);
      await docker('network', 'connect', '--alias', alias, network, s3.id);
    },
  );
}

/**
 * In memory, for one that must be full soon; made before the first deploy, which takes it for its own. Of the database's
 * user. A container holds it, since it is empty again when nobody has it mounted.
 */
export async function smallVolume(project: string, name: string, mebibytes: number): Promise<void> {
  const owner = ['--label', `com.docker.compose.project=${project}`];
  const options = ['type=tmpfs', 'device=tmpfs', `o=size=${mebibytes}m,uid=70,gid=70,mode=0700`];
  const volume = `${project}_${name}`;
  const words = options.flatMap((option) => ['--opt', option]);
  await docker('volume', 'create', ...owner, '--label', `com.docker.compose.volume=${name}`, ...words, volume);
  await docker('run', '--detach', ...owner, '--volume', `${volume}:/held`, 'debian:trixie-slim', 'sleep', 'infinity');
}
