import { expect, test } from 'vitest';
import { failureOf } from './testing.ts';
import { parseInfo, parseListing, said, stanzaOf } from './said.ts';

const told = (status: object, more: object = {}): object => ({ name: 'a', status, ...more });

test('line ends within what pgBackRest says of an error are read', async () => {
  const answer = '[{"name":"[invalid]","status":{"code":99,"message":"ERROR: [042]: \\"no\\"\nHINT: look"}}]\n';
  const { code, message } = await failureOf(() => parseInfo(answer));
  expect([code, message]).toEqual(['repository-unreachable', 'it can\'t be read: ERROR: [042]: "no" / HINT: look']);
});

test('a system identifier keeps all of its digits', () => {
  const db = '"db":[{"id":1,"system-id":7438237498237498231,"version":"17"}]';
  const [found] = parseInfo(`[{"name":"a","status":{"code":2,"message":"no valid backups"},${db}}]`);
  expect(stanzaOf(found!)).toEqual({ name: 'a', systemId: '7438237498237498231', version: '17', backups: [] });
});

test('a wrong passphrase is told as one', async () => {
  for (const message of ['unable to flush', 'expected \ufffd']) {
    const [found] = parseInfo(JSON.stringify([told({ code: 99, message })]));
    expect((await failureOf(() => stanzaOf(found!))).message).toContain('the secret backup-cipher');
  }
});

test('of a listing the files count, with their times', () => {
  const listing = { '.': { type: 'path' }, 'a/b': { type: 'file', size: 1, time: 5 }, c: { type: 'link' } };
  expect([...parseListing(JSON.stringify(listing))]).toEqual([['a/b', 5]]);
});

test('of what it prints, the complaint is told without its times; without one, the end', () => {
  const line = '2026-11-24 15:03:12.123 P00  ';
  expect(said(`${line} INFO: begin\n${line}ERROR: [055]: gone\n   HINT: look`)).toBe('ERROR: [055]: gone / HINT: look');
  expect(said('1\n2\n3\n\n4\n5\n6\n')).toBe('2 / 3 / 4 / 5 / 6');
  expect(said('\n')).toBe('it said nothing');
});
