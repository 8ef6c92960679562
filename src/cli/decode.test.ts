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
        { ...plain, quantity: 'time-point', value: '2026-03-28T06:00', time: '2026-03-28T06:00', summer: false },
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

  it('does not join what is cut short with the good telegram or acknowledgement after it', async () => {
    const one = spaced(TELEGRAM);
    for (const cut of [one.slice(0, 60), one.slice(0, 12), '68 42']) {
      const { lines } = await decode(`${cut}\n${one}\n${cut}\ne5\n${cut}\n10 5b 01 5c 16\n`, 'mbus', '--json');
      const told = lines.map((line) => JSON.parse(line) as { error?: { code: string }; id?: string; frame?: string });
      expect(told.map(({ error, id, frame }) => error?.code ?? id ?? frame)).toEqual([
        ...['frame-truncated', '00012345', 'frame-truncated', 'acknowledgement', 'frame-truncated', 'request'],
      ]);
    }
    // The last line of a telegram that looks like an acknowledgement is its own.
    const ending = spaced(
      responseFrame(1, 0x72, [...IDENTITY, 0, 0, 0, 0, ...record({ vif: [0x13], data: integer(0, 2) })]),
    );
    const [head, end] = [ending.slice(0, -6), ending.slice(-5)];
    expect((await decode(`${head}\n${end}\n`, 'mbus', '--json')).lines).toHaveLength(1);
  });

  it('understands requests and acknowledgements', async () => {
    const { lines, status } = await decode('10 40 01 41 16\n\ne5\n\n10 40 01 42 16', 'mbus', '--json');
    expect(status).toBe(1);
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { frame: 'request', request: 'SND_NKE', address: 1, control: '40' },
      { frame: 'acknowledgement' },
      { error: { code: 'frame-checksum', message: expect.any(String) } },
    ]);
    expect((await decode('10 7b 05 80 16\ne5', 'mbus')).lines).toEqual(['REQ_UD2 to address 5', 'acknowledged']);
  });

  it('reads a recording', async () => {
    const text = `# odecet recording 1, line hall, framing mbus
2026-03-28T06:00:00.120Z > 10 5b 01 5c 16
2026-03-28T06:00:00.171Z < ${spaced(TELEGRAM.slice(0, 30))}
2026-03-28T06:00:01Z < ${spaced(TELEGRAM)}
`;
    const { lines, status } = await decode(text, 'mbus', '--json');
    expect(status).toBe(1);
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { at: '2026-03-28T06:00:00.120Z', way: 'sent', request: 'REQ_UD2' },
      { at: '2026-03-28T06:00:00.171Z', way: 'received', error: { code: 'frame-truncated' } },
      { at: '2026-03-28T06:00:01Z', way: 'received', id: '00012345' },
    ]);
    expect((await decode(text, 'mbus')).lines[0]).toBe('2026-03-28T06:00:00.120Z sent: REQ_UD2 to address 1');
    expect((await decode(text, 'modbus')).status).toBe(2);
    expect((await decode(text.replace(' > ', ' = '), 'mbus')).status).toBe(2);
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

  it('reads Modbus ASCII as text, as it stands on the wire', async () => {
    const { lines, status } = await decode(':010304000186A0D1\n:010300010002F9\n: 01 03', 'modbus', '--json');
    expect(status).toBe(1);
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { framing: 'ascii', unit: 1, registers: ['0001', '86a0'] },
      { framing: 'ascii', unit: 1, request: { table: 'holding', address: 1, count: 2 } },
      { error: { code: 'frame-truncated' } },
    ]);
    // Of the same digits an LRC that is wrong is no RTU frame either.
    const wrong = await decode(':010304000186A0D2', 'modbus', '--json');
    expect(JSON.parse(wrong.lines[0]!)).toMatchObject({ error: { code: 'frame-checksum' } });
  });

  it('tells Modbus requests, and does not join what is cut short with the good frame after it', async () => {
    const [request, answer] = ['01 03 00 01 00 02 95 cb', '01 03 04 00 01 86 a0 c9 eb'];
    const { lines, status } = await decode(
      `${request}\n01 03 04 00\n${answer}\n01 03 04\n${request}`,
      'modbus',
      '--json',
    );
    expect(status).toBe(1);
    const asked = { framing: 'rtu', unit: 1, function: 3, request: { table: 'holding', address: 1, count: 2 } };
    const cut = { error: { code: 'frame-truncated' } };
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([asked, cut, { data: '000186a0' }, cut, asked]);
    const people = await decode('00 07 00 00 00 06 01 04 00 0a 00 02', 'modbus');
    expect(people).toEqual({
      lines: ['Modbus tcp, transaction 7, unit 1 is asked: function 4, 2 of input from 10'],
      status: 0,
    });
  });

  it('takes the direction from a recording where request and answer look alike', async () => {
    const frame = '11 01 03 cd 6b 05 40 12';
    const text = (sign: string) =>
      `# odecet recording 1, line a, framing modbus-rtu\n2026-03-28T06:00:00Z ${sign} ${frame}\n`;
    const told = async (sign: string) => JSON.parse((await decode(text(sign), 'modbus', '--json')).lines[0]!);
    expect(await told('>')).toMatchObject({ way: 'sent', request: { table: 'coil', address: 0x03cd } });
    expect(await told('<')).toMatchObject({ way: 'received', function: 1, data: '03cd6b05' });
  });
});
