import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { lineSchema } from '../../device/line-config.ts';
import type { Site } from '../../device/site.ts';
import { hostClock } from '../../host/clock.ts';
import { type GatewayLines, gatewayLines } from './gateway-lines.ts';
import { withLine } from './line.ts';
import type { Passed } from './tap.ts';

const clock = hostClock();
const signal = new AbortController().signal;
const tidy: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of tidy.splice(0).reverse()) await each();
});

/** A gateway's line to a meter that says back what it is told. */
async function started(): Promise<{ lines: GatewayLines; config: ReturnType<typeof lineSchema.parse> }> {
  const server = createServer((socket) => socket.on('error', () => socket.destroy()).pipe(socket)).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  tidy.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  const config = lineSchema.parse({ id: 'hall', kind: 'tcp', host: '127.0.0.1', port, framing: 'mbus' });
  // Of a site, only the lines matter here.
  const site = { lines: [config] } as Partial<Site> as Site;
  const lines = await gatewayLines({ site, file: 'site.yaml' }, clock);
  tidy.push(() => lines.release());
  return { lines, config };
}

test("a line is the gateway's until it is released, also while it is closed", async () => {
  const { lines, config } = await started();
  const line = lines.lineOf(config);
  await line.open(signal);
  await line.close();
  const use = () => withLine(config, 'scan hall', clock, signal, async ({ isOpen }) => isOpen);
  await expect(use()).rejects.toMatchObject({
    failure: { code: 'line-in-use', detail: expect.stringContaining('is used by the gateway of /') },
  });
  await lines.release();
  expect(await use()).toBe(true);
  await line.open(signal);
  await line.close();
  await expect(use()).rejects.toMatchObject({ failure: { code: 'line-in-use' } });
});

test('whoever listens hears what is sent and read, from then on and until it leaves', async () => {
  const { lines, config } = await started();
  const line = lines.lineOf(config);
  await line.open(signal);
  tidy.push(() => line.close());
  await line.write(Uint8Array.of(1));
  await line.read(1_000);
  const [heard, leave] = [[] as Passed[], new AbortController()];
  const listening = lines.listen({ line: 'hall' }, async (part) => void heard.push(part as Passed), leave.signal);
  await line.write(Uint8Array.of(2, 0xab));
  await line.read(1_000);
  await vi.waitFor(() => expect(heard).toHaveLength(2));
  leave.abort();
  await listening;
  await line.write(Uint8Array.of(3));
  expect(heard.map(({ way, hex }) => [way, hex])).toEqual([
    ['sent', '02ab'],
    ['received', '02ab'],
  ]);
  await expect(lines.listen({ line: 'hal' }, async () => {}, signal)).rejects.toMatchObject({
    failure: { code: 'usage' },
  });
});

test('one who does not take what passes is left behind, not waited for', async () => {
  const { lines, config } = await started();
  const line = lines.lineOf(config);
  await line.open(signal);
  tidy.push(() => line.close());
  let take = () => {};
  const taken = new Promise<void>((resolve) => {
    take = resolve;
  });
  const listening = lines.listen({ line: 'hall' }, () => taken, signal);
  for (let n = 0; n < 1_100; n++) await line.write(Uint8Array.of(n & 0xff));
  take();
  await expect(listening).rejects.toMatchObject({ failure: { code: 'line-lost' } });
});
