import { numbered, serviceOf, type Context } from './context.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import { noteMigrating } from '../release/begun.ts';
import { secretsFolder } from '../release/vault.ts';

/** Runs a service's migration once, in the new image, as the owner of the schema where it logs in at the platform's database. */
export async function migrate(context: Context, id: string, name: string): Promise<void> {
  const service = serviceOf(context, name);
  const guards = service.migrationVolume === undefined ? [] : await guardsOf(context, id);
  await noteMigrating(context.store, name, service.migrationFiles);
  if (!context.migrated.includes(name)) context.migrated.push(name);
  try {
    await run(context, name, service.migrate ?? []);
  } finally {
    guards.forEach((guard) => guard.close());
  }
}

/** What parts hold while it runs. */
async function guardsOf(context: Context, id: string): Promise<{ close(): void }[]> {
  const guards: { close(): void }[] = [];
  for (const part of context.parts) {
    const guard = await part.guardsMigration?.(context, id);
    if (guard) guards.push(guard);
  }
  return guards;
}

async function run(context: Context, name: string, command: string[]): Promise<void> {
  const lines: string[] = [];
  const exitCode = await context.compose.runOnce(asOwner(context, name), name, command, (line) => {
    lines.push(line);
    context.emit({ kind: 'log', source: name, line });
  });
  if (exitCode === 0) return;
  throw new OperatorError(`the migration of ${name} ended with exit code ${exitCode}; nothing was switched`, {
    code: 'migration-failed',
    exitCode: exitCodes.rolledBack,
    lastSeen: lines.slice(-20).join('\n'),
    next: `mend the migration, then: horme deploy`,
  });
}

/** The same service with the owner's secrets in place of the application's. */
function asOwner(context: Context, name: string): Context['content']['compose'] {
  const model = numbered(context);
  const definition = model.services[name];
  const { migrationVolume } = serviceOf(context, name);
  if (!definition || migrationVolume === undefined) return model;
  const own = definition.volumes?.find(({ target }) => target === secretsFolder)?.source;
  const volumes = (definition.volumes ?? []).map((mount) =>
    mount.source === own ? { ...mount, source: migrationVolume } : mount,
  );
  return { ...model, services: { ...model.services, [name]: { ...definition, volumes } } };
}
