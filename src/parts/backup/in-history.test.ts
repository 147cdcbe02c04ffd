import { expect, test } from 'vitest';
import { content, service } from '../../deploy/testing.ts';
import { specOf } from '../../release/adapt.ts';
import type { ReleaseContent } from '../../release/release.ts';
import { inHistory } from './in-history.ts';
import { releasedBackup } from './sections.ts';

const former = '20261101-000000-aaaa';
const history = '20261124-150000-bbbb';

const live: ReleaseContent = content([service('api'), service('horme-postgres-1', { owner: 'database' })], {
  compose: {
    name: 'shop-local',
    services: {
      api: { image: 'shop-local/api:v1', labels: { 'horme.project': 'shop-local', 'horme.spec': 'v1', own: 'yes' } },
      'horme-postgres-1': {
        environment: { HORME_STANZA: former, OTHER: 'stays' },
        labels: { 'horme.project': 'shop-local', 'horme.spec': 'v1' },
      },
    },
  },
  parts: { backup: { history: former, repositories: [{ kind: 'local' }] } },
});

test('a release from before a restore archives into the present history, and nothing else of it changes', () => {
  const now = inHistory(live, history);
  const member = now.compose.services['horme-postgres-1'];
  expect(member?.environment).toEqual({ HORME_STANZA: history, OTHER: 'stays' });
  expect(member?.labels?.['horme.spec']).toBe(now.services[1]?.spec);
  expect(now.services[1]?.spec).not.toBe('v1');
  expect(now.services[0]).toEqual(live.services[0]);
  expect(releasedBackup(now)?.history).toBe(history);
  expect(inHistory(now, history)).toBe(now);
});

test('the spec is the one that a deploy would compute', () => {
  const now = inHistory(live, history);
  const environment = { HORME_STANZA: history, OTHER: 'stays' };
  expect(now.services[1]?.spec).toBe(specOf({ environment }, 'sha256:horme-postgres-1-v1'));
});
