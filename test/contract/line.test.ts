import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { symlinkSync, unlinkSync } from 'node:fs';
import { symlink } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { hostClock } from '../../src/host/clock.ts';
import { serialLine } from '../../src/host/line-serial.ts';
import { tcpLine } from '../../src/host/line-tcp.ts';
import { simClock } from '../../src/sim/clock.ts';
import { type LineFault, type SimMeter, simLine } from '../../src/sim/line.ts';
import { createWorld } from '../../src/sim/world.ts';
import { hasProgram, ptyPair, ptyPort } from '../kit/pty.ts';
import { lineContract } from './line.contract.ts';

const SETTING = { baud: 2_400, dataBits: 8, parity: 'even', stopBits: 1 } as const;

function serialAt(path: string) {
  return serialLine({ path, setting: SETTING, rts: 'high', lowLatency: true });
}

/** A meter behind a real socket on the loopback. */
async function listen(meter: SimMeter) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      for (const { reply, afterMs } of meter(new Uint8Array(bytes)))
        setTimeout(() => socket.writable && socket.write(reply), afterMs);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const hangUp = () => {
    for (const socket of sockets) socket.end();
  };
  const vanish = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  return { port: address.port, sockets, hangUp, vanish };
}

lineContract({
  name: 'host (TCP)',
  run: async (meter, body) => {
    const { port, hangUp, vanish } = await listen(meter);
    const line = tcpLine({ host: '127.0.0.1', port, connectWithinMs: 2_000 });
    await body({ line, clock: hostClock(), hangUp, vanish });
    await vanish();
  },
});

/** An adapter that is pulled out and put in again: another terminal, under the same name. */
describe.skipIf(!hasProgram('socat'))('a serial port (skipped where Debian package socat is not installed)', () => {
  lineContract({
    name: 'host (serial)',
    run: async (meter, body) => {
      const { port, vanish: stopServer } = await listen(meter);
      const pty = await ptyPort(port);
      const spare = await ptyPort(port);
      const link = `${pty.path}-by-name`;
      await symlink(pty.path, link);
      const setting = { baud: 115_200, dataBits: 8, parity: 'even', stopBits: 1 } as const;
      const line = serialLine({ path: link, setting, rts: 'high', lowLatency: true });
      const hangUp = () => {
        pty.pull();
        unlinkSync(link);
        symlinkSync(spare.path, link);
      };
      const vanish = async () => unlinkSync(link);
      try {
        await body({ line, clock: hostClock(), hangUp, vanish });
      } finally {
        await line.close();
        await pty.remove();
        await spare.remove();
        await stopServer();
      }
    },
  });

  it('is locked while it is open', async () => {
    const pair = await ptyPair();
    const [first, second] = [serialAt(pair.a), serialAt(pair.a)];
    await first.open();
    await expect(second.open()).rejects.toMatchObject({
      failure: { code: 'line-unreachable', detail: expect.stringContaining('lock') },
    });
    await first.close();
    await second.open();
    await second.close();
    await pair.remove();
  });

  it('writing lasts as long as the bits on the wire', async () => {
    const pair = await ptyPair();
    const line = serialAt(pair.a);
    await line.open();
    const clock = hostClock();
    const before = clock.monotonicMs();
    await line.write(new Uint8Array(24));
    // 24 characters of 11 bits at 2400 Bd.
    expect(clock.monotonicMs() - before).toBeGreaterThanOrEqual(110);
    await line.close();
    await pair.remove();
  });

  it('an adapter that is gone while nobody writes is noticed by a read that brings nothing', async () => {
    const pair = await ptyPair();
    const link = `${pair.a}-by-name`;
    symlinkSync(pair.a, link);
    const line = serialAt(link);
    await line.open();
    unlinkSync(link);
    await line.read(1);
    expect(line.isOpen).toBe(false);
    await expect(line.read(1)).rejects.toMatchObject({ failure: { code: 'line-lost' } });
    await pair.remove();
  });

  it('a transceiver that RTS must switch needs a port that has RTS', async () => {
    const pair = await ptyPair();
    const line = serialLine({ path: pair.a, setting: SETTING, rts: 'high-while-sending', lowLatency: false });
    await expect(line.open()).rejects.toMatchObject({ failure: { code: 'line-unreachable' } });
    await pair.remove();
  });
});

lineContract({
  name: 'sim (paced)',
  run: (meter, body) => {
    const world = createWorld(2);
    const setting = { baud: 115_200, dataBits: 8, parity: 'none', stopBits: 1 } as const;
    const line = simLine(world, { meters: [meter], random: world.random, pace: { setting } });
    const vanish = async () => {
      line.hangUp();
      line.reachable(false);
    };
    return world.run(() => body({ line, clock: simClock(world, 0), hangUp: () => line.hangUp(), vanish }));
  },
});

