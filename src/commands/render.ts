import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { glance, preparedFrom } from '../deploy/situation.ts';
import { look } from '../deploy/look.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import type { ReleaseContent } from '../release/release.ts';
import { openSession } from '../command/session.ts';
import type { Session } from '../deploy/session.ts';
import type { CommandContext } from '../command/context.ts';

/**
 * Writes the Compose, nginx and HAProxy files that a deploy would run. Running containers don't need Horme: their
 * configuration is in the volume that the last deploy filled.
 */
export async function run(context: CommandContext): Promise<void> {
  const session = await openSession(context, look);
  const situation = await glance(session, false);
  const { content } = await preparedFrom(session, situation, undefined);
  const files = rendered(session, content);
  const [wanted] = context.arguments;
  if (wanted !== undefined) {
    context.print(fileNamed(files, wanted));
    return context.result({ schema: 'horme.render/1', file: wanted, content: fileNamed(files, wanted) });
  }
  const folder = resolve((context.flags.output as string | undefined) ?? defaultFolder(session));
  if (context.flags.output === undefined) await makePrivate(join(session.stack.directory, '.horme'));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  context.print(
    Object.keys(files)
      .map((path) => join(folder, path))
      .join('\n'),
  );
  for (const { service, work } of situation.images.filter((image) => image.work !== undefined)) {
    const text = `the image of ${service} must be ${work === 'build' ? 'built' : 'pulled'} first: its entry point is not in the rendered file yet`;
    context.emit({ kind: 'warning', text });
  }
  context.result({ schema: 'horme.render/1', folder, files: Object.keys(files) });
}

/** The rendered files contain the user's `environment`, so they are private and must not be committed. */
export async function makePrivate(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o700);
  await writeFile(join(folder, '.gitignore'), '*\n');
}

const defaultFolder = ({ stack }: Session) => join(stack.directory, '.horme', stack.environment.name);

function rendered({ parts, stack }: Session, content: ReleaseContent): Record<string, string> {
  const files = { 'compose.yaml': stringify(content.compose, { lineWidth: 0, aliasDuplicateObjects: false }) };
  return Object.assign(files, ...parts.map((part) => part.rendered?.(content, stack))) as Record<string, string>;
}

function fileNamed(files: Record<string, string>, name: string): string {
  const found = Object.entries(files).find(([path]) => path === name || path.endsWith(`/${name}`));
  if (found) return found[1];
  throw new OperatorError(`no rendered file is called "${name}"`, {
    code: 'render-unknown',
    exitCode: exitCodes.usage,
    next: `one of: ${Object.keys(files).join(', ')}`,
  });
}
