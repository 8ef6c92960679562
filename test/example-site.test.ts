import { expect, it } from 'vitest';
import { loadSite } from '../src/app/site-files.ts';

it('the example site can be loaded as it stands, packs and device files included', () => {
  const loaded = loadSite('device-config/example/site.yaml');
  expect(loaded.warnings).toEqual([]);
  expect([...loaded.packs.keys()]).toEqual(['gas', 'electricity']);
});
