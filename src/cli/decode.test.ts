import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { exitStatus, OdecetError } from '../core/failure.ts';
import { bcd, identityBytes, integer, record, responseFrame, text, typeF } from '../sim/meter/mbus-encode.ts';
import { decodeCommand } from './decode.ts';

const IDENTITY = identityBytes({ id: '00012345', manufacturer: 'ELS', version: 51, medium: 3 });
const TIME = { year: 2026, month: 3, day: 28, hour: 6, minute: 0, second: 0, summer: false };
const TELEGRAM = responseFrame(1, 0x72, [
  ...IDENTITY,
  ...[0x2a, 0x04, 0x00, 0x00],
  ...record({ vif: [0x13], data: bcd(2_850_427, 8) }),
  ...record({ storage: 1, tariff: 2, subunit: 1, function: 1, vif: [0x2b, 0x7c, 0x01], data: integer(-5, 2) }),
  ...record({ vif: [0x6d], data: typeF(TIME) }),
  ...record({ vif: [0xfd, 0x11], data: text('Praha') }),
  ...[0x0c, 0x13, 0xdd, 0xd4, 0xeb, 0xdd],
]);
const folder = mkdtempSync(join(tmpdir(), 'decode-'));

async function decode(content: string, ...options: string[]): Promise<{ lines: string[]; status: unknown }> {
  const file = join(folder, 'telegrams.hex');
  writeFileSync(file, content);
  const lines: string[] = [];
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    lines.push(...String(chunk).trimEnd().split('\n'));
    return true;
  });
  process.exitCode = 0;
  const stopped = await decodeCommand()
    .parseAsync([...options, file], { from: 'user' })
    .then(
      () => undefined,
      (error: unknown) => error,
    );
  write.mockRestore();
  return { lines, status: stopped instanceof OdecetError ? exitStatus(stopped.failure.code) : process.exitCode };
}

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = 0;
});

const spaced = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex').replace(/../g, '$& ').trim();

describe('odecet decode mbus --json', () => {
  it('tells meter and records', async () => {
    const { lines, status } = await decode(spaced(TELEGRAM), '--json', 'mbus');
    expect(status).toBe(0);
    expect(lines).toHaveLength(1);
    const plain = { function: 'instantaneous', storage: 0, tariff: 0, subunit: 0, unit: '', vife: [], time: null };
    expect(JSON.parse(lines[0]!)).toEqual({
      manufacturer: 'ELS',
      id: '00012345',
      version: 51,
      medium: 'gas',
      status: 4,
      records: [
        { ...plain, quantity: 'volume', unit: 'm3', value: '2850.427' },
        {
          ...{ function: 'maximum', storage: 1, tariff: 2, subunit: 1, time: null },
          ...{ quantity: 'power', unit: 'W', value: '-5', vife: ['7c', '01'] },
        },
        { ...plain, quantity: 'time-point', value: '2026-03-28T06:00', time: '2026-03-28T06:00' },
        { ...plain, quantity: 'customer', value: 'Praha' },
        { ...plain, quantity: 'volume', unit: 'm3', value: null, invalid: 'error digits DDEBD4DD' },
      ],
    });
  });

  it('takes colons, line breaks within a telegram, and one telegram after the other', async () => {
    const one = spaced(TELEGRAM);
    const count = async (content: string) => (await decode(content, 'mbus', '--json')).lines.length;
    expect(await count(one.replaceAll(' ', ':').toUpperCase())).toBe(1);
    expect(await count(`${one.slice(0, 60)}\n${one.slice(60)}\n`)).toBe(1);
    expect(await count(`${one}\n${one}\n`)).toBe(2);
    expect(await count(`${one}\n\n${one}`)).toBe(2);
    expect(await count(`${one.slice(0, 60)}\n${one}`)).toBe(2);
  });

  it('refuses by name, with exit status 1, and goes on with the next', async () => {
    const { lines, status } = await decode(`${spaced(TELEGRAM.slice(0, 30))}\n\n${spaced(TELEGRAM)}`, 'mbus', '--json');
    expect(status).toBe(1);
    expect(JSON.parse(lines[0]!)).toEqual({ error: { code: 'frame-truncated', message: expect.any(String) } });
    expect(JSON.parse(lines[1]!)).toMatchObject({ id: '00012345' });
    const wrong = await decode('68 no hex', 'mbus', '--json');
    expect([wrong.status, JSON.parse(wrong.lines[0]!)]).toMatchObject([1, { error: { code: 'frame-start' } }]);
    expect((await decode('', 'mbus')).status).toBe(2);
  });

  it('opens what is encrypted with a key file', async () => {
    // OMS specification, volume 2, annex N.1.1, in a wired frame.
    const cipher = '5923c95aaa26d1b2e7493b013ec4a6f6d3529b520edff0ea6defc99d6d69ebf3';
    const header = '7856341293153303 2a002005'.replace(' ', '');
    const sent = spaced(responseFrame(1, 0x72, [...Buffer.from(`${header}${cipher}`, 'hex')]));
    const key = join(folder, 'key');
    writeFileSync(key, '01020304 05060708 090A0B0C 0D0E0F11\n');
    const opened = await decode(sent, 'mbus', '--json', '--key-file', key);
    expect(JSON.parse(opened.lines[0]!)).toMatchObject({ id: '12345678', records: [{ value: '28504.27' }, {}, {}] });
    expect(JSON.parse((await decode(sent, 'mbus', '--json')).lines[0]!)).toMatchObject({
      error: { code: 'telegram-encrypted' },
    });
    writeFileSync(key, 'not a key');
    expect((await decode(sent, 'mbus', '--key-file', key)).status).toBe(17);
  });
});

describe('odecet decode', () => {
  it('prints a table for people', async () => {
    const { lines, status } = await decode(spaced(TELEGRAM), 'mbus');
    expect(status).toBe(0);
    expect(lines[0]).toBe('meter 00012345 ELS version 51 gas, status 4');
    expect(lines.find((line) => line.includes('2850.427'))).toContain('m3');
  });

  it('reads Modbus answers, RTU, ASCII and TCP', async () => {
    const rtu = await decode('01 03 04 00 01 86 a0 c9 eb', 'modbus', '--json');
    const tcp = await decode('00 07 00 00 00 07 01 03 04 00 01 86 a0', 'modbus', '--json');
    const shown = { unit: 1, function: 3, registers: ['0001', '86a0'], data: '000186a0' };
    expect(JSON.parse(tcp.lines[0]!)).toEqual({ ...shown, framing: 'tcp', transaction: 7 });
    expect(JSON.parse(rtu.lines[0]!)).toEqual({ ...shown, framing: 'rtu' });
    const ascii = await decode(Buffer.from(':010304000186A0D1\r\n').toString('hex'), 'modbus', '--json');
    expect(JSON.parse(ascii.lines[0]!)).toMatchObject({ framing: 'ascii', unit: 1, registers: ['0001', '86a0'] });
    const exception = await decode('00 07 00 00 00 03 01 83 02', 'modbus', '--json');
    expect([exception.status, JSON.parse(exception.lines[0]!)]).toMatchObject([
      1,
      { error: { code: 'device-exception' } },
    ]);
    expect((await decode('01 03 04 00 01 86 a0 00 00', 'modbus', '--json')).status).toBe(1);
  });
});
