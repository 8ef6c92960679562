import type { Command } from 'commander';
import pc from 'picocolors';
import { localText } from '../app/local-time.ts';
import type { Trace } from '../app/trace.ts';
import type { Say } from '../core/say.ts';
import type { UtcMs } from '../core/time.ts';
import { parseInstant } from './arguments.ts';
import { ask } from './ask.ts';
import { type SpokenOptions, sayFor } from './say.ts';
import { viewCommand } from './views.ts';
import { visible } from './visible.ts';

interface TraceOptions extends SpokenOptions {
  readonly config: string;
  readonly json?: true;
}

/** `odecet trace POINT TIME --config site.yaml`: from the bytes on the wire to the operator's answer. */
export function traceCommand(): Command {
  return viewCommand('trace', "one interval's whole life: readings, versions, messages, attempts, answers")
    .argument('<point>', "the point's EIC or EAN")
    .argument('<time>', 'an instant in the interval, e.g. 2026-03-28T07:30+01:00', parseInstant)
    .action(async (code: string, at: UtcMs, options: TraceOptions) => {
      const { answer, zone } = await ask(options.config, 'trace', { point: code, at });
      const text = options.json ? JSON.stringify(answer) : traceText(answer, zone, sayFor(options));
      process.stdout.write(`${text}\n`);
    });
}

type Channel = Trace['channels'][number];
type Version = Channel['versions'][number];
type Edge = Version['origins'][number]['from'];

/** The trace as a tree, each level two columns further in. */
function traceText(
  { point, start, end, since, isOver, isAnsweredFor, exchanges, channels }: Trace,
  zone: string,
  say: Say,
): string {
  const local = (at: string) => localText(at, zone);
  const teller = tellerOf(say, local);
  return [
    say`${point} ${local(start)} to ${local(end)}`,
    ...(isOver ? [] : [say`it is not over yet`]),
    ...(isAnsweredFor ? [] : [say`${point} is answered for since ${since}; nothing is expected before`]),
    ...exchanges.map(
      ({ device, from, to, lastSeen, firstSeen }) =>
        say`${device}: meter ${from}, seen last ${local(lastSeen)}, was exchanged for ${to}, seen first ${local(firstSeen)}`,
    ),
    ...channels.flatMap((channel) => teller.channelLines(channel, isOver && isAnsweredFor)),
  ].join('\n');
}

