import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { hostClock } from '../../src/host/clock.ts';
import { tcpLine } from '../../src/host/line-tcp.ts';
import { simClock } from '../../src/sim/clock.ts';
import { type LineFault, type SimMeter, simLine } from '../../src/sim/line.ts';
import { createWorld } from '../../src/sim/world.ts';
import { lineContract } from './line.contract.ts';

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
