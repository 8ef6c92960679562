import { expect, it } from 'vitest';
import { OdecetError } from '../core/failure.ts';
import { diskFault } from './disk-fault.ts';

it.each([
  ['ENOSPC', 'store-full'],
  ['EDQUOT', 'store-full'],
  ['EACCES', 'store-io'],
])('%s is %s', (code, ours) => {
  const { failure } = diskFault('/media/site.backup', Object.assign(new Error('no'), { code }));
  expect(failure).toMatchObject({ code: ours, detail: '/media/site.backup: no' });
});

it('what is a failure of ours already stays it', () => {
  const error = new OdecetError('usage', 'name another folder');
  expect(diskFault('/media', error)).toBe(error);
});
