import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { OperatorError, exitCodes } from '../errors.ts';
import { openConnection } from './connection.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'horme-docker-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** As `docker context create` writes it. */
function context(name: string, host: string): void {
  const place = join(folder, 'contexts', 'meta', createHash('sha256').update(name).digest('hex'));
  mkdirSync(place, { recursive: true });
  const meta = { Name: name, Metadata: {}, Endpoints: { docker: { Host: host, SkipTLSVerify: false } } };
  writeFileSync(join(place, 'meta.json'), JSON.stringify(meta));
}

const use = (currentContext: string) => writeFileSync(join(folder, 'config.json'), JSON.stringify({ currentContext }));

function open(name?: string, variables: Record<string, string> = {}) {
  const { socketPath, environment, label, publicAddress } = openConnection(name, {
    DOCKER_CONFIG: folder,
    ...variables,
  });
  return { socketPath, environment, label, publicAddress };
}

const local = {
  socketPath: '/var/run/docker.sock',
  environment: { DOCKER_HOST: 'unix:///var/run/docker.sock' },
  label: '/var/run/docker.sock',
  publicAddress: '127.0.0.1',
};

test('without any configuration it is the default socket', () => {
  expect(open()).toEqual(local);
});

test('a context that is named wins over all else', () => {
  context('prod', 'ssh://deploy@machine.example.com');
  context('other', 'unix:///other.sock');
  use('other');
  expect(open('prod', { DOCKER_HOST: 'unix:///host.sock', DOCKER_CONTEXT: 'other' })).toEqual({
    socketPath: undefined,
    environment: { DOCKER_CONTEXT: 'prod', DOCKER_HOST: '' },
    label: 'prod',
    publicAddress: 'machine.example.com',
  });
});

test('then DOCKER_HOST, then DOCKER_CONTEXT, then the current context', () => {
  context('one', 'unix:///one.sock');
  context('two', 'unix:///two.sock');
  use('one');
  expect(open(undefined, { DOCKER_HOST: 'unix:///host.sock', DOCKER_CONTEXT: 'two' }).socketPath).toBe('/host.sock');
  expect(open(undefined, { DOCKER_CONTEXT: 'two' }).socketPath).toBe('/two.sock');
  expect(open().socketPath).toBe('/one.sock');
});

test('a variable that is empty is not set', () => {
  context('one', 'unix:///one.sock');
  use('one');
  expect(open(undefined, { DOCKER_HOST: '', DOCKER_CONTEXT: '' }).socketPath).toBe('/one.sock');
});

test('the context "default" is the default socket', () => {
  use('default');
  expect(open()).toEqual(local);
  expect(open('default')).toEqual(local);
});

test('an engine behind TCP or ssh is spoken to through the docker program; its ports are on that machine', () => {
  expect(open(undefined, { DOCKER_HOST: 'tcp://10.1.2.3:2376' })).toMatchObject({
    socketPath: undefined,
    publicAddress: '10.1.2.3',
  });
  expect(open(undefined, { DOCKER_HOST: 'ssh://ada@machine:2222' }).publicAddress).toBe('machine');
});

test('a context that is not there is refused with the command that makes it', () => {
  expect(() => open('nowhere')).toThrow(OperatorError);
  expect(() => open('nowhere')).toThrow('there is no Docker context named "nowhere"');
  try {
    open('nowhere');
  } catch (error) {
    expect(error).toMatchObject({ code: 'context-unknown', exitCode: exitCodes.usage });
    expect((error as OperatorError).next).toContain('docker context create nowhere');
  }
});

test('a configuration that is not about contexts is no obstacle', () => {
  writeFileSync(join(folder, 'config.json'), '{"auths":{}}');
  expect(open()).toEqual(local);
});
