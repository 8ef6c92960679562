import { createUnitProbe, isThere } from '../../../drivers/modbus/index.ts';
import type { Session } from '../../core/driver.ts';
import type { Millis } from '../../core/time.ts';
import type { LineConfig } from '../../device/site.ts';
import { inquirer, isLate } from './inquiry.ts';
import type { Found, ScanOutcome, Scene } from './scan.ts';

export async function scanUnits(framing: Exclude<LineConfig['framing'], 'mbus'>, scene: Scene): Promise<ScanOutcome> {
  const { from, to } = scene.plan.units;
  const found: Found[] = [];
  const unclear: string[] = [];
  const questions = inquirer(framing, scene);
  // One for each patience: a probe counts its own transactions, and no two questions may have one number.
  const probes = new Map<Millis, ReturnType<typeof createUnitProbe>>();
  const probe = (unit: number, replyWithinMs: Millis): Session => {
    const known = probes.get(replyWithinMs) ?? createUnitProbe(framing, replyWithinMs, scene.plan.gapMs);
    probes.set(replyWithinMs, known);
    return known(unit);
  };
  try {
    for (let unit = from; unit <= to; unit++) {
      const end = await questions.ask((replyWithinMs) => probe(unit, replyWithinMs));
      if (end.ok || isThere(end.failure)) found.push({ address: unit });
      else if (isLate(end)) unclear.push(`unit ${unit}: the answer came too late, make --reply-ms longer`);
      else if (end.failure.code !== 'no-answer' && end.failure.code !== 'device-exception')
        unclear.push(`unit ${unit}: ${end.failure.detail}`);
      scene.progress((unit - from + 1) / (to - from + 1), found.length);
    }
    return { found, unclear };
  } catch (error) {
    return { found, unclear, cutShortBy: error };
  }
}