lineContract({
  name: 'sim',
  run: (meter, body) => {
    const world = createWorld(2);
    const line = simLine(world, { meters: [meter], random: world.random });
    const vanish = async () => {
      line.hangUp();
      line.reachable(false);
    };
    return world.run(() => body({ line, clock: simClock(world, 0), hangUp: () => line.hangUp(), vanish }));
  },
});

/** A listener in a process that is stuck: the kernel takes a few connections for it, the next get no answer at all. */
async function fullListener() {
  const program = `
    const server = require('node:net').createServer();
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      require('node:fs').writeSync(1, String(server.address().port));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });`;
  const child = spawn(process.execPath, ['-e', program]);
  const [text] = await once(child.stdout, 'data');
  const port = Number(String(text));
  const fillers = Array.from({ length: 8 }, () => connect(port, '127.0.0.1').on('error', () => undefined));
  await delay(100);
  const stop = () => {
    for (const filler of fillers) filler.destroy();
    child.kill('SIGKILL');
  };
  return { port, stop };
}

describe('a TCP line', () => {
  it('names its address and the reason', async () => {
    const { port, vanish } = await listen(() => []);
    await vanish();
    await expect(tcpLine({ host: '127.0.0.1', port, connectWithinMs: 1_000 }).open()).rejects.toMatchObject({
      failure: { detail: expect.stringMatching(new RegExp(`tcp 127.0.0.1:${port}: .*ECONNREFUSED`)) },
    });
  });

  it('a reset is a lost line', async () => {
    const { port, sockets, vanish } = await listen(() => []);
    const line = tcpLine({ host: '127.0.0.1', port, connectWithinMs: 1_000 });
    await line.open();
    const reading = expect(line.read(5_000)).rejects.toMatchObject({
      failure: { code: 'line-lost', detail: expect.stringContaining('ECONNRESET') },
    });
    while (sockets.size === 0) await delay(1);
    for (const socket of sockets) socket.resetAndDestroy();
    await reading;
    expect(line.isOpen).toBe(false);
    await vanish();
  });

  it('a listener whose backlog is full does not freeze it, and a signal ends the try', async () => {
    const { port, stop } = await fullListener();
    const line = tcpLine({ host: '127.0.0.1', port, connectWithinMs: 100 });
    await expect(line.open()).rejects.toMatchObject({
      failure: { code: 'line-unreachable', detail: expect.stringContaining('100 ms') },
    });
    const controller = new AbortController();
    const patient = tcpLine({ host: '127.0.0.1', port, connectWithinMs: 60_000 });
    const opening = expect(patient.open(controller.signal)).rejects.toThrow('enough');
    await delay(10);
    controller.abort(new Error('enough'));
    await opening;
    stop();
  });
});

describe('faults of a simulated line', () => {
  const ask = async (fault: LineFault | undefined, lateAfterReopen = false) => {
    const world = createWorld(4);
    const meters = [(request: Uint8Array) => [{ reply: request.map((byte) => byte + 1), afterMs: 10 }]];
    const line = simLine(world, { meters, random: world.random, lateAfterReopen });
    return world.run(async () => {
      await line.open();
      line.faultNext(fault);
      await line.write(Uint8Array.of(1, 2, 3, 4));
      const first = await line.read(100).catch((error: unknown) => error);
      await line.close();
      await line.open();
      const second = await line.read(10_000);
      return { first, second: [...second] };
    });
  };

  it('silence, then nothing ever', async () => {
    expect(await ask({ kind: 'silence' })).toEqual({ first: new Uint8Array(0), second: [] });
  });

  it('late: the answer comes after the time, to the same connection only', async () => {
    expect(await ask({ kind: 'late', byMs: 200 })).toEqual({ first: new Uint8Array(0), second: [] });
  });

  it('late behind a converter: whoever is connected then gets it', async () => {
    expect(await ask({ kind: 'late', byMs: 200 }, true)).toEqual({ first: new Uint8Array(0), second: [2, 3, 4, 5] });
  });

  it('truncated, foreign', async () => {
    expect((await ask({ kind: 'truncated', keep: 3 })).first).toEqual(Uint8Array.of(2, 3, 4));
    expect((await ask({ kind: 'foreign', bytes: Uint8Array.of(9) })).first).toEqual(Uint8Array.of(9));
  });

  it('noise turns bits over', async () => {
    const { first } = await ask({ kind: 'noise', flips: 1 });
    expect(first).toHaveLength(4);
    expect(first).not.toEqual(Uint8Array.of(2, 3, 4, 5));
  });

  it('disconnect: the line is lost after the request', async () => {
    expect((await ask({ kind: 'disconnect' })).first).toMatchObject({ failure: { code: 'line-lost' } });
  });

  it('no fault: the answer', async () => {
    expect(await ask(undefined)).toEqual({ first: Uint8Array.of(2, 3, 4, 5), second: [] });
  });
});