function tellerOf(say: Say, local: (at: string) => string) {
  function channelLines(
    { channel, state, doubled, versions, lost, givenUpBefore }: Channel,
    isExpected: boolean,
  ): string[] {
    const double = doubled ? `, ${say`DOUBLED`}` : '';
    const none = versions.length === 0 && state === 'missing' ? `, ${say`no interval was made`}` : '';
    const given =
      givenUpBefore === undefined
        ? []
        : [say`it was accepted, and went for its age with the messages that told it, by ${local(givenUpBefore)}`];
    const stands = state === 'missing' && !isExpected ? say`not expected` : say.whole(state);
    const head = `${say.whole(channel)}: ${stands}${double}${none}`;
    return indented([
      pc.bold(head),
      ...indented([...given, ...versions.flatMap(versionLines), ...lost.flatMap(lostLines)]),
    ]);
  }

  function lostLines({ version, told, messages }: Channel['lost'][number]): string[] {
    const words = told ?? say`unreadable`;
    return [
      say`version ${version}: its record cannot be read; told was: ${words}`,
      ...indented(messages.flatMap(messageLines)),
    ];
  }

  function versionLines(version: Version): string[] {
    const { value, unit, quality, findings, madeAt, decidedBy, multiplier, conversion, combustionHeat } = version;
    const found = findings.length === 0 ? '' : ` [${findings.join(', ')}]`;
    const decision = decidedBy
      ? [
          visible(
            say`decided by ${decidedBy.by}: ${decidedBy.reason} (audit ${decidedBy.audit}, ${local(decidedBy.at)})`,
          ),
        ]
      : [];
    const heat = combustionHeat === undefined ? [] : [say`with a combustion heat of ${combustionHeat} kWh/m3`];
    const origins = version.origins.flatMap(({ device, quantity, from, to }) => [
      `${device} ${quantity}`,
      ...indented([...edgeLines('from', from), ...edgeLines('to', to)]),
    ]);
    const messages = version.messages.flatMap(messageLines);
    const converted = conversion ? conversionLines(conversion) : [];
    const times = multiplier === undefined ? [] : [say`times the multiplier ${multiplier}`];
    const under = [
      ...decision,
      ...times,
      ...converted,
      ...heat,
      ...origins,
      ...(messages.length === 0 ? [say`in no message`] : messages),
    ];
    const told = value === undefined ? say`no value` : `${value} ${unit}`;
    return [
      say`version ${version.version}: ${told}, ${say.whole(quality)}${found}, made ${local(madeAt)}`,
      ...indented(under),
    ];
  }

  function conversionLines(conversion: NonNullable<Version['conversion']>): string[] {
    const { method, ratio, base, gas, pressureKPa, pressureReadings, temperatureC, temperatureReadings } = conversion;
    const howKnown = (readings: number) =>
      readings === 0 ? say`as the site file states` : say`mean of ${readings} readings`;
    const [p, t] = [howKnown(pressureReadings), howKnown(temperatureReadings)];
    const made = [
      say`operating volume converted with p ${pressureKPa} kPa (${p}), t ${temperatureC} °C (${t}), K ${ratio ?? '-'} (${say.whole(method)})`,
      say`to base conditions of ${base.pressureKPa} kPa and ${base.temperatureC} °C`,
    ];
    if (!gas) return made;
    const { superiorHeatMJ, relativeDensity, carbonDioxide, hydrogen } = gas;
    return [
      ...made,
      say`of a gas with ${superiorHeatMJ} MJ/m3, relative density ${relativeDensity}, CO2 ${carbonDioxide}, H2 ${hydrogen}`,
    ];
  }

  function edgeLines(name: 'from' | 'to', { at, index, source, meter, readings }: Edge): string[] {
    const teller = meter === undefined ? '' : `, ${say`meter ${meter}`}`;
    return [
      `${say.whole(name)} ${local(at)}: ${index} (${say.whole(source)}${teller})`,
      ...indented(
        readings.map((reading) => {
          const flags = reading.flags.length === 0 ? '' : ` [${reading.flags.join(', ')}]`;
          const conflict = reading.contradicts ? ` ${say`CONTRADICTS`}` : '';
          const value = `${say.whole(reading.source)} ${local(reading.at)}: ${reading.value} ${reading.unit}${flags}${conflict}`;
          return say`${value}, read ${local(reading.readAt)}, bytes ${reading.raw}`;
        }),
      ),
    ];
  }

  function messageLines(told: Version['messages'][number]): string[] {
    const { message, state, madeAt, pack, corrects, attempts, answer } = told;
    const correction = corrects === undefined ? '' : `, ${say`corrects ${corrects}`}`;
    const gone = say`unreadable`;
    const made = madeAt === undefined ? gone : local(madeAt);
    return [
      say`message ${message}: ${state === undefined ? gone : say.whole(state)}, ${pack ?? gone}, made ${made}${correction}`,
      ...indented([
        ...attempts.map(({ number, startedAt, outcome, detail }) =>
          visible(
            [say`attempt ${number} ${local(startedAt)}: ${say.whole(outcome)}`, detail].filter(Boolean).join(', '),
          ),
        ),
        answer ? answerLine(answer) : say`no answer`,
      ]),
    ];
  }

  function answerLine({ receivedAt, verdict, reasons }: NonNullable<Version['messages'][number]['answer']>): string {
    const said = [say.whole(verdict), ...reasons.map(({ code, text }) => `${code} ${text}`)].join('; ');
    return visible(say`answer ${local(receivedAt)}: ${said}`);
  }

  return { channelLines };
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}
