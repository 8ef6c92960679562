import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { oneSite } from './one-site.ts';
import { readOptions } from './options.ts';
import { threeSites } from './three-sites.ts';

async function main(): Promise<number> {
  const options = readOptions(process.argv);
  const out = resolve(options.out);
  if (existsSync(out) && (await readdir(out)).length > 0) {
    process.stderr.write(`scripts/demo: ${options.out} is not empty; name a new folder with --out\n`);
    return 2;
  }
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  return options.uplink === 'direct' ? oneSite(options, out, stop.signal) : threeSites(options, out, stop.signal);
}

process.exitCode = await main();
