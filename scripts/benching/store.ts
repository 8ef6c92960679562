import { report } from './figure.ts';
import { backlogFigures } from './store/backlog.ts';
import { monthFigures } from './store/month.ts';

// scripts/bench store [--json] [--days N] [--minutes M] [--part month|backlog]: a month of readings on the real LevelDB, the real gateway
// over it for M minutes, and a backlog of 30 days.
const argv = process.argv.slice(2);
const option = (name: string): string | undefined => {
  const at = argv.indexOf(`--${name}`);
  return at < 0 ? undefined : argv[at + 1];
};
const days = Number(option('days') ?? 30);
const part = option('part');
// The day that is read back is one that is over.
if (part !== 'backlog' && days < 2) throw new RangeError('--days: at least 2');
const month = part === 'backlog' ? [] : monthFigures(days, Number(option('minutes') ?? 10));
const backlog = part === 'month' ? [] : backlogFigures(days);
await report([...month, ...backlog], argv);
