import { expect, it } from 'vitest';
import { bench } from './app.testkit.ts';
import { readAudit } from './audit-texts.ts';
import { noteSiteFile } from './note-site-file.ts';

it('another site file is told once, with the one before', async () => {
  const { buffer, restart } = await bench(0);
  const file = '/etc/odecet/site.yaml';
  await noteSiteFile(buffer, { file, hash: 'a' }, 0);
  await noteSiteFile(buffer, { file, hash: 'a' }, 1_000);
  const again = (await restart()).buffer;
  await noteSiteFile(again, { file, hash: 'a' }, 2_000);
  await noteSiteFile(again, { file, hash: 'b' }, 3_000);
  await noteSiteFile(again, { file, hash: 'a' }, 4_000);
  expect((await again.auditLog()).map(({ text }) => readAudit(text))).toEqual([
    { at: '1970-01-01T00:00:00Z', what: 'site-file', file, hash: 'a' },
    { at: '1970-01-01T00:00:03Z', what: 'site-file', file, before: 'a', hash: 'b' },
    { at: '1970-01-01T00:00:04Z', what: 'site-file', file, before: 'b', hash: 'a' },
  ]);
});
