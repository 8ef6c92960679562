import { z } from 'zod';
import { siteStatusSchema } from '../uplink/relay/status.ts';

const TITLE = 'Odečet site status: what a site says retained on odecet/1/<site>/status';

/** docs/status.schema.json, written by `npm run schemas`. */
export const STATUS_SCHEMA = `${JSON.stringify({ title: TITLE, ...z.toJSONSchema(siteStatusSchema) }, null, 2)}\n`;
