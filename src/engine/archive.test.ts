import tar from 'tar-stream';
import { expect, test } from 'vitest';
import { packTar, platformUid, unpackTar } from './archive.ts';

test('what is packed comes out again, byte by byte', async () => {
  const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 256));
  const packed = await packTar([
    { path: 'note', content: 'héllo\n' },
    { path: 'deep/er/bytes', content: bytes },
    { path: 'empty', content: '' },
  ]);
  expect(await unpackTar(packed)).toEqual(
    new Map([
      ['note', Buffer.from('héllo\n')],
      ['deep/er/bytes', bytes],
      ['empty', Buffer.alloc(0)],
    ]),
  );
});

test('a name longer than the old format takes', async () => {
  const path = `${'folder/'.repeat(40)}file`;
  expect([...(await unpackTar(await packTar([{ path, content: 'x' }]))).keys()]).toEqual([path]);
});

test('modes and owners are as given; others are the platform’s', async () => {
  const packed = await packTar([
    { path: 'plain', content: '' },
    { path: 'own', content: '', mode: 0o400, uid: 7, gid: 8 },
  ]);
  const headers: (number | undefined)[][] = [];
  const extract = tar.extract();
  extract.end(packed);
  for await (const entry of extract) {
    const { mode, uid, gid } = entry.header;
    headers.push([mode, uid, gid]);
    entry.resume();
  }
  expect(headers).toEqual([
    [0o644, platformUid, platformUid],
    [0o400, 7, 8],
  ]);
});

test('links and folders in an archive are left out', async () => {
  const pack = tar.pack();
  pack.entry({ name: 'folder', type: 'directory' });
  pack.entry({ name: 'link', type: 'symlink', linkname: '/etc/passwd' });
  pack.entry({ name: 'file' }, 'x');
  pack.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of pack) chunks.push(chunk as Buffer);
  expect([...(await unpackTar(Buffer.concat(chunks))).keys()]).toEqual(['file']);
});
