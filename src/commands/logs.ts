import { composeArguments } from './compose-passthrough.ts';
import type { ExitCode } from '../errors.ts';
import type { CommandContext } from './command.ts';

export async function run(context: CommandContext): Promise<ExitCode> {
  const { flags, arguments: services } = context;
  const words = [
    'logs',
    ...(flags.follow ? ['--follow'] : []),
    ...(flags.tail === undefined ? [] : ['--tail', (flags.tail as number).toFixed(0)]),
  ];
  return composeArguments(context, [...words, ...services]);
}
