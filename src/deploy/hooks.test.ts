import { expect, test } from 'vitest';
import { fakeEngine } from '../engine/fake.ts';
import { labels } from '../engine/labels.ts';
import { timedOut, type ExecOptions } from '../engine/engine.ts';
import type { Event } from '../events.ts';
import { Store } from '../release/store.ts';
import type { Context } from './context.ts';
import { postStart, preStop } from './hooks.ts';
import { adaptedModel } from './startable.ts';

const hook = {
  command: ['/bin/tell', '$$HOME'],
  user: 'root',
  privileged: true,
  working_dir: '/x',
  environment: { A: 'b' },
};

async function scene(exitCode = 0) {
  const ran: { command: string[]; options: ExecOptions | undefined }[] = [];
  const engine = fakeEngine({
    exec: (_container, command, _input, options) => {
      ran.push({ command, options });
      return { exitCode, output: 'its words' };
    },
  });
  const image = engine.addImage({ tags: ['web:1'] });
  const own = { [labels.postStart]: JSON.stringify([hook]), [labels.preStop]: JSON.stringify([hook]) };
  const id = await engine.create({ image: image.id, labels: { ...own, [labels.project]: 'shop-local' } });
  await engine.start(id);
  const store = await Store.open(engine, 'shop-local', image.id);
  const content = { project: 'shop-local', compose: { services: { web: { post_start: [hook] }, plain: {} } } };
  const context = { engine, store, content, signal: new AbortController().signal } as unknown as Context;
  const service = { name: 'web', readySeconds: 5 } as Parameters<typeof postStart>[1][number]['service'];
  return { engine, ran, context, gates: [{ service, replica: { id, name: 'web-1' } }], id };
}

test('post_start runs once in each new replica, as the file says', async () => {
  const { context, gates, ran } = await scene();
  await postStart(context, gates);
  await postStart(context, gates);
  expect(ran).toEqual([
    {
      command: hook.command,
      options: { user: 'root', privileged: true, workingDirectory: '/x', environment: ['A=b'] },
    },
  ]);
});

test('a post_start that fails fails the release, and runs again', async () => {
  const { context, gates, ran } = await scene(3);
  const failure = { code: 'post-start-failed', lastSeen: 'its words' };
  await expect(postStart(context, gates)).rejects.toMatchObject(failure);
  await expect(postStart(context, gates)).rejects.toMatchObject(failure);
  expect(ran).toHaveLength(2);
});

test('a hook that never ends is left at its deadline', async () => {
  const { context, gates, engine } = await scene();
  // The port ends it; what it must be told is how much of `ready` is left.
  let left = 0;
  engine.exec = async (_id, _command, { deadlineSeconds = 0 } = {}) => {
    left = deadlineSeconds;
    return { exitCode: timedOut, output: '' };
  };
  const [gate] = gates;
  const patient = gate ? [{ ...gate, service: { ...gate.service, readySeconds: 300 } }] : [];
  await expect(postStart(context, patient)).rejects.toMatchObject({
    message: expect.stringContaining('in time') as string,
  });
  expect(left).toBeGreaterThan(60);
  expect(left).toBeLessThanOrEqual(300);
});

test('a pre_stop that fails is told, and the container stops', async () => {
  const { engine, id, ran } = await scene(1);
  const events: Event[] = [];
  await preStop(engine, { id, name: 'web-1' }, 5, (event) => events.push(event));
  expect(ran).toHaveLength(1);
  expect(events).toMatchObject([
    { kind: 'warning', text: expect.stringMatching(/pre_stop.*exit code 1: its words/) as string },
  ]);
});

test('what Compose starts has hooks as labels, and single files by where the volume has them', () => {
  const mount = { type: 'volume', source: 'v', target: '/c', read_only: true, volume: { subpath: 'x/c' } };
  const foreign = { ...mount, source: 'users' };
  const model = {
    name: 'shop-local',
    services: { web: { image: 'web:1', post_start: [hook], volumes: [mount, foreign] }, plain: { image: 'p' } },
  };
  const adapted = adaptedModel(model, [{ name: 'v', labels: {}, mountpoint: '/m' }]);
  expect(adapted.services['plain']).toEqual({ image: 'p' });
  expect(adapted.services['web']).toEqual({
    image: 'web:1',
    labels: { [labels.postStart]: JSON.stringify([hook]) },
    volumes: [
      { type: 'bind', source: '/m/x/c', target: '/c', read_only: true, bind: { create_host_path: false } },
      foreign,
    ],
  });
});
