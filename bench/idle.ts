import { labels } from '../src/engine/labels.ts';
import { composeConfig } from '../src/engine/compose-config.ts';
import { interleaved, median, program, ratio, round, type Measured, type Part } from './measure.ts';
import { openScene } from './project.ts';

const runs = 10;

/** A deploy with nothing to do, against the least that it must do: read the files, and list the containers. */
export const idle: Part = {
  name: 'idle',
  about: 'a deploy with nothing to do against `compose config` plus one listing',
  measure,
};

async function measure(): Promise<Measured> {
  const scene = await openScene('bench-idle', { http: 19082, https: 19445 }, 0);
  try {
    await scene.write('v1');
    await scene.horme('deploy', '--watch', '0');
    const files = [`${scene.directory}/compose.yaml`];
    const config = {
      projectDirectory: scene.directory,
      projectName: scene.project,
      profiles: [],
      envFiles: [],
      serviceExtensions: false,
      env: process.env,
      signal: new AbortController().signal,
    };
    const times = await interleaved(
      {
        'compose config and one listing': async () => {
          await composeConfig({ ...config, files });
          await scene.engine.containers({ [labels.project]: scene.project });
        },
        'node -e 0': () => program(process.execPath, ['-e', '0']),
        'horme deploy, nothing to do': () => scene.horme('deploy'),
        'docker compose ps': () => program('docker', ['compose', '-p', scene.project, 'ps']),
      },
      runs,
    );
    const base = median(times['compose config and one listing']) + median(times['node -e 0']);
    return {
      title: 'A deploy with nothing to do',
      columns: ['command', 'median ms', 'to config, listing and the start of Node'],
      rows: Object.entries(times).map(([name, own]) => [name, round(median(own)), ratio(median(own), base)]),
      notes: [`medians of ${runs} runs each, in turns`],
    };
  } finally {
    await scene.remove();
  }
}
