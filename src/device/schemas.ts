import type { z } from 'zod';
import { editorSchema } from '../core/explain.ts';
import { deviceModelSchema } from './model.ts';
import { siteSchema } from './site.ts';

/** The JSON Schemas that editors read, by their file name below device-config/. Written by `npm run schemas`. */
export const EDITOR_SCHEMAS: Readonly<Record<string, string>> = {
  'device.schema.json': schemaText(deviceModelSchema, 'Odečet device file: one model of meter or corrector'),
  'site.schema.json': schemaText(siteSchema, 'Odečet site file: lines, devices, points, market and uplink'),
};

function schemaText(schema: z.ZodType, title: string): string {
  return `${JSON.stringify({ title, ...editorSchema(schema) }, null, 2)}\n`;
}
