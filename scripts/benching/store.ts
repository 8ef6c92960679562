import { storageSchema } from '../../src/device/storage.ts';
import { report } from './figure.ts';
import { backlogFigures } from './store/backlog.ts';
import { monthFigures } from './store/month.ts';
import { DEVICES, POINTS } from './store/site.ts';

// scripts/bench store [--json] [--days N] [--samples N] [--minutes M] [--meters N] [--part month|backlog]: a month of readings on
// the real LevelDB, with every minute's samples for the last N days of it; the real gateway over it for M minutes; and a backlog
// of 30 days in a gateway with N meters (64 unless told, one a point).
// Samples of all 30 days are 86 million readings, which take more than an hour. Retention has given up those older than a week
// anyway, so two days more than it keeps is the default: it has to work, and the month's records are the same in the end.
const argv = process.argv.slice(2);
const option = (name: string): string | undefined => {
  const at = argv.indexOf(`--${name}`);
  return at < 0 ? undefined : argv[at + 1];
};
const days = Number(option('days') ?? 30);
const samplesDays = Math.min(
  days,
  Number(option('samples') ?? storageSchema.parse(undefined).retention.samplesDays + 2),
);
const part = option('part');
// The day that is read back is one that is over.
if (part !== 'backlog' && samplesDays < 2) throw new RangeError('--days, --samples: at least 2');
const meters = Number(option('meters') ?? POINTS);
if (!(meters >= POINTS && meters <= DEVICES.length)) throw new RangeError(`--meters: ${POINTS} to ${DEVICES.length}`);
const month = part === 'backlog' ? [] : monthFigures({ days, samplesDays, minutes: Number(option('minutes') ?? 10) });
const backlog = part === 'month' ? [] : backlogFigures(days, meters);
await report([...month, ...backlog], argv);
