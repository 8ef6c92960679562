import { join } from 'node:path';
import { openBuffer } from '../../../src/buffer/index.ts';
import { hostAppendLog } from '../../../src/host/append-log.ts';
import { hostClock } from '../../../src/host/clock.ts';
import { openLevelStore } from '../../../src/host/store-level.ts';

// What a start does with the memory of a site before the first meter is asked. Prints the memory that it took.
const folder = process.argv[2] ?? '';
const store = await openLevelStore({ folder: join(folder, 'store') });
const vital = hostAppendLog(join(folder, 'vital.log'));
const buffer = await openBuffer(store, { clock: hostClock(), vital });
const suspects = await buffer.scrubEnds(2_000);
await buffer.outbox.waiting();
if (suspects.length > 0) throw new Error(`${suspects.length} records of a whole store are suspected`);
process.stdout.write(`${process.memoryUsage.rss()}\n`);
await store.close();
