import { connect, createServer, type Socket } from 'node:net';

/** A wire between two programs of this machine, that can be cut. */
export interface TcpProxy {
  readonly port: number;
  /** Every connection breaks at once, and no other comes to be. */
  cut(): void;
  /** Connections stay, and nothing comes through: what was sent meanwhile is lost with them when the wire is cut. */
  freeze(): void;
  mend(): void;
  close(): Promise<void>;
}

export async function tcpProxy(toPort: number): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let state: 'whole' | 'cut' | 'frozen' = 'whole';
  const server = createServer((near) => {
    if (state === 'cut') return void near.destroy();
    const far = connect({ port: toPort, host: '127.0.0.1' });
    const pair = [near, far] as const;
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      for (const socket of pair) socket.destroy();
    };
    for (const [from, to] of [pair, [far, near] as const]) {
      from.on('data', (bytes) => {
        if (state === 'whole') to.write(bytes);
      });
      from.on('error', () => undefined);
      from.once('close', end);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const cut = () => {
    state = 'cut';
    for (const [near] of pairs) near.destroy();
  };
  return {
    port: address.port,
    cut,
    freeze() {
      state = 'frozen';
    },
    mend() {
      if (state === 'frozen') cut();
      state = 'whole';
    },
    async close() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
