import type { Compose } from '../../engine/compose.ts';
import type * as z from 'zod';
import type { ReleaseContent } from '../../release/release.ts';
import type { ComposeModel, ComposeMount, ComposeService } from '../../engine/compose-model.ts';
import { AgentOutput } from './agent.ts';

export interface OneOff<T> {
  answer: z.ZodType<T>;
  service: string;
  /** Compose's names of volumes, with where the agent finds each. */
  mounts: Record<string, string>;
  words: string[];
  /** Powers that the work needs and the service does not have. */
  powers?: string[];
}

/** Powers to write files of any owner, with their modes. */
export const writingForAll = ['CHOWN', 'FOWNER', 'DAC_OVERRIDE', 'FSETID'];

/** Asks an agent of its own, which has more volumes than the one that stays: it ends with its answer. */
export async function askOnce<T>(
  { compose, project }: { compose: Compose; project: string },
  content: Pick<ReleaseContent, 'compose'>,
  { service, mounts, words, answer, powers = [] }: OneOff<T>,
  say: (text: string) => void,
): Promise<T> {
  const definition = content.compose.services[service];
  if (!definition) throw new Error(`the release has no service ${service}`);
  const model = withMounts(content.compose, service, definition, { project, mounts, powers });
  const output = new AgentOutput(say);
  await compose.runOnce(model, service, words, (line) => output.line(line));
  return output.result(answer);
}

function withMounts(
  model: ComposeModel,
  service: string,
  definition: ComposeService,
  { project, mounts, powers }: { project: string; mounts: Record<string, string>; powers: string[] },
): ComposeModel {
  const added = Object.entries(mounts).map(([source, target]): ComposeMount => ({ type: 'volume', source, target }));
  const volumes = Object.fromEntries(Object.keys(mounts).map((name) => [name, { name: `${project}_${name}` }]));
  const capabilities = [...((definition.cap_add as string[] | undefined) ?? []), ...powers];
  const whole: ComposeService = {
    ...definition,
    volumes: [...(definition.volumes ?? []), ...added],
    ...(capabilities.length > 0 && { cap_add: capabilities }),
  };
  return {
    ...model,
    services: { ...model.services, [service]: whole },
    // What the release itself has of a volume, such as a driver, stays.
    volumes: { ...volumes, ...model.volumes },
  };
}
