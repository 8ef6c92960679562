import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { deviceOf } from '../app/field/line.ts';
import { parseRecording } from '../app/field/recording.ts';
import { replay } from '../app/field/replay.ts';
import { spacedHex } from '../app/field/tap.ts';
import { withMeterKeys } from '../app/meter-keys.ts';
import { loadSite } from '../app/site-files.ts';
import { OdecetError } from '../core/failure.ts';
import { printReading, readingJson } from './reading.ts';
import { type SpokenOptions, sayFor } from './say.ts';
import { languageOption } from './words.ts';

interface ReplayOptions extends SpokenOptions {
  readonly config: string;
  readonly raw?: true;
  readonly json?: true;
}

/** `odecet replay DEVICE FILE --config site.yaml`: what the driver makes of a recording, as often as one likes. */
export function replayCommand(): Command {
  return new Command('replay')
    .description('read a device from a recording of its line instead of the line; opens nothing, takes no time')
    .argument('<device>', 'its id in the site file')
    .argument('<file>', 'what `odecet listen --out` or `odecet read --out` kept')
    .requiredOption('--config <site.yaml>', 'the site file')
    .option('--raw', 'the bytes behind each value, and everything that passed')
    .option('--json', 'print JSON')
    .addOption(languageOption())
    .action(async (id: string, file: string, { config, raw, json, ...spoken }: ReplayOptions) => {
      const loaded = loadSite(config);
      const device = deviceOf({ ...loaded, devices: await withMeterKeys(loaded) }, id);
      const { reading, notRecorded } = await replay(parseRecording(await textOf(file), file), device);
      if (json) process.stdout.write(`${readingJson(reading, { notRecorded })}\n`);
      else {
        const say = sayFor(spoken);
        printReading(reading, raw === true, say);
        for (const hex of notRecorded) process.stdout.write(`${say`the recording has no request ${spacedHex(hex)}`}\n`);
      }
      if (reading.error) throw new OdecetError(reading.error.code, reading.error.detail);
    });
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OdecetError('usage', `${file}: ${why}`, { cause });
  }
}
