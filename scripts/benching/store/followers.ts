import type { Buffer, Stream } from '../../../src/buffer/index.ts';

/** There are no stages here: nothing waits for one, and the gateway that comes later has nothing to catch up with. */
const FOLLOWERS: Readonly<Record<string, Stream>> = {
  profiler: 'readings',
  'profiler/samples': 'samples',
  'closer/intervals': 'intervals',
  'closer/delivery': 'delivery',
};

/** Where each stage goes on reading. */
export async function followAll(buffer: Buffer, upTo: (stream: Stream) => Promise<number>): Promise<void> {
  for (const [name, stream] of Object.entries(FOLLOWERS)) await buffer.setCursor(name, await upTo(stream));
}

/** The number of a journal's last entry. */
export async function lastOf(buffer: Buffer, stream: Stream): Promise<number> {
  let [last, beyond] = [0, 2 ** 40];
  while (last < beyond) {
    const middleOf = Math.floor((last + beyond) / 2);
    if ((await buffer.changes(stream, middleOf, 1)).length > 0) last = middleOf + 1;
    else beyond = middleOf;
  }
  return last;
}
