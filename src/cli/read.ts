import { unlink } from 'node:fs/promises';
import { Command } from 'commander';
import { deviceOf, lineConfigOf } from '../app/field/line.ts';
import { readLive } from '../app/field/read.ts';
import { recordingHead, recordingLine } from '../app/field/recording.ts';
import type { ToldReading } from '../app/field/told.ts';
import { loadSite } from '../app/site-files.ts';
import { OdecetError } from '../core/failure.ts';
import type { LineConfig } from '../device/site.ts';
import { hostClock } from '../host/clock.ts';
import { openNew } from './out-file.ts';
import { printReading, readingJson } from './reading.ts';
import { type SpokenOptions, sayFor } from './say.ts';
import { stopSignal } from './signal.ts';
import { languageOption } from './words.ts';

interface ReadOptions extends SpokenOptions {
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
    .addOption(languageOption())
    .action(async (id: string, { config, raw, out, json, ...spoken }: ReadOptions) => {
      const loaded = loadSite(config);
      const line = lineConfigOf(loaded, deviceOf(loaded, id).config.line);
      const read = () => readLive(loaded, id, hostClock(), stopSignal());
      const reading = out === undefined ? await read() : await keptAs(out, line, read);
      if (json) process.stdout.write(`${readingJson(reading)}\n`);
      else printReading(reading, raw === true, sayFor(spoken));
      if (reading.error) throw new OdecetError(reading.error.code, reading.error.detail);
    });
}

/** The file is opened first: one that there is already must not cost a question to the meter. Without a reading there is none. */
async function keptAs(file: string, line: LineConfig, read: () => Promise<ToldReading>): Promise<ToldReading> {
  const kept = await openNew(file);
  try {
    const reading = await read();
    await kept.writeFile(recordingHead(line) + reading.passed.map(recordingLine).join(''));
    return reading;
  } catch (error) {
    await unlink(file);
    throw error;
  } finally {
    await kept.close();
  }
}
