import { Command, InvalidArgumentError } from 'commander';
import { askInParts } from '../app/control.ts';
import { lineConfigOf, withLine } from '../app/field/line.ts';
import { type Heard, listen, listenToGateway } from '../app/field/listen.ts';
import { recordingHead, recordingLine, recordingRemark } from '../app/field/recording.ts';
import { hexOf, spacedHex } from '../app/field/tap.ts';
import { loadSite } from '../app/site-files.ts';
import { stateFolder } from '../app/state.ts';
import { isoUtc } from '../core/time.ts';
import type { LineConfig } from '../device/site.ts';
import { hostClock } from '../host/clock.ts';
import { openNew } from './out-file.ts';
import { type SpokenOptions, sayFor } from './say.ts';
import { stopSignal } from './signal.ts';
import { languageOption } from './words.ts';

interface ListenOptions extends SpokenOptions {
  readonly config: string;
  readonly out?: string;
  readonly seconds?: number;
  readonly quietMs: number;
  readonly json?: true;
}

const SIGNS = { sent: '->', received: '<-' } as const;

/** `odecet listen LINE --config site.yaml`: what passes on a line, without a word from us. */
export function listenCommand(): Command {
  return new Command('listen')
    .description('show what passes on a line, as bytes and as what they mean; sends nothing')
    .argument('<line>', 'its id in the site file')
    .requiredOption('--config <site.yaml>', 'the site file')
    .option('--out <file>', 'keep it as a recording, for `odecet decode` and `odecet replay`')
    .option('--seconds <n>', 'stop after so long (until stopped unless given)', parsePositive)
    .option('--quiet-ms <ms>', 'silence that ends a frame', parsePositive, 20)
    .option('--json', 'print JSON lines')
    .addOption(languageOption())
    .action(async (id: string, options: ListenOptions) => {
      const { seconds } = options;
      const loaded = loadSite(options.config);
      const config = lineConfigOf(loaded, id);
      const clock = hostClock();
      const signal = stopSignal(seconds === undefined ? undefined : seconds * 1_000);
      const parts = await askInParts(stateFolder(loaded), { do: 'listen', line: id }, signal);
      if (parts) {
        const say = sayFor(options);
        process.stderr.write(`${say`the running gateway is asked; what it throws away unread is not shown`}\n`);
        await tell(listenToGateway(parts, config.framing, clock), config, options);
      } else
        await withLine(config, `listen ${id}`, clock, signal, (line) =>
          tell(listen(line, config.framing, options.quietMs, clock, signal), config, options),
        );
    });
}

async function tell(frames: AsyncIterable<readonly Heard[]>, line: LineConfig, options: ListenOptions): Promise<void> {
  const kept = options.out === undefined ? undefined : await openNew(options.out);
  try {
    await kept?.appendFile(recordingHead(line));
    for await (const heard of frames)
      for (const frame of heard) {
        print(frame, options);
        const hex = hexOf(frame.bytes);
        await kept?.appendFile(hex === '' ? recordingRemark(frame.at, frame.text) : recordingLine({ ...frame, hex }));
      }
  } finally {
    await kept?.close();
  }
}

function print({ at, way, bytes, text }: Heard, { json, ...spoken }: ListenOptions): void {
  const hex = hexOf(bytes);
  const said = sayFor(spoken).whole(text);
  const line = json
    ? JSON.stringify({ at: isoUtc(at), ...(way && { way }), hex, text })
    : hex === ''
      ? `${isoUtc(at)} ${said}`
      : `${isoUtc(at)} ${way ? SIGNS[way] : ' ?'} ${spacedHex(hex)}\n    ${said}`;
  process.stdout.write(`${line}\n`);
}

function parsePositive(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('give a whole number above 0.');
}
