import { readFileSync } from 'node:fs';
import { Argument, Command } from 'commander';
import { decodeTelegram, type ShownTelegram, showTelegram } from '../../drivers/mbus/index.ts';
import { crc16, exceptionFailure, parseAsciiFrame, parseRtuAnswer, parseTcpFrame } from '../../drivers/modbus/index.ts';
import type { Decrypt } from '../core/driver.ts';
import { type Failure, failure, OdecetError } from '../core/failure.ts';
import { loadMeterKey } from '../host/cipher.ts';
import { printTable } from './table.ts';

interface Refused {
  readonly error: Failure;
}

interface ShownAnswer {
  readonly framing: 'rtu' | 'ascii' | 'tcp';
  readonly transaction?: number;
  readonly unit: number;
  readonly function: number;
  /** Sixteen-bit registers in hex; none in an answer without registers. */
  readonly registers: readonly string[];
  readonly data: string;
}

const EXCEPTION_BIT = 0x80;
const COLON = 0x3a;

/** `odecet decode mbus|modbus [FILE|-]`: what bytes on a line mean, without a line. */
export function decodeCommand(): Command {
  return new Command('decode')
    .description('decode telegrams written in hex, one a line or divided by empty lines')
    .addArgument(new Argument('<protocol>', 'what the bytes are').choices(['mbus', 'modbus']))
    .argument('[file]', 'a file with hex digits; "-" is standard input', '-')
    .option('--key-file <file>', 'the key of a meter that encrypts: a file with 32 hex digits')
    .option('--json', 'print JSON, one object for each telegram')
    .action(async (protocol: string, file: string, options: { keyFile?: string; json?: true }) => {
      const decrypt = options.keyFile === undefined ? undefined : await loadMeterKey(options.keyFile);
      const decode = (digits: string) => (protocol === 'mbus' ? decodeMbus(digits, decrypt) : decodeModbus(digits));
      const telegrams = telegramsOf(readText(file), (digits) => isCutShort(decode(digits)));
      if (telegrams.length === 0) throw new OdecetError('usage', `${file}: no hex digits in it`);
      for (const digits of telegrams) {
        const shown = decode(digits);
        if ('error' in shown) process.exitCode = 1;
        if (options.json) process.stdout.write(`${JSON.stringify(jsonOf(shown))}\n`);
        else printForPeople(shown);
      }
    });
}

function isCutShort(shown: ShownTelegram | ShownAnswer | Refused): boolean {
  return 'error' in shown && shown.error.code === 'frame-truncated';
}

function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OdecetError('usage', `${file}: ${why}`, { cause });
  }
}

/**
 * The hex of each telegram: one a line, or lines that make one telegram together. A line belongs to what stands before it while
 * that is cut short, unless it begins like a telegram itself; an empty line divides.
 */
function telegramsOf(text: string, isCut: (digits: string) => boolean): string[] {
  const telegrams: string[] = [];
  let isOpen = false;
  for (const line of text.split('\n').map(compact)) {
    const last = telegrams.at(-1);
    if (isOpen && line !== '' && last !== undefined && isCut(last) && !/^68(..)\1(?:68)/i.test(line)) {
      telegrams[telegrams.length - 1] = last + line;
    } else if (line !== '') telegrams.push(line);
    isOpen = line !== '';
  }
  return telegrams;
}

function compact(line: string): string {
  return line.replace(/0x|[\s:,;-]/gi, '');
}

function bytesOf(digits: string): Uint8Array | undefined {
  if (!/^([0-9a-f]{2})+$/i.test(digits)) return undefined;
  return Uint8Array.from(Buffer.from(digits, 'hex'));
}

function notHex(digits: string): Refused {
  return { error: failure('frame-start', `not hex digits in pairs: "${digits.slice(0, 40)}"`) };
}

