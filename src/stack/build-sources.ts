import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { contextsOf, isElsewhere } from './build-contexts.ts';
import type { Finding } from './locate.ts';
import { nearest } from './nearest.ts';
import type { Service } from './stack.ts';
import type { ComposeBuild } from '../engine/compose-model.ts';

/** Findings for missing build folders and Dockerfiles, before anything is hashed or built. */
export async function buildFindings(services: readonly Service[], directory: string): Promise<Finding[]> {
  const found = services.map(async ({ name, definition: { build } }) =>
    build ? findingsOf(['services', name, 'build'], build, directory) : [],
  );
  return (await Promise.all(found)).flat();
}

async function findingsOf(path: Finding['path'], build: ComposeBuild, directory: string): Promise<Finding[]> {
  const more = Object.entries(contextsOf(build));
  const others = more
    .filter(([, context]) => !isElsewhere(context))
    .map(async ([name, context]) =>
      missing([...path, 'additional_contexts', name], resolve(directory, context), directory),
    );
  const own = isElsewhere(build.context) ? [] : await contextFindings(path, build, directory);
  return [...own, ...(await Promise.all(others)).flat()];
}

async function contextFindings(path: Finding['path'], build: ComposeBuild, directory: string): Promise<Finding[]> {
  const context = resolve(directory, build.context);
  const place = [...path, 'context'];
  const absent = await missing(place, context, directory);
  if (absent.length > 0) return absent;
  if (!(await stat(context)).isDirectory())
    return [{ path: place, message: 'the context is a file', mend: 'name the folder of the sources' }];
  if (build['dockerfile_inline'] !== undefined) return [];
  return dockerfileFindings([...path, 'dockerfile'], resolve(context, build.dockerfile ?? 'Dockerfile'), directory);
}

/** BuildKit falls back from a missing `Dockerfile` to `dockerfile`. */
async function dockerfileFindings(path: Finding['path'], file: string, directory: string): Promise<Finding[]> {
  const folder = dirname(file);
  const names = await readdir(folder).catch((): string[] => []);
  const name = basename(file);
  if (names.includes(name) || (name === 'Dockerfile' && names.includes('dockerfile'))) return [];
  const near = nearest(name, names) ?? names.find((one) => /dockerfile/i.test(one));
  const mend = near === undefined ? 'write one, or name it with `dockerfile:`' : `did you mean "${near}"?`;
  return [{ path, message: `there is no ${name} in ${shown(folder, directory)}`, mend }];
}

async function missing(path: Finding['path'], wanted: string, directory: string): Promise<Finding[]> {
  const there = await stat(wanted).catch(() => undefined);
  if (there) return [];
  const folder = dirname(wanted);
  const names = await readdir(folder).catch((): string[] => []);
  const near = nearest(basename(wanted), names);
  const mend =
    near === undefined ? 'create it, or correct the path' : `did you mean "${shown(join(folder, near), directory)}"?`;
  return [{ path, message: `there is no ${shown(wanted, directory)}`, mend }];
}

/** As people write it in the file. */
function shown(path: string, directory: string): string {
  const short = relative(directory, path);
  return isAbsolute(short) || short.startsWith('..') ? short : `./${short}`.replace(/\/$/, '');
}
