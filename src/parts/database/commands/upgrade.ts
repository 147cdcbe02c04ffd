import type { CommandContext } from '../../../command/context.ts';
import { deployFiles } from '../../../command/deploy.ts';
import type { ExitCode } from '../../../errors.ts';
import { databaseOf } from './member.ts';

/** A deploy of the platform alone, or with new passwords: as the preset says. */
export const run = (context: CommandContext): Promise<ExitCode> => deployFiles(context, databaseOf);
