import { labels } from '../src/engine/labels.ts';
import { composeConfig } from '../src/engine/compose-config.ts';
import { aim, interleaved, median, program, range, ratio, round, type Measured, type Part } from './measure.ts';
import { openScene } from './project.ts';

const runs = 15;
const mostToLeast = 2;

const deploying = 'horme deploy, nothing to do';

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
        [deploying]: () => scene.horme('deploy'),
        'horme plan, no steps': () => scene.horme('plan'),
        'horme check': () => scene.horme('check'),
        'docker compose ps': () => program('docker', ['compose', '-p', scene.project, 'ps']),
      },
      runs,
    );
    const base = median(times['compose config and one listing']) + median(times['node -e 0']);
    return {
      title: 'A deploy with nothing to do',
      columns: ['command', 'median ms', 'min–max ms', 'to config, listing and the start of Node', 'aim'],
      rows: Object.entries(times).map(([name, own]) => [
        name,
        round(median(own)),
        range(own),
        ratio(median(own), base),
        name === deploying ? aim(median(own), base, mostToLeast) : '',
      ]),
      notes: [`medians of ${runs} runs each, in turns`],
    };
  } finally {
    await scene.remove();
  }
}
