import { readFileSync } from 'node:fs';
import { Argument, Command } from 'commander';
import { isRecording, parseRecording, type Recorded } from '../app/field/recording.ts';
import { type Shown, shownMbus, shownModbus } from '../app/field/shown.ts';
import type { Way } from '../app/field/tap.ts';
import { OdecetError } from '../core/failure.ts';
import type { Say } from '../core/say.ts';
import { isoUtc } from '../core/time.ts';
import type { LineConfig } from '../device/site.ts';
import { loadMeterKey } from '../host/cipher.ts';
import { framesOf, type Judge, type Written } from './hex-text.ts';
import { type SpokenOptions, sayFor } from './say.ts';
import { printTable } from './table.ts';
import { languageOption } from './words.ts';

/** What is known of a frame beside its bytes. */
interface Known {
  readonly framing?: LineConfig['framing'];
  readonly way?: Way;
}
type Decode = (bytes: Uint8Array, known?: Known) => Shown;

interface DecodeOptions extends SpokenOptions {
  readonly keyFile?: string;
  readonly json?: true;
}

/** `odecet decode mbus|modbus [FILE|-]`: what bytes on a line mean, without a line. */
export function decodeCommand(): Command {
  return new Command('decode')
    .description('decode frames written in hex, one a line or divided by empty lines, or a recording')
    .addArgument(new Argument('<protocol>', 'what the bytes are').choices(['mbus', 'modbus']))
    .argument('[file]', 'a file with hex digits, or what `odecet listen --out` kept; "-" is standard input', '-')
    .option('--key-file <file>', 'the key of a meter that encrypts: a file with 32 hex digits')
    .option('--json', 'print JSON, one object for each frame')
    .addOption(languageOption())
    .action(async (protocol: string, file: string, options: DecodeOptions) => {
      const decrypt = options.keyFile === undefined ? undefined : await loadMeterKey(options.keyFile);
      const decode: Decode = (bytes, known) =>
        protocol === 'mbus' ? shownMbus(bytes, decrypt) : shownModbus(bytes, known);
      const text = readText(file);
      const say = sayFor(options);
      const print: Print = options.json ? printJson : (shown, frame) => printForPeople(shown, frame, say);
      if (isRecording(text)) decodeRecording(text, file, protocol, decode, print);
      else decodeHex(text, file, decode, print);
    });
}

type Print = (shown: Shown, frame?: Recorded) => void;

function decodeHex(text: string, file: string, decode: Decode, print: Print): void {
  const frames = framesOf(text, (bytes) => judged(decode(bytes)), beginsTelegram);
  if (frames.length === 0) throw new OdecetError('usage', `${file}: no hex digits in it`);
  for (const frame of frames) printed(shownOf(frame, decode), print);
}

/** Its frames are as they passed, so none is joined with the next. */
function decodeRecording(text: string, file: string, protocol: string, decode: Decode, print: Print): void {
  const { framing, frames, line } = parseRecording(text, file);
  if (framing.split('-')[0] !== protocol)
    throw new OdecetError('usage', `${file} is of the line ${line} with framing ${framing}, not of ${protocol}`);
  for (const frame of frames) {
    const { bytes, way } = frame;
    printed(decode(bytes, { framing, ...(way && { way }) }), print, frame);
  }
}

function printed(shown: Shown, print: Print, frame?: Recorded): void {
  if ('error' in shown) process.exitCode = 1;
  print(shown, frame);
}

function shownOf(frame: Written, decode: Decode): Shown {
  return 'error' in frame ? frame : decode(frame.bytes);
}

/** A frame that says what is not understood is whole all the same. */
function judged(shown: Shown): ReturnType<Judge> {
  if (!('error' in shown)) return 'whole';
  const { code } = shown.error;
  if (code === 'frame-truncated') return 'cut';
  return code.startsWith('frame-') && code !== 'frame-unsupported' ? 'none' : 'whole';
}

/** Only a long frame of M-Bus has a beginning that nothing else has. */
function beginsTelegram(bytes: Uint8Array): boolean {
  return bytes[0] === 0x68 && bytes[3] === 0x68 && bytes[1] === bytes[2];
}

function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OdecetError('usage', `${file}: ${why}`, { cause });
  }
}

function printJson(shown: Shown, frame?: Recorded): void {
  const { at, way } = frame ?? {};
  const passed = { ...(at !== undefined && { at: isoUtc(at) }), ...(way && { way }) };
  const told = 'error' in shown ? { error: { code: shown.error.code, message: shown.error.detail } } : shown;
  process.stdout.write(`${JSON.stringify({ ...passed, ...told })}\n`);
}

function printForPeople(shown: Shown, frame: Recorded | undefined, say: Say): void {
  const passed = frame ? `${isoUtc(frame.at)} ${say.whole(frame.way ?? 'not told whose')}: ` : '';
  process.stdout.write(`${passed}${headingOf(shown, say)}\n`);
  if ('records' in shown)
    printTable(
      shown.records.map(({ storage, tariff, subunit, quantity, unit, value, invalid, summer, vife, ...record }) => ({
        ...{ function: say.whole(record.function), storage, tariff, subunit, quantity, unit },
        value: `${invalid ?? value ?? ''}${summer ? say` summer time` : ''}`,
        vife: vife.join(' '),
      })),
      say,
    );
  if ('registers' in shown && shown.registers.length > 0)
    printTable(
      shown.registers.map((hex, register) => ({ register, hex, unsigned: Number.parseInt(hex, 16) })),
      say,
    );
}

function headingOf(shown: Shown, say: Say): string {
  if ('error' in shown) return say`refused: ${shown.error.detail} [${shown.error.code}]`;
  if ('records' in shown) {
    const { manufacturer, id, version, medium, status } = shown;
    return say`meter ${id ?? '?'} ${manufacturer ?? ''} version ${version ?? '?'} ${medium ?? ''}, status ${status ?? '?'}`;
  }
  if ('frame' in shown) return requestText(shown, say);
  const { framing, transaction, unit } = shown;
  const within = transaction === undefined ? '' : say`, transaction ${transaction}`;
  const place = say`Modbus ${framing}${within}, unit ${unit}`;
  if ('registers' in shown) return say`${place}, function ${shown.function}, data ${shown.data}`;
  const { request } = shown;
  const what =
    'data' in request ? say`data ${request.data}` : say`${request.count} of ${request.table} from ${request.address}`;
  return say`${place} is asked: function ${shown.function}, ${what}`;
}

type Asked = Extract<Shown, { frame: unknown }>;

function requestText({ frame, request = '', address = 0, ci, data = '' }: Asked, say: Say): string {
  if (frame === 'acknowledgement') return say`acknowledged`;
  const content = ci === undefined ? '' : `, CI ${ci} ${data}`;
  return say`${request} to address ${address}${content}`.trimEnd();
}
