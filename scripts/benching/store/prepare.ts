import { join } from 'node:path';
import { openBuffer } from '../../../src/buffer/index.ts';
import { hostAppendLog } from '../../../src/host/append-log.ts';
import { hostClock } from '../../../src/host/clock.ts';
import { openLevelStore } from '../../../src/host/store-level.ts';
import { packFile, queueDays } from './days.ts';

// Fills the store in a folder with the messages of so many days.
const [folder = '', days = '30'] = process.argv.slice(2);
const store = await openLevelStore({ folder: join(folder, 'store'), create: true });
const vital = hostAppendLog(join(folder, 'vital.log'));
await queueDays(await openBuffer(store, { clock: hostClock(), vital }), packFile(), Number(days));
await store.close();
