/**
 * The long series by area: the sources that an area proves, and the files of `test/long` that prove them. A file is in `alone` when it
 * records traffic, counts seconds or takes the whole machine; two files of `together` run side by side. The numbers are the
 * seconds of a measured run on two cores, rounded up: `.ci/run` plans with them.
 */
export interface Area {
  /** `folder/` is all below it, `folder/*` what stands in it, everything else how a path begins. */
  proves: string[];
  alone?: Record<string, number>;
  together?: Record<string, number>;
}

export const areas: Record<string, Area> = {
  rollouts: {
    proves: ['src/parts/edge/', 'src/traffic/', 'images/gate/', 'images/haproxy/', 'images/nginx/', 'test/e2e/traffic'],
    alone: {
      'a-killed-deploy-converges-from-every-step': 65,
      'a-release-is-live-when-its-addresses-answer': 140,
      'many-releases-in-a-row-lose-nothing': 65,
      'the-engine-restarts-and-everything-comes-back': 35,
    },
    together: { 'every-wait-ends': 110 },
  },
  services: {
    proves: ['test/compose-spec/'],
    // It asks for the engine's events, of which 256 are kept: a file beside it makes more.
    alone: { 'nothing-that-holds-data-is-thrown-away': 90 },
    together: {
      'a-compose-file-means-on-the-engine-what-it-says': 45,
      'what-horme-kept-before-is-carried-over': 25,
    },
  },
  operators: {
    proves: ['src/command/', 'src/commands/', 'src/output/', 'src/quickstart/'],
    alone: {
      'no-command-outlives-an-interrupt': 40,
    },
    together: {
      'what-an-operator-gets-wrong-is-told-in-time': 25,
    },
  },
  database: {
    proves: [
      'src/parts/database/',
      'images/etcd/',
      'images/pgbouncer/',
      'images/postgres',
      'test/database/',
      'test/fixtures/writer-app/',
    ],
    together: {
      'a-database-changes-under-writes': 65,
      'a-database-goes-on-without-etcd': 360,
      'a-database-moves-to-another-major-version': 195,
      'a-database-with-a-replica-survives-what-it-claims': 245,
      'a-migration-runs-first-and-as-the-owner': 100,
      'a-zero-loss-database-loses-no-commit': 265,
    },
  },
  cache: {
    proves: ['src/parts/cache/', 'images/redis/'],
    together: {
      'the-cache-keeps-what-it-acknowledged': 35,
    },
  },
  backups: {
    proves: [
      'src/parts/backup/',
      'src/agent/',
      'images/backup',
      'test/backup/',
      'test/fixtures/s3-',
      'test/fixtures/sftp-server/',
      'test/fixtures/faked-clock/',
    ],
    alone: { 'an-outage-that-is-too-long-for-the-queue-is-mended': 120 },
    together: {
      'a-backup-is-taken-proven-and-restored': 165,
      'a-deploy-backs-up-to-a-real-bucket-and-by-sftp': 135,
      'a-repository-that-fails-fails-aloud': 460,
      'any-second-of-thirty-days-can-be-restored': 200,
      'backups-keep-what-they-promise': 300,
      'the-backup-agent-passes-its-own-tests': 300,
    },
  },
  recovery: {
    proves: ['src/recovery/', 'src/parts/backup/', 'src/agent/', 'images/backup', 'test/backup/'],
    together: {
      'a-restore-needs-no-production-that-is-well': 100,
      'an-empty-machine-becomes-production-again': 500,
    },
  },
};

/** What all areas stand on: a change here touches each of them. */
export const core = [
  'src/*',
  'src/deploy/',
  'src/engine/',
  'src/parts/*',
  'src/platform/',
  'src/release/',
  'src/stack/',
  'images/node/',
  'images/tools/',
  'test/e2e/harness',
  'test/fixtures/fault-app/',
  'scripts/build.mjs',
  'package-lock.json',
];
