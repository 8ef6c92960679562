import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { STATUS_SCHEMA } from '../src/app/status-schema.ts';
import { EDITOR_SCHEMAS } from '../src/device/schemas.ts';

// Run by `npm run schemas` in the project's root: writes the JSON Schemas that editors use for device and site files.
for (const [name, text] of Object.entries(EDITOR_SCHEMAS)) writeFileSync(join('device-config', name), text);

// What anybody who reads the status topic may rely on.
writeFileSync(join('docs', 'status.schema.json'), STATUS_SCHEMA);
