import { join } from 'node:path';
import { openBuffer } from '../../../src/buffer/index.ts';
import { hostAppendLog } from '../../../src/host/append-log.ts';
import { hostClock } from '../../../src/host/clock.ts';
import { openLevelStore } from '../../../src/host/store-level.ts';
import { packFile, queueDays } from './days.ts';
import { followAll, lastOf } from './followers.ts';

// Fills the store in a folder with the messages of so many days, in a process of its own; tells each message with its day.
const [folder = '', days = '30'] = process.argv.slice(2);
const store = await openLevelStore({ folder: join(folder, 'store'), create: true });
const vital = hostAppendLog(join(folder, 'vital.log'));
const buffer = await openBuffer(store, { clock: hostClock(), vital });
const queued = await queueDays(buffer, packFile(), Number(days));
await followAll(buffer, (stream) => lastOf(buffer, stream));
await store.close();
await vital.close();
process.stdout.write(JSON.stringify(queued));
