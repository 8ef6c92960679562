import { z } from 'zod';
import { COMMAND_KINDS } from '../core/command-kind.ts';
import { siteId as id, lineSchema } from './line-config.ts';
import { decimalText, lineSetting } from './model.ts';
import { conversionSchema, estimationSchema, heatSourceSchema, validationSchema } from './profile-config.ts';
import { storageSchema } from './storage.ts';

/** A site file: what hangs on which line, which market point it measures, and where the days go. */

const day = z.string().regex(/^\d{4}-\d\d-\d\d$/, 'a date like 2026-03-28');
const file = z.string().min(1);

export { type LineConfig, lineSchema } from './line-config.ts';

export const deviceSchema = z.strictObject({
  id,
  /** The device file, `maker/model` below device-config/. */
  model: z.string().regex(/^[a-z0-9-]+\/[a-z0-9-]+$/, '"maker/model" of a file below device-config/'),
  line: id,
  address: z.int().min(0).max(255),
  /**
   * M-Bus secondary address, used with `address: 253`: the eight digits printed on the meter, or 16 hex digits of id,
   * manufacturer (as on the wire), version and medium; an F stands for any digit.
   */
  secondary: z
    .string()
    .regex(/^([0-9a-fA-F]{8}|[0-9a-fA-F]{16})$/, '8 digits in quotes, or 16 hex digits, e.g. "12345678"')
    .optional(),
  /** M-Bus: a file with the 32 hex digits of the key of a meter that encrypts, readable by the program only. */
  keyFile: file.optional(),
  /** As printed on the meter; compared at every session where the meter tells its own. */
  serial: z.string().optional(),
  /** Current and voltage transformer ratio or pulse value, with the instant from which it holds. */
  multiplier: z.array(z.strictObject({ from: z.string(), value: decimalText })).default([]),
  /** Modbus blocks that the maker leaves to the site. */
  blocks: z.record(z.string(), z.int().min(0).max(65535)).default({}),
  words: z.enum(['high-first', 'low-first']).optional(),
  archive: z.strictObject({ stride: z.int().min(1).optional(), records: z.int().min(1).optional() }).optional(),
  replyTimeoutMs: z.int().min(50).max(60_000).optional(),
  /** The longest time after the reply time-out in which an answer may still come, in place of the device file's. */
  lateAnswerMs: z.int().min(0).max(120_000).optional(),
  /** How this device is set where that is neither what its device file says nor what the line is set to. */
  setting: lineSetting.optional(),
});

export const pointSchema = z.strictObject({
  /** EIC (gas) or EAN-18 (electricity). */
  code: z.string().min(1),
  name: z.string().default(''),
  commodity: z.enum(['gas', 'electricity']),
  metering: z.enum(['A', 'B', 'C']),
  device: id,
  /** The first market day that we answer for; nothing before it is sent. */
  from: day.optional(),
  /** Gas: which of the corrector's counters the contract bills. */
  volume: z.enum(['total', 'undisturbed', 'undisturbed-and-disturbed', 'operating']).default('total'),
  /** Gas with `volume: operating` only. */
  conversion: conversionSchema.optional(),
  /** Electricity: which directions are published. */
  channels: z.array(z.enum(['import', 'export'])).default(['import']),
  /** Electricity: length of an interval; gas is hourly. */
  minutes: z.literal([15, 60]).default(15),
  /** Connected capacity in m3/h or kW: the most an interval may hold, and what explains a rollover. */
  capacity: decimalText,
  validation: validationSchema.optional(),
  /** Filling gaps that the meter's archive does not close. Nothing is estimated without this. */
  estimation: estimationSchema.optional(),
});

const certificate = z.strictObject({
  certificate: file,
  key: file,
  /** A file that holds the key's password, readable by the program only. */
  passwordFile: file.optional(),
});

export const retrySchema = z
  .strictObject({
    firstMs: z.int().min(10).default(5_000),
    factor: z.number().min(1).max(10).default(2),
    mostMs: z.int().min(10).default(900_000),
    jitter: z.number().min(0).max(1).default(0.3),
  })
  .default({ firstMs: 5_000, factor: 2, mostMs: 900_000, jitter: 0.3 });

/** Five minutes at the most: docs/lines.md says within what time a meter that returns is noticed. */
const collectBackoff = z
  .strictObject({ ...retrySchema.unwrap().shape, mostMs: z.int().min(10).default(300_000) })
  .default({ ...retrySchema.parse(undefined), mostMs: 300_000 });

/** `production` refuses packs that are not verified. */
const environment = z.enum(['production', 'sandbox']);

