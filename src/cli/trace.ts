import type { Command } from 'commander';
import pc from 'picocolors';
import type { Trace } from '../app/trace.ts';
import type { UtcMs } from '../core/time.ts';
import { parseInstant } from './arguments.ts';
import { ask } from './ask.ts';
import { viewCommand } from './views.ts';

/** `odecet trace POINT TIME --config site.yaml`: from the bytes on the wire to the operator's answer. */
export function traceCommand(): Command {
  return viewCommand('trace', "one interval's whole life: readings, versions, messages, attempts, answers")
    .argument('<point>', "the point's EIC or EAN")
    .argument('<time>', 'an instant in the interval, e.g. 2026-03-28T07:30+01:00', parseInstant)
    .action(async (code: string, at: UtcMs, { config, json }: { config: string; json?: true }) => {
      const trace = await ask(config, 'trace', { point: code, at });
      process.stdout.write(json ? `${JSON.stringify(trace)}\n` : `${traceText(trace)}\n`);
    });
}

type Channel = Trace['channels'][number];
type Version = Channel['versions'][number];
type Edge = Version['origins'][number]['from'];

/** The trace as a tree, each level two columns further in. */
export function traceText({ point, start, end, channels }: Trace): string {
  return [`${point} ${start} to ${end}`, ...channels.flatMap(channelLines)].join('\n');
}

function channelLines({ channel, state, doubled, versions }: Channel): string[] {
  const head = `${channel}: ${state}${doubled ? ', DOUBLED' : ''}${versions.length === 0 ? ', no interval was made' : ''}`;
  return indented([pc.bold(head), ...indented(versions.flatMap(versionLines))]);
}

function versionLines(version: Version): string[] {
  const { value, unit, quality, findings, madeAt, decidedBy } = version;
  const found = findings.length === 0 ? '' : ` [${findings.join(', ')}]`;
  const decision = decidedBy
    ? [`decided by ${decidedBy.by}: ${decidedBy.reason} (audit ${decidedBy.audit}, ${decidedBy.at})`]
    : [];
  const origins = version.origins.flatMap(({ device, quantity, from, to }) => [
    `${device} ${quantity}`,
    ...indented([...edgeLines('from', from), ...edgeLines('to', to)]),
  ]);
  const messages = version.messages.flatMap(messageLines);
  const under = [...decision, ...origins, ...(messages.length === 0 ? ['in no message'] : messages)];
  return [
    `version ${version.version}: ${value ?? 'no value'} ${unit}, ${quality}${found}, made ${madeAt}`,
    ...indented(under),
  ];
}

function edgeLines(name: string, { at, index, source, readings }: Edge): string[] {
  return [
    `${name} ${at}: ${index} (${source})`,
    ...indented(
      readings.map((reading) => {
        const flags = reading.flags.length === 0 ? '' : ` [${reading.flags.join(', ')}]`;
        const conflict = reading.contradicts ? ' CONTRADICTS' : '';
        return `${reading.source} ${reading.at}: ${reading.value} ${reading.unit}${flags}${conflict}, read ${reading.readAt}, bytes ${reading.raw}`;
      }),
    ),
  ];
}

function messageLines({
  message,
  state,
  madeAt,
  pack,
  corrects,
  attempts,
  answer,
}: Version['messages'][number]): string[] {
  const correction = corrects === undefined ? '' : `, corrects ${corrects}`;
  return [
    `message ${message}: ${state ?? 'unreadable'}, ${pack ?? 'unreadable'}, made ${madeAt ?? 'unreadable'}${correction}`,
    ...indented([
      ...attempts.map(
        (one) => `attempt ${one.number} ${one.startedAt}: ${one.outcome}${one.detail === '' ? '' : `, ${one.detail}`}`,
      ),
      ...(answer
        ? [
            `answer ${answer.receivedAt}: ${[answer.verdict, ...answer.reasons.map(({ code, text }) => `${code} ${text}`)].join('; ')}`,
          ]
        : ['no answer']),
    ]),
  ];
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}
