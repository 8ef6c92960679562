import { Command, InvalidArgumentError, Option } from 'commander';

export interface DemoOptions {
  readonly once: boolean;
  readonly day: string;
  readonly seed: number;
  readonly out: string;
  readonly speed: number;
  /** `direct`: one site that sends by itself. `relay`: three sites, a broker and a relay. */
  readonly uplink: 'direct' | 'relay';
  /** With `relay`: whose broker it is; a private Mosquitto where it is installed, else the one inside the relay. */
  readonly broker?: 'mosquitto' | 'embedded';
  /** With `relay`: when one of the sites is cut off. */
  readonly cut: Cut;
  /** Processes to kill (SIGKILL), by the local time of the electricity day at which it happens. */
  readonly kill: readonly Kill[];
}

export interface Cut {
  readonly fromMinute: number;
  readonly toMinute: number;
}

export interface Kill {
  readonly who: 'gateway' | 'sandbox' | 'relay';
  /** Minutes after the local midnight that starts the day. */
  readonly minute: number;
}

const ORDINARY_DAY = '2026-03-11';
/** Over midnight and over the gas day's end: both days' messages of the site have to wait. */
const NIGHT_CUT: Cut = { fromMinute: 21 * 60, toMinute: 30.5 * 60 };

export function readOptions(argv: readonly string[]): DemoOptions {
  const program = new Command('scripts/demo')
    .description(
      'Runs everything on this machine with simulated meters: three sites, a broker, the relay, and a stand-in for the market operator.',
    )
    .addOption(
      new Option(
        '--uplink <way>',
        'relay: three sites over MQTT, one cut off for hours; direct: one site by itself (default: relay, with --once direct)',
      ).choices(['relay', 'direct']),
    )
    .addOption(
      new Option('--broker <which>', 'with relay: default Mosquitto where it is installed').choices([
        'mosquitto',
        'embedded',
      ]),
    )
    .addOption(
      new Option('--cut <hh:mm+hours>', 'with relay: when one site loses its network, and for how long')
        .default(NIGHT_CUT, '21:00+9.5')
        .argParser(parseCut),
    )
    .option(
      '--once',
      'run the one gas day and electricity day, check every interval, then stop; with relay it is always so',
      false,
    )
    .addOption(
      new Option('--day <date>', 'the gas day (from 06:00) and electricity day (from 00:00)')
        .default(ORDINARY_DAY)
        .argParser(parseDay),
    )
    .addOption(new Option('--seed <n>', "the seed of the meters' loads").default(1).argParser(parseCount))
    .option('--out <dir>', 'where everything is left; must be new or empty', `demo-out/${stamp()}`)
    .addOption(
      new Option('--speed <n>', 'how many times faster than real time the wall clock runs')
        .default(1000)
        .argParser(parseCount),
    )
    .addOption(
      new Option(
        '--kill <who@hh:mm>',
        'kill -9 "gateway" (of the demo park), "sandbox" or "relay" at that time of the day; may be given several times',
      )
        .default([] as Kill[])
        .argParser((text: string, earlier: Kill[]) => [...earlier, parseKill(text)]),
    )
    .addHelpText(
      'after',
      `
The days of the switch: 2026-03-28 (gas) and 2026-03-29 (electricity), 2026-10-24 and 2026-10-25.
A killed gateway is back after some seconds, which at this speed may be hours: on a busy machine use a lower --speed with --kill,
else a meter that keeps one hour only has overwritten it.`,
    );
  const { uplink, ...options } = program.parse([...argv]).opts<Omit<DemoOptions, 'uplink'> & Partial<DemoOptions>>();
  return { ...options, uplink: uplink ?? (options.once ? 'direct' : 'relay') };
}

function parseDay(text: string): string {
  const at = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  if (Number.isNaN(at) || !new Date(at).toISOString().startsWith(text))
    throw new InvalidArgumentError('give a date like 2026-03-28.');
  return text;
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new InvalidArgumentError('give a whole number from 1.');
  return count;
}

function parseCut(text: string): Cut {
  const match = /^(\d\d):(\d\d)\+(\d+(?:\.\d+)?)$/.exec(text);
  if (!match) throw new InvalidArgumentError('give it like 21:00+9.5.');
  const fromMinute = Number(match[1]) * 60 + Number(match[2]);
  return { fromMinute, toMinute: fromMinute + Number(match[3]) * 60 };
}

function parseKill(text: string): Kill {
  const match = /^(gateway|sandbox|relay)@(\d\d):(\d\d)$/.exec(text);
  if (!match) throw new InvalidArgumentError('give it like gateway@10:30.');
  return { who: match[1] as Kill['who'], minute: Number(match[2]) * 60 + Number(match[3]) };
}

function stamp(): string {
  return new Date().toISOString().slice(0, 19).replaceAll(':', '-');
}
