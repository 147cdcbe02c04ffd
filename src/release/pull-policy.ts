import type { Image } from '../engine/engine.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import type { Stack } from '../stack/stack.ts';
import { parseDuration } from '../stack/units.ts';

const daySeconds = 24 * 3600;
const ages: Record<string, number> = { daily: daySeconds, weekly: 7 * daySeconds };

/**
 * Why the registry is asked although the engine has an image of that name; undefined: it is not. As Compose does, by when the
 * engine last gave the name to the image.
 */
export function askAgain(policy: unknown, { taggedSeconds }: Image, nowSeconds: number): string | undefined {
  if (typeof policy !== 'string') return undefined;
  if (policy === 'always') return 'pull_policy: always asks the registry each time';
  const every =
    ages[policy] ?? (policy.startsWith('every_') ? parseDuration(policy.slice('every_'.length)) : undefined);
  if (every === undefined || (taggedSeconds !== undefined && nowSeconds - taggedSeconds < every)) return undefined;
  return `pull_policy: ${policy}, and the registry was not asked for that long`;
}

interface Wanted {
  service: string;
  image: Image | undefined;
  work: string | undefined;
}

/** With `pull_policy: never`, a missing image is an error; it is not pulled. */
export function refuseMissing({ services }: Stack, images: Wanted[]): void {
  const missing = images.filter(({ work, image }) => work === 'pull' && !image).map(({ service }) => service);
  for (const { name, definition } of services) {
    const { pull_policy: policy, image = '' } = definition;
    if (!missing.includes(name) || (policy !== 'never' && policy !== 'build')) continue;
    throw new OperatorError(`the engine does not have ${image}, and ${name} has pull_policy: ${policy}`, {
      code: 'image-missing',
      exitCode: exitCodes.checkFailed,
      next: `docker load it, or docker build -t ${image}, or take pull_policy out`,
    });
  }
}
