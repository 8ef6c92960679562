import { open } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import { fieldLine, lineConfigOf, refuseWhileGatewayRuns } from '../app/field/line.ts';
import { listen } from '../app/field/listen.ts';
import { hexOf } from '../app/field/told.ts';
import { loadSite } from '../app/site-files.ts';
import { OdecetError } from '../core/failure.ts';
import { isoUtc } from '../core/time.ts';
import { hostClock } from '../host/clock.ts';
import { stopSignal } from './signal.ts';

interface ListenOptions {
  readonly config: string;
  readonly out?: string;
  readonly seconds?: number;
  readonly quietMs: number;
  readonly json?: true;
}

/** `odecet listen LINE --config site.yaml`: what passes on a line, without a word from us. */
export function listenCommand(): Command {
  return new Command('listen')
    .description('show what passes on a line, as bytes and as what they mean; sends nothing')
    .argument('<line>', 'its id in the site file')
    .requiredOption('--config <site.yaml>', 'the site file')
    .option('--out <file>', 'keep the frames, one in hex on each line, for `odecet decode` or a test')
    .option('--seconds <n>', 'stop after so long (until stopped unless given)', parsePositive)
    .option('--quiet-ms <ms>', 'silence that ends a frame', parsePositive, 20)
    .option('--json', 'print JSON lines')
    .action(async (id: string, { config, out, seconds, quietMs, json }: ListenOptions) => {
      const loaded = loadSite(config);
      const lineConfig = lineConfigOf(loaded, id);
      await refuseWhileGatewayRuns(loaded, id);
      const clock = hostClock();
      const signal = AbortSignal.any([stopSignal(), ...(seconds ? [AbortSignal.timeout(seconds * 1_000)] : [])]);
      const line = fieldLine(lineConfig, clock);
      const kept = out === undefined ? undefined : await openNew(out);
      try {
        await line.open(signal);
        for await (const frames of listen(line, lineConfig.framing, quietMs, signal))
          for (const { bytes, text } of frames) {
            const at = isoUtc(clock.now());
            const hex = hexOf(bytes);
            process.stdout.write(json ? `${JSON.stringify({ at, hex, text })}\n` : `${at} ${hex}\n    ${text}\n`);
            await kept?.appendFile(`${hex}\n`);
          }
      } finally {
        await line.close();
        await kept?.close();
      }
    });
}

/** A recording is never written over another. */
async function openNew(file: string) {
  try {
    return await open(file, 'wx');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OdecetError('usage', `${file}: ${why}; give the name of a new file`, { cause });
  }
}

function parsePositive(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('give a whole number above 0.');
}
