import { PassThrough } from 'node:stream';
import { engineContract } from './contract.ts';
import { fakeEngine } from './fake.ts';

engineContract('the fake engine', () => {
  const streams = new PassThrough();
  const engine = fakeEngine({
    exec: () => ({ exitCode: 3, output: 'hello\n' }),
    converse: () => streams,
  });
  engine.addImage({ tags: ['anything:latest'] });
  const remove = engine.remove;
  engine.remove = async (id) => {
    await remove(id);
    streams.end();
  };
  return { engine, image: 'anything:latest', entrypoint: ['sleep', '1000'] };
});
