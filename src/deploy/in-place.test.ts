import { describe, expect, test } from 'vitest';
import type { ReleaseService } from '../release/release.ts';
import type { SeenReplica } from './observe.ts';
import { planText } from './plan.ts';
import { content, edge, options, replica, running, service, stepsOfPlan, version } from './testing.ts';

const ledger = service('ledger');
const volume = (name: string) => [{ name, path: '/data' }];

/** What a deploy of this release does, where these containers are. */
function planned(wanted: ReleaseService[], seen: SeenReplica[]): string {
  const live = content([...edge(), ...wanted]);
  const others = running(live).replicas.filter(({ service: name }) => name.startsWith('horme-'));
  return planText(stepsOfPlan(live, running(live, { replicas: [...others, ...seen] }), options()));
}

const one = (own: Partial<SeenReplica> = {}) => replica(ledger, 1, { anonymousVolumes: volume('first'), ...own });

describe('a container that holds an anonymous volume', () => {
  test('gets a successor in its place', () => {
    expect(planned([version(ledger, 'v2')], [one()])).toMatchInlineSnapshot(`
      "1  replace shop-local-ledger-1 in place
           because its image changed; it keeps data in the anonymous volume /data, which a successor takes over
      2  wait until ledger is ready
           because new replicas get no traffic until they are ready
      3  watch ledger for 10 s
           because errors and answer times against the ones before"
    `);
  });

  test('at a path that has a named volume now: the successor does not take it over, and its name is told', () => {
    const named = version(ledger, 'v2', { anonymous: ['/elsewhere'] });
    expect(planned([named], [one()])).toContain(
      'replace shop-local-ledger-1 in place; what was in /data stays in the volume first\n     because its image changed\n',
    );
  });

  test('is started again, and not removed, when it has ended', () => {
    expect(planned([ledger], [one({ running: false, exitCode: 1 })])).toMatchInlineSnapshot(`
      "1  start 1 replica of ledger
           because ledger: 0 of 1 replicas run
      2  wait until ledger is ready
           because new replicas get no traffic until they are ready"
    `);
  });

  test('has one beside it that Compose made and did not put into its place', () => {
    const beside = one({ id: 'beside', name: 'abc_ledger', spec: 'v2', running: false, neverRan: true });
    const seen = [beside, one({ running: false, exitCode: 143 })];
    expect(planned([version(ledger, 'v2')], seen)).toMatchInlineSnapshot(`
      "1  remove abc_ledger
           because an interrupted run left it; another container has its volumes
      2  replace shop-local-ledger-1 in place
           because its image changed; it keeps data in the anonymous volume /data, which a successor takes over
      3  wait until ledger is ready
           because new replicas get no traffic until they are ready"
    `);
  });

  test('is the only one left with the data, and never ran', () => {
    expect(planned([version(ledger, 'v2')], [one({ spec: 'v1', running: false, neverRan: true })])).toContain(
      'replace shop-local-ledger-1 in place',
    );
  });

  test('stays when none is to run, and comes back', () => {
    expect(planned([{ ...ledger, replicas: 0 }], [one()])).toMatchInlineSnapshot(`
      "1  stop shop-local-ledger-1
           because ledger is to have no replica; its container stays, since it keeps data in the anonymous volume /data"
    `);
    const rests = one({ running: false, exitCode: 0 });
    expect(planned([{ ...ledger, replicas: 0 }], [rests])).toBe('nothing to do');
    expect(planned([ledger], [rests])).toContain('start 1 replica of ledger');
  });

  test('of a number that is no longer wanted goes, and the name of its volume is told', () => {
    const second = replica(ledger, 2, { anonymousVolumes: volume('second') });
    expect(planned([ledger], [one(), second])).toMatchInlineSnapshot(`
      "1  stop and remove shop-local-ledger-2; what was in /data stays in the volume second
           because 2 of 1 replicas run"
    `);
  });

  test('of two the elder stays, whichever runs: the other may be of a version that started beside it', () => {
    const second = replica(ledger, 2, { anonymousVolumes: volume('second') });
    expect(planned([ledger], [one({ running: false, exitCode: 143 }), second])).toContain(
      'stop and remove shop-local-ledger-2; what was in /data stays in the volume second',
    );
  });

  test('of a service that is gone: the name of the volume is told', () => {
    expect(planned([service('other')], [one(), replica(service('other'))])).toMatchInlineSnapshot(`
      "1  stop and remove shop-local-ledger-1; what was in /data stays in the volume first
           because the Compose file no longer has it"
    `);
  });
});

test('a job that runs again has the data of its last run', () => {
  const index = service('index', { kind: 'job' });
  const ended = replica(index, 1, { running: false, exitCode: 0, anonymousVolumes: volume('index') });
  expect(planned([index], [ended])).toBe('nothing to do');
  expect(planned([version(index, 'v2')], [ended])).toMatchInlineSnapshot(`
    "1  run index to its end
         because its image changed"
  `);
});
