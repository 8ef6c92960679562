import { primaryScan, secondarySearch } from '../../../drivers/mbus/index.ts';
import { createUnitProbe, isThere } from '../../../drivers/modbus/index.ts';
import { type DialogueRules, runDialogue } from '../../collect/dialogue.ts';
import { OdecetError } from '../../core/failure.ts';
import type { Millis } from '../../core/time.ts';
import type { LineConfig } from '../../device/site.ts';
import type { Clock } from '../../machine/clock.ts';
import { type Line, wireMs } from '../../machine/line.ts';

/** Who is on a line. */

export interface Found {
  /** Modbus unit or M-Bus primary address; 253 for a meter found by its secondary address. */
  readonly address: number;
  readonly secondary?: string;
  readonly serial?: string;
  /** What the meter says of itself: manufacturer, version, medium. */
  readonly note?: string;
}

export interface ScanOutcome {
  readonly found: readonly Found[];
  /** Places where something answered that could not be understood: two meters of one address, noise. */
  readonly unclear: readonly string[];
}

/** @param share 0 to 1 */
export type Progress = (share: number, found: number) => void;

export interface ScanPlan {
  readonly primary: boolean;
  readonly secondary: boolean;
  readonly units: { readonly from: number; readonly to: number };
  /** How long a meter may take to begin its answer. */
  readonly replyWithinMs: Millis;
  readonly gapMs: Millis;
}

interface Scene {
  readonly line: Line;
  readonly clock: Clock;
  readonly plan: ScanPlan;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** Goes through all addresses of the plan on an open line. Throws OdecetError when nothing can be found out on it. */
export async function scanLine(config: LineConfig, scene: Scene): Promise<ScanOutcome> {
  if (config.framing === 'mbus') return scanMbus(scene);
  return scanUnits(config, config.framing, scene);
}

async function scanMbus({ line, clock, plan, progress, signal }: Scene): Promise<ScanOutcome> {
  const scans = [...(plan.primary ? [primaryScan(plan)] : []), ...(plan.secondary ? [secondarySearch(plan)] : [])];
  const found: Found[] = [];
  for (const [done, scan] of scans.entries()) {
    await play(scan, { line, clock, signal }, () =>
      progress((done + scan.progress) / scans.length, found.length + scan.found.length),
    );
    for (const { address = 253, secondary, header } of scan.found) {
      const note = [header.manufacturer, header.version && `version ${header.version}`, header.medium].filter(Boolean);
      found.push({
        address,
        ...(secondary !== undefined && address === 253 && { secondary }),
        ...(header.id !== undefined && { serial: header.id }),
        note: note.join(', '),
      });
    }
  }
  return { found, unclear: scans.flatMap(({ unclear }) => unclear) };
}

/** Plays a scan machine: what it sends goes out, what comes goes in, silence is told. */
async function play(
  scan: ReturnType<typeof primaryScan>,
  { line, signal }: Pick<Scene, 'line' | 'clock' | 'signal'>,
  told: () => void,
): Promise<void> {
  let step = scan.start();
  while (step.kind === 'send' || step.kind === 'wait') {
    if (step.kind === 'send') {
      await line.drain(0, 0, signal);
      await line.write(step.bytes, signal);
      told();
    }
    const bytes = await line.read(step.kind === 'send' ? step.replyWithinMs : step.atMostMs, signal);
    step = bytes.length > 0 ? scan.received(bytes) : scan.silent();
  }
  told();
  if (step.kind === 'missed') throw new OdecetError(step.failure.code, step.failure.detail);
}

/** An answer to one unit that comes while the next is asked names its unit, so it is told as unclear and never as a find. */
async function scanUnits(
  { setting }: LineConfig,
  framing: 'modbus-rtu' | 'modbus-ascii' | 'modbus-tcp',
  { line, clock, plan, progress, signal }: Scene,
): Promise<ScanOutcome> {
  const { units, replyWithinMs, gapMs } = plan;
  const probe = createUnitProbe(framing, replyWithinMs, gapMs);
  const rules: DialogueRules = {
    gapTimeoutMs: gapMs,
    pauseMs: 0,
    dialogueLimitMs: 10 * replyWithinMs,
    lateAnswerMs: gapMs,
    reopenAfterTimeout: false,
  };
  const found: Found[] = [];
  const unclear: string[] = [];
  for (let unit = units.from; unit <= units.to; unit++) {
    await line.open(signal);
    const end = await runDialogue(line, clock, probe(unit), rules, signal);
    if (end.ok || isThere(end.failure)) found.push({ address: unit });
    else if (end.failure.code === 'line-lost' || end.failure.code === 'line-unreachable')
      throw new OdecetError(end.failure.code, end.failure.detail);
    else if (end.failure.code !== 'no-answer') unclear.push(`unit ${unit}: ${end.failure.detail}`);
    progress((unit - units.from + 1) / (units.to - units.from + 1), found.length);
    // MODBUS over Serial Line V1.02, clause 2.5.1.1: 3.5 characters of silence between frames.
    if (setting && framing !== 'modbus-tcp') await clock.sleep(wireMs(setting, 3.5), signal);
  }
  return { found, unclear };
}

/** What was found as lines of a site file: only the model is left to a person. */
export function siteSnippet(line: string, found: readonly Found[]): string {
  const entries = found.map(({ address, secondary, serial, note }) =>
    [
      `  - id: ${line}-${serial ?? address}`,
      `    model: maker/model${note ? ` # ${note}` : ' # the device file of this meter'}`,
      `    line: ${line}`,
      `    address: ${address}`,
      ...(secondary === undefined ? [] : [`    secondary: "${secondary}"`]),
      ...(serial === undefined ? [] : [`    serial: "${serial}"`]),
    ].join('\n'),
  );
  return found.length === 0 ? '' : `devices:\n${entries.join('\n')}\n`;
}
