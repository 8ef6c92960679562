import { z } from 'zod';
import { lineSetting } from './model.ts';

/** The lines of a site file: what each is, and how frames stand on it. */

/** The name of a line, a device or a site. */
export const siteId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'lower-case letters, digits and hyphens, e.g. "boiler-house"');

/** How frames stand on the line; only Modbus has a choice. */
const framing = z.enum(['mbus', 'modbus-rtu', 'modbus-ascii', 'modbus-tcp']);
/** The adapter hands back what is sent, as two-wire RS-485 and cheap M-Bus level converters do: it is compared and removed. */
const echo = z.boolean().default(false);

/** A converter or a meter at host:port, raw bytes. */
const tcpLineSchema = z.strictObject({
  id: siteId,
  kind: z.literal('tcp'),
  host: z.string().min(1),
  port: z.int().min(1).max(65535),
  framing,
  connectWithinMs: z.int().min(100).max(60_000).default(5_000),
  /** How the wire behind the converter is set, so that frames are kept apart on it; the converter's own page sets it. */
  setting: lineSetting.optional(),
  echo,
});

/**
 * What the RTS line does. `high` and `low` hold it (some M-Bus level converters take their power from it); the others switch
 * an RS-485 transceiver that cannot do so by itself, for as long as a request is being sent.
 */
export const RTS_MODES = ['high', 'low', 'high-while-sending', 'low-while-sending'] as const;

/** A serial port of this machine. */
const serialLineSchema = z.strictObject({
  id: siteId,
  kind: z.literal('serial'),
  /** Best /dev/serial/by-id/...: the adapter keeps that name whichever socket it stands in. */
  path: z.string().regex(/^\/.+/, 'the full path of the port, e.g. "/dev/serial/by-id/usb-..."'),
  framing,
  setting: lineSetting,
  rts: z.enum(RTS_MODES).default('high'),
  /** Asks the adapter not to collect bytes before it hands them over (FTDI: 1 ms instead of 16); others ignore it. */
  lowLatency: z.boolean().default(true),
  echo,
});

export const lineSchema = z.discriminatedUnion('kind', [tcpLineSchema, serialLineSchema]);

export type LineConfig = z.infer<typeof lineSchema>;