function decodeMbus(digits: string, decrypt: Decrypt | undefined): ShownTelegram | Refused {
  const bytes = bytesOf(digits);
  if (!bytes) return notHex(digits);
  const decoded = decodeTelegram(bytes, decrypt);
  return decoded.ok ? showTelegram(decoded.telegram) : { error: decoded.failure };
}

function decodeModbus(digits: string): ShownAnswer | Refused {
  const bytes = bytesOf(digits);
  return bytes ? modbusAnswer(bytes) : notHex(digits);
}

/** ASCII where a colon begins it, RTU where the checksum over all bytes fits, else TCP. */
function framingOf(bytes: Uint8Array): ShownAnswer['framing'] {
  if (bytes.length >= 4 && crc16(bytes.subarray(0, -2)) === (bytes.at(-2)! | (bytes.at(-1)! << 8))) return 'rtu';
  if (bytes.length >= 9 && bytes[2] === 0 && bytes[3] === 0) return 'tcp';
  return bytes[0] === COLON ? 'ascii' : 'rtu';
}

const PARSERS = { rtu: parseRtuAnswer, tcp: parseTcpFrame, ascii: parseAsciiFrame } as const;

function modbusAnswer(bytes: Uint8Array): ShownAnswer | Refused {
  const framing = framingOf(bytes);
  const parsed = PARSERS[framing](bytes);
  if (parsed.kind === 'more') return { error: failure('frame-truncated', `${bytes.length} byte(s), more are missing`) };
  if (parsed.kind === 'broken') return { error: parsed.failure };
  const over = bytes.length - parsed.length;
  if (over > 0) return { error: failure('frame-trailing', `${over} byte(s) after the frame`) };
  const shown = pduShown(parsed.pdu);
  if ('error' in shown) return shown;
  return {
    framing,
    ...('transaction' in parsed && typeof parsed.transaction === 'number' ? { transaction: parsed.transaction } : {}),
    unit: parsed.unit,
    ...shown,
  };
}

function pduShown(pdu: Uint8Array): Pick<ShownAnswer, 'function' | 'registers' | 'data'> | Refused {
  const code = pdu[0] ?? 0;
  if (code & EXCEPTION_BIT) return { error: exceptionFailure(pdu[1] ?? 0) };
  // Reads of registers (3 and 4) have a byte count before their registers.
  const isRegisters = code === 3 || code === 4;
  if (isRegisters && pdu[1] !== pdu.length - 2) {
    return { error: failure('frame-length', `byte count ${pdu[1]}, and ${pdu.length - 2} byte(s) follow it`) };
  }
  const data = Buffer.from(pdu.subarray(isRegisters ? 2 : 1)).toString('hex');
  return { function: code, registers: isRegisters ? (data.match(/.{4}/g) ?? []) : [], data };
}

function jsonOf(shown: ShownTelegram | ShownAnswer | Refused): object {
  if (!('error' in shown)) return shown;
  const { code, detail } = shown.error;
  return { error: { code, message: detail } };
}

function printForPeople(shown: ShownTelegram | ShownAnswer | Refused): void {
  if ('error' in shown) {
    process.stdout.write(`refused: ${shown.error.detail} [${shown.error.code}]\n`);
    return;
  }
  if ('records' in shown) {
    const { manufacturer, id, version, medium, status } = shown;
    const name = `meter ${id ?? '?'} ${manufacturer ?? ''} version ${version ?? '?'} ${medium ?? ''}`;
    process.stdout.write(`${name}, status ${status ?? '?'}
`);
    printTable(
      shown.records.map((record) => ({
        ...record,
        value: record.invalid ?? record.value ?? '',
        vife: record.vife.join(' '),
        time: undefined,
      })),
    );
    return;
  }
  const { framing, transaction, unit, registers, data } = shown;
  const request = transaction === undefined ? '' : `, transaction ${transaction}`;
  process.stdout.write(`Modbus ${framing}${request}, unit ${unit}, function ${shown.function}, data ${data}\n`);
  printTable(registers.map((hex, register) => ({ register, hex, unsigned: Number.parseInt(hex, 16) })));
}
