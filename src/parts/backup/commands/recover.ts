import { resolve } from 'node:path';
import { ago, timeText } from '../report.ts';
import { damageLines } from '../restore.ts';
import { startable } from '../../../deploy/startable.ts';
import { composeDriver } from '../../../engine/compose.ts';
import { openConnection } from '../../../engine/connection.ts';
import { dockerEngine } from '../../../engine/docker.ts';
import { OperatorError, exitCodes, type ExitCode } from '../../../errors.ts';
import { duration, table } from '../../../output/format.ts';
import type { KitContent } from '../../../recovery/kit-content.ts';
import { openKit } from '../../../recovery/kit.ts';
import { passphrase } from '../../../command/passphrase.ts';
import { recover, type Recovery } from '../recovery/recover.ts';
import { emptyStack } from '../../../recovery/stack.ts';
import type { Session } from '../../../deploy/session.ts';
import type { CommandContext } from '../../../command/context.ts';
import { report } from '../../../command/deploy.ts';
import { withResult } from '../../../command/with-result.ts';
import { readRegular } from '../../../stack/regular-file.ts';

export async function run(context: CommandContext): Promise<ExitCode> {
  const kit = await readKit(context);
  const session = sessionOf(context, kit);
  const { acceptSources, acceptDamage } = context.flags;
  const accepted = { acceptSources: acceptSources === true, acceptDamage: acceptDamage === true };
  const recovery = await recover(session, kit, accepted);
  context.print(screen(recovery));
  const { database, missing, deployed } = recovery;
  return report(withResult(context, { missing, damage: database?.damage ?? [] }), session, deployed);
}

async function readKit(context: CommandContext): Promise<KitContent> {
  const { kit: file } = context.flags;
  if (typeof file !== 'string') throw kitMissing();
  const text = await readRegular(file).catch((cause: Error) => {
    throw unreadable(file, cause);
  });
  const kit = await openKit(text.toString('utf8'), await passphrase(context, false));
  const { env } = context.options;
  if (env !== undefined && env !== kit.environment) throw otherEnvironment(kit, env);
  return kit;
}

/**
 * A session without a Compose file. The engine is the docker command's current one, or that of DOCKER_CONTEXT or
 * DOCKER_HOST.
 */
function sessionOf({ options, parts, emit, signal }: CommandContext, kit: KitContent): Session {
  const directory = resolve(options.projectDirectory ?? '.');
  const connection = openConnection(undefined, process.env);
  const engine = dockerEngine(connection, signal);
  return {
    parts,
    stack: emptyStack(kit, { directory }),
    connection,
    engine,
    compose: startable(composeDriver(directory, connection.environment, signal, engine.gone), engine),
    emit,
    signal,
  };
}

export function screen({ database, missing, seconds }: Recovery): string {
  const rows = Object.entries(seconds).map(([name, took]) => [name, duration(took)]);
  const total = Object.values(seconds).reduce((sum, took) => sum + took, 0);
  const newest = database
    ? [
        `newest transaction recovered: ${timeText(database.newestTransactionAt)}, ${ago(database.newestTransactionAt, new Date())}`,
        ...damageLines(database),
      ]
    : [];
  return [
    table([{ title: 'step' }, { title: 'took', align: 'right' }], [...rows, ['all', duration(total)]]),
    '',
    ...newest,
    ...missing.map((what) => `missing: ${what}`),
  ].join('\n');
}

const kitMissing = () =>
  new OperatorError('a recovery needs the kit', {
    code: 'kit-missing',
    exitCode: exitCodes.usage,
    next: 'horme recover --kit FILE   (horme recovery-kit made it)',
  });

const unreadable = (file: string, cause: Error) =>
  new OperatorError(`the kit ${file} can't be read: ${cause.message}`, {
    code: 'kit-missing',
    exitCode: exitCodes.usage,
    next: 'horme recover --kit FILE',
    cause,
  });

const otherEnvironment = (kit: KitContent, env: string) =>
  new OperatorError(`the kit is of ${kit.environment}, not of ${env}`, {
    code: 'kit-environment',
    exitCode: exitCodes.usage,
    next: `horme recover --env ${kit.environment} --kit FILE`,
  });
