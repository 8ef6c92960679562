import { Command } from 'commander';
import { readLive } from '../app/field/read.ts';
import { recordingHead, recordingLine } from '../app/field/recording.ts';
import type { Passed } from '../app/field/tap.ts';
import { loadSite } from '../app/site-files.ts';
import { OdecetError } from '../core/failure.ts';
import type { LineConfig } from '../device/site.ts';
import { hostClock } from '../host/clock.ts';
import { openNew } from './out-file.ts';
import { printReading, readingJson } from './reading.ts';
import { stopSignal } from './signal.ts';

interface ReadOptions {
  readonly config: string;
  readonly raw?: true;
  readonly out?: string;
  readonly json?: true;
}

/** `odecet read DEVICE --config site.yaml`: one live reading, to be held against the display. */
export function readCommand(): Command {
  return new Command('read')
    .description("one live reading of a device, to be held against the meter's display; nothing is stored")
    .argument('<device>', 'its id in the site file')
    .requiredOption('--config <site.yaml>', 'the site file')
    .option('--raw', 'the bytes behind each value, and everything that passed on the line')
    .option('--out <file>', 'keep what passed as a recording, for `odecet decode` and `odecet replay`')
    .option('--json', 'print JSON')
    .action(async (id: string, { config, raw, out, json }: ReadOptions) => {
      const loaded = loadSite(config);
      const reading = await readLive(loaded, id, hostClock(), stopSignal());
      const line = loaded.devices.get(id)?.config.line;
      const lineConfig = loaded.site.lines.find((each) => each.id === line);
      if (out !== undefined && lineConfig) await keep(out, lineConfig, reading.passed);
      if (json) process.stdout.write(`${readingJson(reading)}\n`);
      else printReading(reading, raw === true);
      if (reading.error) throw new OdecetError(reading.error.code, reading.error.detail);
    });
}

async function keep(file: string, line: LineConfig, passed: readonly Passed[]): Promise<void> {
  const kept = await openNew(file);
  await kept.writeFile(recordingHead(line) + passed.map(recordingLine).join(''));
  await kept.close();
}
