import { beforeEach, describe, expect, test, vi } from 'vitest';
import { type SerialLineOptions, serialLine } from './line-serial.ts';

/** What the line asks of its port, in order. Real ports are in the contract test; what a pseudo terminal lacks is here. */
const asked: string[] = [];
let fails: 'never' | 'low latency' | 'always' = 'never';

type Done = (error?: Error) => void;
type PortOptions = SerialLineOptions['setting'] & { readonly baudRate: number; readonly lock: boolean };

vi.mock('serialport', async () => {
  const { EventEmitter } = await import('node:events');
  class SerialPort extends EventEmitter {
    isOpen = false;
    readonly options: PortOptions;
    constructor(options: PortOptions) {
      super();
      this.options = options;
    }
    open(done: Done): void {
      const { baudRate, dataBits, parity, stopBits, lock } = this.options;
      this.isOpen = true;
      asked.push(`open ${baudRate} ${dataBits} ${parity} ${stopBits}${lock ? ' locked' : ''}`);
      done();
    }
    close(done: Done): void {
      this.isOpen = false;
      asked.push('close');
      done();
    }
    set({ rts, lowLatency }: { rts: boolean; lowLatency?: boolean }, done: Done): void {
      asked.push(`rts ${rts ? 'high' : 'low'}${lowLatency ? ' quick' : ''}`);
      const refuses = fails === 'always' || (fails === 'low latency' && lowLatency);
      done(refuses ? new Error('Inappropriate ioctl') : undefined);
    }
    update({ baudRate }: { baudRate: number }, done: Done): void {
      asked.push(`update ${baudRate}`);
      done();
    }
    write(bytes: Uint8Array, done: Done): void {
      asked.push(`write ${bytes.length}`);
      done();
    }
    drain(done: Done): void {
      asked.push('drain');
      done();
    }
    flush(done: Done): void {
      asked.push('flush');
      done();
    }
  }
  return { SerialPort };
});

const SETTING = { baud: 9_600, dataBits: 8, parity: 'even', stopBits: 1 } as const;

function lineWith(options: Partial<SerialLineOptions> = {}) {
  return serialLine({ path: '/dev/null', setting: SETTING, rts: 'high', lowLatency: false, ...options });
}

beforeEach(() => {
  asked.length = 0;
  fails = 'never';
});

test('opens locked, empties what the port still holds, and asks for low latency', async () => {
  await lineWith({ lowLatency: true }).open();
  expect(asked).toEqual(['open 9600 8 even 1 locked', 'flush', 'rts high quick']);
});

test('a port that knows no low latency still has its RTS set', async () => {
  fails = 'low latency';
  const line = lineWith({ lowLatency: true, rts: 'high-while-sending' });
  await line.open();
  await line.write(Uint8Array.of(1));
  expect(asked.slice(2)).toEqual(['rts low quick', 'rts low', 'rts high', 'write 1', 'drain', 'rts low']);
});

describe('RTS', () => {
  test.each([
    ['high', ['rts high', 'write 2']],
    ['low', ['rts low', 'write 2']],
    ['high-while-sending', ['rts low', 'rts high', 'write 2', 'drain', 'rts low']],
    ['low-while-sending', ['rts high', 'rts low', 'write 2', 'drain', 'rts high']],
  ] as const)('%s', async (rts, expected) => {
    const line = lineWith({ rts });
    await line.open();
    await line.write(Uint8Array.of(1, 2));
    expect(asked.slice(2)).toEqual(expected);
  });

  test('a port without it is fine where nothing depends on it', async () => {
    fails = 'always';
    const line = lineWith();
    await line.open();
    expect(line.isOpen).toBe(true);
    await expect(lineWith({ rts: 'low' }).open()).rejects.toMatchObject({ failure: { code: 'line-unreachable' } });
    expect(asked.at(-1)).toBe('close');
  });
});

describe('a change of setting', () => {
  test('the same again asks nothing, another speed changes the open port', async () => {
    const line = lineWith();
    await line.open();
    await line.set(SETTING);
    await line.set({ ...SETTING, baud: 300 });
    await line.set({ ...SETTING, baud: 300 });
    expect(asked.slice(3)).toEqual(['update 300']);
  });

  test('another parity needs the port to be opened again; the next opening has its own setting', async () => {
    const line = lineWith();
    await line.open();
    await line.set({ baud: 300, dataBits: 7, parity: 'none', stopBits: 2 });
    expect(asked.slice(3)).toEqual(['close', 'open 300 7 none 2 locked', 'flush', 'rts high']);
    await line.close();
    await line.open();
    expect(asked.at(-3)).toBe('open 9600 8 even 1 locked');
  });

  test('is a lost line where it is not open', async () => {
    await expect(lineWith().set(SETTING)).rejects.toMatchObject({ failure: { code: 'line-lost' } });
  });
});
