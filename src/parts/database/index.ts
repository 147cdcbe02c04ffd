import type { Planning } from '../../deploy/part.ts';
import type { DatabaseAct } from './step.ts';
import type { Part } from '../part.ts';
import { OperatorError, exitCodes } from '../../errors.ts';
import type { ReleaseContent } from '../../release/release.ts';
import { haproxyImage } from '../../traffic/names.ts';
import { commandGroups, commands } from './commands.ts';
import { observeDatabase, trustedDatabase } from './members.ts';
import { databaseName, poolerService, proxyService } from './names.ts';
import { databaseOptions } from './options.ts';
import { sharedSettings } from './patroni.ts';
import { databaseIsAway, databaseSetUp, databaseSteps, leavingMembers, retireLogins } from './plan.ts';
import { offlineSteps, offlineWork } from './plan-offline.ts';
import { membersOf } from './proxy.ts';
import { rolesWanted } from './roles.ts';
import { appliedDatabase, databaseSecrets, readDatabaseSecrets, releasedDatabase, seenDatabase } from './sections.ts';
import type { DatabaseRelease } from './sections.ts';
import { makeDatabaseSecrets, rotated, withCurrentNames, type DatabaseSecrets } from './secrets.ts';
import { databaseNetworks, databaseServices, databaseVolumes } from './services.ts';
import { applicationUrls, authorityName, migrationUrls, type DatabaseUrls } from './urls.ts';

export { dataFolder, dataVolume, databaseName, databaseNetwork, archiveHost } from './names.ts';
export { isMember, memberNumber, memberService, proxyService, socketFolder } from './names.ts';
export { databaseOf } from './commands/member.ts';
export { databaseOptions, type DatabaseOptions, type PostgresVersion } from './options.ts';
export { membersOf } from './proxy.ts';
export { ask, database, primaryMember } from './psql.ts';
export { databaseSecrets, noteDatabase, releasedDatabase } from './sections.ts';
export { identityOf } from './services.ts';

const primary = { name: 'DATABASE_URL', sentinel: 'horme://database-url', placeholder: '{database-url}' };
const replica = {
  name: 'DATABASE_REPLICA_URL',
  sentinel: 'horme://database-replica-url',
  placeholder: '{database-replica-url}',
};
const byPlaceholder = (urls: DatabaseUrls) => ({
  [primary.placeholder]: urls.primary,
  [replica.placeholder]: urls.replica,
});

/** A PostgreSQL, or several under Patroni, behind a proxy of its own. */
export const databasePart: Part = {
  name: 'database',
  key: { variables: [primary, replica], load: async () => (await import('./key.ts')).databaseKey },
  images: {
    postgres: {},
    'postgres-18': { from: { image: 'postgres', argument: 'POSTGRES' } },
    etcd: {},
    pgbouncer: {},
    ...haproxyImage,
  },
  services: databaseServices,
  networks: databaseNetworks,
  volumes: databaseVolumes,
  secrets: {
    read: readDatabaseSecrets,
    make: makeDatabaseSecrets,
    completed: (section) => withCurrentNames(section as DatabaseSecrets),
    // A rotation that was not finished goes on: the login before it is still in use, and must not change.
    renewed(section, { rotate, applied }) {
      const secrets = section as DatabaseSecrets;
      const isOver = secrets.generation <= Math.max(1, appliedDatabase(applied).generation);
      return rotate && isOver ? rotated(secrets) : secrets;
    },
  },
  values: {
    of: (stack, vault) => byPlaceholder(applicationUrls(stack, databaseSecrets(vault))),
    ofMigration: (stack, vault) => byPlaceholder(migrationUrls(stack, databaseSecrets(vault))),
    files: (vault) => ({ [authorityName]: databaseSecrets(vault).authority.certificate }),
    waitsFor: (stack) => (databaseOptions(stack)?.pooler ? poolerService : proxyService),
  },
  released(stack, _services, vault): DatabaseRelease | undefined {
    const options = databaseOptions(stack);
    if (!options) return undefined;
    const migrates = stack.services.some(({ migrate }) => migrate !== undefined);
    return {
      version: options.version,
      members: membersOf(options),
      shared: options.replicas > 0 ? sharedSettings(options) : {},
      zeroLoss: options.durability === 'zero-loss',
      pooler: options.pooler,
      roles: rolesWanted(options, databaseName(stack), migrates, databaseSecrets(vault)),
    };
  },
  observe: observeDatabase,
  trusted: (containers, applied) => trustedDatabase(containers, appliedDatabase(applied)),
  // Restored data may have roles, with no step that notes them; the quick look of later deploys trusts the notes.
  noted(seen) {
    const { roles } = seenDatabase(seen);
    const noted = appliedDatabase(seen.applied);
    return roles === '' || roles === noted.roles ? undefined : { ...noted, roles };
  },
  steps: {
    own(planning, changes) {
      const { content, seen } = planning;
      const offline = offlineWork(planning);
      if (offline) return offlineSteps(content, changes, seen, offline);
      // Its first start is that of any other part, by what waits for what; afterwards its members take turns.
      return databaseIsAway(seen) ? undefined : databaseSteps(content, changes, seen);
    },
    setUp: (planning) =>
      databaseIsAway(planning.seen) && !offlineWork(planning) ? databaseSetUp(planning.content, planning.seen) : [],
    last: ({ content, seen, options }: Planning) =>
      retireLogins(content, seen, options.only === undefined && options.migrate),
    leaving: (content, seen) => leavingMembers(content, seen).filter(({ running }) => running),
  },
  take: async (context, id, act) => (await import('./actions.ts')).takeDatabaseStep(context, id, act as DatabaseAct),
  guardsMigration: async (context, id) => (await import('./migration.ts')).guardMigration(context, id),
  refusesRollback: (content, applied, number) => olderLogins(content, appliedDatabase(applied).generation, number),
  status: async (look) => (await import('./status.ts')).databaseLines(look),
  check: async (look) => (await import('./check.ts')).databaseCheck(look),
  commands,
  commandGroups,
};

/** Its secrets name a login of the database that no longer gets in. */
function olderLogins(content: ReleaseContent, generation: number, number: number): OperatorError | undefined {
  const database = releasedDatabase(content);
  if (!database || database.roles.generation >= generation) return undefined;
  return new OperatorError(`release ${number} has passwords of the database from before they were rotated`, {
    code: 'password-rotated',
    exitCode: exitCodes.checkFailed,
    next: 'check out its commit (horme releases shows it), then: horme deploy',
  });
}
