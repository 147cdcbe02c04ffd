import type { CommandContext } from './context.ts';

/** Adds fields to the final object, for a command that ends with a deploy. */
export const withResult = (context: CommandContext, own: Record<string, unknown>): CommandContext => ({
  ...context,
  result: (value) => context.result({ ...value, ...own }),
});
