import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { STATUS_SCHEMA } from '../src/app/status-schema.ts';
import { EDITOR_SCHEMAS } from '../src/device/schemas.ts';

test.each(Object.entries(EDITOR_SCHEMAS))('device-config/%s is what the program checks against', (name, text) => {
  const kept: unknown = JSON.parse(readFileSync(new URL(`../device-config/${name}`, import.meta.url), 'utf8'));
  const stale = `device-config/${name} is stale: run "npm run schemas" and commit the result`;
  expect(kept, stale).toEqual(JSON.parse(text));
});

test('docs/status.schema.json is what sites say', () => {
  const kept: unknown = JSON.parse(readFileSync(new URL('../docs/status.schema.json', import.meta.url), 'utf8'));
  expect(kept, 'docs/status.schema.json is stale: run "npm run schemas"').toEqual(JSON.parse(STATUS_SCHEMA));
});
