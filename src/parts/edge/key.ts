import { resolve } from 'node:path';
import * as z from 'zod';
import { isInside } from '../../stack/contained.ts';
import { keyReader, type Built } from '../../stack/part-key.ts';
import { projectPathPattern } from '../../stack/patterns.ts';
import { readText } from '../../stack/source.ts';
import { size } from '../../stack/values.ts';
import type { EdgeOptions } from './options.ts';

export const edgeKey = keyReader({
  schema: z
    .strictObject({
      maxBody: size.prefault('10m').describe('Largest request body that the edge takes.'),
      maintenancePage: z
        .string()
        .regex(projectPathPattern, { error: 'not a file of the project; give a relative path' })
        .optional()
        .describe('HTML file, inside the project, that `horme maintenance on` answers with. Default: a page of ours.'),
    })
    .prefault({})
    .describe('The edge: nginx with TLS, the one thing that publishes ports.'),
  async options({ maxBody, maintenancePage }, { directory }) {
    const page = await pageOf(maintenancePage, directory);
    const options: EdgeOptions = { maxBodyBytes: maxBody, maintenancePage: page.value };
    return { value: options, findings: page.findings };
  },
});

async function pageOf(path: string | undefined, directory: string): Promise<Built<string | undefined>> {
  if (path === undefined) return { value: undefined, findings: [] };
  const place = ['x-horme', 'edge', 'maintenancePage'];
  const file = resolve(directory, path);
  const wrong = (message: string, mend: string) => ({ value: undefined, findings: [{ path: place, message, mend }] });
  if (!(await isInside(directory, file)))
    return wrong(`${path} leads outside the project directory`, 'copy it into the project');
  const read = await readText(file);
  return 'text' in read ? { value: read.text, findings: [] } : wrong(`${path}: ${read.problem}`, read.mend);
}