/** The way to the operator's service; a relay has one for each market participant. */
export const operatorSchema = z.strictObject({
  environment,
  url: z.string().regex(/^https:\/\//, 'an https:// address'),
  /** Who we are to the operator's TLS server. */
  tls: certificate.extend({ trust: z.array(file).min(1) }),
  /** What our messages are signed with. */
  seal: certificate,
  /** Certificates under which the operator's answers may be signed, several at once so that a change needs no release. */
  operatorCertificates: z.array(file).min(1),
  answerWithinMs: z.int().min(100).max(600_000).default(60_000),
  /** How far the operator's clock may be from ours for an answer to be fresh, and how long our message claims to be. */
  timestampWindowMs: z.int().min(1_000).default(300_000),
});

/** The way to the MQTT broker. */
export const brokerSchema = z.strictObject({
  url: z.string().regex(/^mqtts?:\/\/[^/]+$/, 'an address like mqtts://broker.example:8883'),
  mqtt: z.enum(['5', '3.1.1']).default('5'),
  /** The name of the site or relay where absent. */
  username: z.string().min(1).optional(),
  /** A file that holds the password for the broker, readable by the program only. */
  passwordFile: file.optional(),
  tls: z
    .strictObject({
      /** Authorities of the broker's certificate; nothing else is trusted. */
      trust: z.array(file).min(1),
      certificate: file.optional(),
      key: file.optional(),
    })
    .optional(),
});

/** Where Prometheus asks for `/metrics`. It is told to whoever asks, so beyond this machine only in a net of one's own. */
export const metricsSchema = z.strictObject({
  host: z.string().default('127.0.0.1'),
  port: z.int().min(0).max(65535),
});

/** A view for a control room (Sparkplug B): told, never asked, and nothing that is billed goes this way. */
const sparkplugSchema = z.strictObject({
  broker: brokerSchema,
  group: z
    .string()
    .regex(/^[^/+#]+$/, 'a name without "/", "+" and "#"')
    .default('odecet'),
  /** The site's id where absent. */
  node: z
    .string()
    .regex(/^[^/+#]+$/, 'a name without "/", "+" and "#"')
    .optional(),
});

const relayUplink = z.strictObject({
  kind: z.literal('relay'),
  environment,
  broker: brokerSchema,
  /** The site's Ed25519 key, with which its messages are signed; `odecet enroll` makes it. */
  key: file,
  /** Public keys of the relay, under which its receipts are believed. */
  relayKeys: z
    .array(z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'an Ed25519 public key, 43 characters of base64url'))
    .min(1),
  /** What the centre may command. What changes something has to be allowed by name. */
  commands: z.array(z.enum(COMMAND_KINDS)).default(['read', 'diagnose']),
  /** A message without a receipt goes again after this. */
  receiptWithinMs: z.int().min(100).max(600_000).default(30_000),
  statusEveryMs: z.int().min(1_000).default(60_000),
  retry: retrySchema,
});

const uplink = z.discriminatedUnion('kind', [
  operatorSchema.extend({ kind: z.literal('direct'), retry: retrySchema }),
  relayUplink,
]);

/** 14 is EAN-13 (GLN), 15 is EIC. */
export const participantSchema = z.strictObject({ id: z.string(), codingScheme: z.enum(['14', '15']) });
const market = z.strictObject({ sender: participantSchema, receiver: participantSchema, pack: z.string() });

/** Combustion heat of one gas day. */
export const heatSchema = z.strictObject({ day, kWhPerM3: decimalText });

export const siteSchema = z.strictObject({
  site: id,
  /** Among the sites of the same sender, whose message ids must differ: ids end with it. `odecet enroll` gives it. */
  number: z.int().min(0).max(99_999).optional(),
  zone: z.string().default('Europe/Prague'),
  lines: z.array(lineSchema).min(1),
  devices: z.array(deviceSchema).min(1),
  points: z.array(pointSchema).min(1),
  market: z.strictObject({
    gas: market.optional(),
    electricity: market.optional(),
  }),
  /** Combustion heat by gas day, kWh/m3: from the distributor, never invented. */
  combustionHeat: z.array(heatSchema).default([]),
  /** A CSV file of the same, `day;kWhPerM3` with a heading, read again when it changes. */
  combustionHeatFile: file.optional(),
  /** The same from a web service, asked again and again for days that are not known yet. */
  combustionHeatSource: heatSourceSchema.optional(),
  collect: z
    .strictObject({
      /** Samples between the boundaries. */
      everyMs: z.int().min(100).default(60_000),
      /** After a boundary: how long to wait before stored values are asked for, so that the meter has frozen them. */
      settleMs: z.int().min(0).max(600_000).default(5_000),
      /** Of a device that fails; its tries also cost its line no more than one part in 32. */
      backoff: collectBackoff,
    })
    .prefault({}),
  profile: z
    .strictObject({
      /** A boundary is interpolated only between samples no further apart than this. */
      sampleGapMsMax: z.int().min(1_000).default(1_800_000),
      /** The index is published to this many decimals when it has to be interpolated. */
      computedDecimals: z.int().min(0).max(6).default(3),
      /** A meter whose clock is further off than this is not believed. */
      clockOffMsMax: z.int().min(1_000).default(60_000),
      validation: validationSchema.default({}),
    })
    .prefault({}),
  /** How long after the end of the day the message is made at the earliest. */
  sendAfterMs: z.int().min(0).default(600_000),
  uplink,
  storage: storageSchema,
  /** Nowhere when absent. */
  metrics: metricsSchema.optional(),
  /** Off when absent. */
  sparkplug: sparkplugSchema.optional(),
  log: z.strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']).default('info') }).prefault({}),
});

export type Site = z.infer<typeof siteSchema>;
export type DeviceConfig = Site['devices'][number];
export type PointConfig = Site['points'][number];
export type OperatorConfig = z.infer<typeof operatorSchema>;
export type BrokerConfig = z.infer<typeof brokerSchema>;
export type RelayUplinkConfig = z.infer<typeof relayUplink>;
export type SparkplugConfig = z.infer<typeof sparkplugSchema>;
export type HeatConfig = Site['combustionHeat'][number];
export type ParticipantConfig = z.infer<typeof participantSchema>;
