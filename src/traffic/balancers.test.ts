import { routedServices } from './routed.ts';
import { beforeEach, expect, test } from 'vitest';
import { api, route } from '../deploy/testing.ts';
import type { Engine } from '../engine/engine.ts';
import { Balancers } from './balancers.ts';
import { fakeHaproxy, type FakeHaproxy } from './fake-haproxy.ts';

const service = api();
const members = { 'api:3000': ['old-1', 'old-2'] };
let proxies: Record<string, FakeHaproxy>;
let balancers: Balancers;

const engine = { converse: async (id: string) => proxies[id]?.converse() } as unknown as Engine;
const at = (name: string) => proxies[name] ?? fakeHaproxy([], {});

beforeEach(async () => {
  proxies = { a: fakeHaproxy([service], members), b: fakeHaproxy([service], members) };
  balancers = await Balancers.open(engine, ['a', 'b']);
});

const seen = async () => (await balancers.membership([service]))['api'];

test('who is ready is who every HAProxy sends requests to', async () => {
  expect(await seen()).toEqual({ 'old-1': 'ready', 'old-2': 'ready' });
  at('b').servers.get('api:3000/s1')!.admin = 8;
  expect(await seen()).toEqual({ 'old-1': 'mixed', 'old-2': 'ready' });
});

test('one that HAProxy knows alone is half a member', async () => {
  at('a').servers.get('api:3000/s3')!.fqdn = 'new-1';
  expect((await seen())?.['new-1']).toBe('mixed');
});

test('a replica is admitted everywhere, drains everywhere and gives its place back', async () => {
  await balancers.admit(service, [{ name: 'new-1', address: '10.0.0.7' }]);
  expect((await seen())?.['new-1']).toBe('ready');
  await balancers.drain(service, ['old-1', 'old-2']);
  expect(await seen()).toEqual({ 'old-1': 'drain', 'old-2': 'drain', 'new-1': 'ready' });
  await balancers.release(service, ['old-1', 'old-2']);
  expect(await seen()).toEqual({ 'new-1': 'ready' });
  expect(await balancers.members([service])).toEqual({ 'api:3000': ['new-1'] });
});

test('to admit again is to use the same place', async () => {
  for (let round = 0; round < 3; round += 1) await balancers.admit(service, [{ name: 'new-1', address: '10.0.0.7' }]);
  const places = [...at('a').servers].filter(([, { fqdn }]) => fqdn === 'new-1').map(([place]) => place);
  expect(places).toEqual(['api:3000/s3', 'api:3000:long/s3']);
});

test('sessions are counted over both, the long-lived ones apart', async () => {
  at('a').servers.get('api:3000/s1')!.sessions = 2;
  at('b').servers.get('api:3000/s1')!.sessions = 1;
  at('b').servers.get('api:3000:long/s1')!.sessions = 4;
  expect(await balancers.sessions(service, ['old-1'])).toEqual({ 'old-1': { ordinary: 3, longLived: 4 } });
});

test('a port that changes takes nobody away: each release is a member at its own port', async () => {
  const moved = api({ routes: [route(4000)] });
  const both = routedServices([moved], [service]);
  expect((await balancers.membership(both))['api']).toEqual({ 'old-1': 'ready', 'old-2': 'ready' });
  const kept = await balancers.members(both);
  expect(kept).toEqual({ 'api:3000': ['old-1', 'old-2'], 'api:4000': [] });
  for (const proxy of Object.values(proxies)) proxy.load(both, kept);
  await balancers.admit(moved, [{ name: 'new-1', address: '10.0.0.7' }]);
  expect((await balancers.membership(both))['api']).toEqual({ 'old-1': 'ready', 'old-2': 'ready', 'new-1': 'ready' });
  await balancers.release(both[0] ?? moved, ['old-1', 'old-2']);
  expect(await balancers.members([moved])).toEqual({ 'api:4000': ['new-1'] });
});

test('with a second port, who serves only the first is not a whole member yet', async () => {
  const wider = api({ routes: [route(3000), route(4000, '/admin')] });
  for (const proxy of Object.values(proxies)) proxy.load([wider], members);
  expect((await balancers.membership([wider]))['api']).toEqual({ 'old-1': 'mixed', 'old-2': 'mixed' });
});

test('when there is no place left it says so', async () => {
  const many = Array.from({ length: 16 }, (_, index) => ({ name: `new-${index}`, address: '10.0.0.7' }));
  await expect(balancers.admit(service, many)).rejects.toThrow('no slot left');
});

test('many old replicas and few new ones still find their place', async () => {
  const before = api({ replicas: 9 });
  const after = api({ replicas: 1 });
  const old = Array.from({ length: 9 }, (_, index) => `old-${index + 1}`);
  for (const proxy of Object.values(proxies)) proxy.load(routedServices([after], [before]), { 'api:3000': old });
  await balancers.admit(after, [{ name: 'new-1', address: '10.0.0.7' }]);
});
