import { report } from './figure.ts';
import { loadFigures, twoRelays } from './relay/load.ts';
import { monthFigures } from './relay/month.ts';
import { stormFigures } from './relay/storm.ts';

// scripts/bench relay [--json] [--part load|two|storm|month] [--messages N] [--points P] [--store level|postgres] [--gateways N]
// [--others N] [--per-day N]: sites, broker, relay and the operator's stand-in, each a process of its own.
const argv = process.argv.slice(2);
const option = (name: string): string | undefined => {
  const at = argv.indexOf(`--${name}`);
  return at < 0 ? undefined : argv[at + 1];
};
const messages = Number(option('messages') ?? 10_000);
const points = Number(option('points') ?? 10);
const store = option('store') === 'postgres' ? 'postgres' : 'level';
const parts = {
  load: loadFigures(messages, points, store),
  two: twoRelays(Math.min(messages, 2_000), points),
  storm: stormFigures(Number(option('gateways') ?? 2_000)),
  month: monthFigures(Number(option('others') ?? 30), Number(option('per-day') ?? 11)),
};
const wanted = option('part');
const figures = Object.entries(parts).flatMap(([name, part]) => (wanted === undefined || wanted === name ? part : []));
await report(figures, argv);
