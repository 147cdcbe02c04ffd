import { engineContract } from '../../src/engine/contract.ts';
import { openConnection } from '../../src/engine/connection.ts';
import { dockerEngine } from '../../src/engine/docker.ts';
import { tagOf } from '../../src/parts/testing.ts';

engineContract('the Docker engine', () => {
  const engine = dockerEngine(openConnection(undefined, process.env), new AbortController().signal);
  return { engine, image: tagOf('haproxy'), entrypoint: ['sleep', '1000'] };
});
