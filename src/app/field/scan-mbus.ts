import { type FoundMeter, primaryScan, type Scan, secondarySearch } from '../../../drivers/mbus/index.ts';
import type { Session } from '../../core/driver.ts';
import { failure, OdecetError } from '../../core/failure.ts';
import { type Inquirer, inquirer, isLate, isLost } from './inquiry.ts';
import type { Found, ScanOutcome, Scene } from './scan.ts';

const ADDRESS_SELECTED = 253;
/** Every meter has it until somebody gives it another. */
const ADDRESS_NEW = 0;

export async function scanMbus(scene: Scene): Promise<ScanOutcome> {
  const { plan, progress } = scene;
  const primary = plan.primary ? primaryScan(plan) : undefined;
  const secondary = plan.secondary ? secondarySearch(plan) : undefined;
  const scans = [primary, secondary].filter((scan) => scan !== undefined);
  const spoilt: string[] = [];
  const outcome = (): ScanOutcome => ({
    found: merged(primary?.found ?? [], secondary?.found ?? []),
    unclear: [...scans.flatMap(({ unclear }) => unclear), ...spoilt],
  });
  try {
    const questions = inquirer('mbus', scene);
    for (const [done, scan] of scans.entries()) {
      const told = () => progress((done + scan.progress) / scans.length, outcome().found.length);
      await play(scan, questions, (what) => spoilt.push(what), told);
      told();
    }
    return outcome();
  } catch (error) {
    return { ...outcome(), cutShortBy: error };
  }
}

/**
 * Plays a scan machine, one request after the other.
 * @param spoilt told of requests that were answered too late to be understood, or by which the line was lost
 */
async function play(scan: Scan, questions: Inquirer, spoilt: (what: string) => void, told: () => void): Promise<void> {
  let step = scan.start();
  while (step.kind === 'send') {
    const { bytes } = step;
    const end = await questions.ask((replyWithinMs) => listening(scan, bytes, replyWithinMs));
    if (!end.ok && end.failure.code !== 'no-answer' && !isLost(end))
      throw new OdecetError(end.failure.code, end.failure.detail);
    if (isLate(end)) spoilt(`${requestText(bytes)}: the answer came too late, make --reply-ms longer`);
    else if (!end.ok && isLost(end)) spoilt(`${requestText(bytes)}: ${end.failure.detail}`);
    step = scan.silent();
    told();
  }
  if (step.kind === 'missed') throw new OdecetError(step.failure.code, step.failure.detail);
}

/** One request of the scan as a dialogue: it is over when the line is silent again, since a second meter may follow the first. */
function listening(scan: Scan, bytes: Uint8Array, replyWithinMs: number): Session {
  let isHeard = false;
  return {
    start: () => ({ kind: 'send', bytes, replyWithinMs }),
    received(more) {
      isHeard = true;
      const step = scan.received(more);
      if (step.kind === 'wait' || step.kind === 'missed') return step;
      throw new RangeError(`a scan that has heard something does not ${step.kind}`);
    },
    silent: () =>
      isHeard
        ? { kind: 'read', result: { values: [], identity: {}, unusable: [] } }
        : {
            kind: 'missed',
            failure: failure('no-answer', `${requestText(bytes)}: nothing within ${replyWithinMs} ms`),
          },
  };
}

/** A short frame has its address in the third byte, a selection (long frame) the id low byte first. */
function requestText(bytes: Uint8Array): string {
  if (bytes.length === 5) return `address ${bytes[2]}`;
  const id = [10, 9, 8, 7].map((at) => (bytes[at] ?? 0).toString(16).padStart(2, '0')).join('');
  return `secondary address ${id}`;
}

/**
 * Each meter once: by its primary address where it answered there, else by its secondary one. At address 0 the number is safer,
 * because the next new meter will answer there too.
 *
 * @param numbered what the secondary search found
 */
function merged(addressed: readonly FoundMeter[], numbered: readonly FoundMeter[]): Found[] {
  const confirmed = new Set(numbered.map(({ secondary }) => secondary));
  const timesThere = (secondary: string | undefined) => addressed.filter((each) => each.secondary === secondary).length;
  const found = addressed.map((meter): Found => {
    const { address = ADDRESS_SELECTED, secondary } = meter;
    if (address !== ADDRESS_NEW) return { address, ...said(meter) };
    if (secondary === undefined || !confirmed.has(secondary) || timesThere(secondary) > 1)
      return { address, ...said(meter), remark: 'every new meter has address 0, a second one would collide with it' };
    return { ...bySecondary(meter, secondary), remark: 'it has primary address 0 as every new meter has' };
  });
  const known = new Set(addressed.map(({ secondary }) => secondary));
  const others = numbered.flatMap((meter) =>
    meter.secondary === undefined || known.has(meter.secondary) ? [] : [bySecondary(meter, meter.secondary)],
  );
  return [...found, ...others];
}

function bySecondary(meter: FoundMeter, secondary: string): Found {
  return { address: ADDRESS_SELECTED, secondary, ...said(meter) };
}

/** What the meter says of itself. */
function said({ header: { id, manufacturer, version, medium } }: FoundMeter): Omit<Found, 'address'> {
  return {
    ...(id !== undefined && { serial: id }),
    ...(manufacturer !== undefined && { manufacturer }),
    ...(version !== undefined && { version }),
    ...(medium !== undefined && { medium }),
  };
}
