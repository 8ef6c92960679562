import { expect, it } from 'vitest';
import { simFolder } from '../sim/folder.ts';
import { readSerials } from './serials.ts';

it('a serial that was told once is known after a restart; what tells none changes nothing', async () => {
  const folder = simFolder();
  const first = await readSerials(folder);
  expect(first.of('boiler')).toBeUndefined();
  await first.learn('boiler', '00417321');
  await first.learn('hall', undefined);
  const again = await readSerials(folder);
  expect([again.of('boiler'), again.of('hall')]).toEqual(['00417321', undefined]);
});

it('a file that is not whole is as none', async () => {
  const folder = simFolder();
  await folder.write('serials.json', '{"boiler": ');
  const serials = await readSerials(folder);
  expect(serials.of('boiler')).toBeUndefined();
});
