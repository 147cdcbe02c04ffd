import type { ListAnswer, SnapshotsAnswer } from '../../../agent/backup/contract.ts';
import { expect, test } from 'vitest';
import { listsNothing } from './list.ts';

const problems = [{ repository: 2, message: 'access denied' }];
const history = { stanza: 'a', current: true, systemId: '1', repositories: [] };

test.each<[string, ListAnswer | SnapshotsAnswer, boolean]>([
  ['nothing because nothing could be read', { histories: [], problems }, true],
  ['the same of files', { snapshots: [], problems }, true],
  ['what the others have', { histories: [history], problems }, false],
  ['nothing because there is nothing', { histories: [], problems: [] }, false],
  ['nothing of an older agent', { histories: [] }, false],
])('%s', (_what, answer, expected) => expect(listsNothing(answer)).toBe(expected));
