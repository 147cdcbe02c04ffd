import type { CommandContext } from './context.ts';

/** For a command that ends as a deploy does, with more to tell in the final object. */
export const withResult = (context: CommandContext, own: Record<string, unknown>): CommandContext => ({
  ...context,
  result: (value) => context.result({ ...value, ...own }),
});
