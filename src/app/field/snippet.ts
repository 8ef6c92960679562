import { fits, type MbusHeader, parseSecondary } from '../../../drivers/mbus/index.ts';
import { normalSerial } from '../../collect/readings.ts';
import { inEnglish, type Say } from '../../core/say.ts';
import type { DeviceConfig } from '../../device/site.ts';
import type { Found } from './scan.ts';
import type { Suggestion } from './suggest.ts';

/** A site file's names have at most so many characters. */
const ID_CHARS_MAX = 40;

/**
 * What was found as lines of a site file, and as remarks what stands there already.
 *
 * @param known the devices that the site file has on this line
 * @param suggest the device file of a meter; only where that is a placeholder a person must fill in
 */
export function siteSnippet(
  line: string,
  found: readonly Found[],
  known: readonly DeviceConfig[],
  suggest: (meter: Found) => Suggestion,
  say: Say = inEnglish,
): string {
  const ids = new Set(known.map(({ id }) => id));
  const entries: string[] = [];
  const remarks: string[] = [];
  for (const meter of found) {
    const device = known.find((each) => isSame(each, meter));
    if (device) remarks.push(`# ${say`${device.id} is in the site file: ${described(meter, say)}`}\n`);
    else entries.push(entryOf(line, meter, ids, suggest(meter), say));
  }
  return `${entries.length > 0 ? `devices:\n${entries.join('')}` : ''}${remarks.join('')}`;
}

function isSame({ address, secondary, serial }: DeviceConfig, meter: Found): boolean {
  const isNumberSame =
    serial === undefined || meter.serial === undefined || normalSerial(serial) === normalSerial(meter.serial);
  if (secondary !== undefined && meter.serial !== undefined)
    return isNumberSame && fits(headerOf(meter), parseSecondary(secondary));
  if (serial !== undefined && meter.serial !== undefined) return isNumberSame;
  return address === meter.address && meter.secondary === undefined;
}

/** What the meter said, as far as a secondary address can be held against it. */
function headerOf({ serial, manufacturer, version, secondary }: Found): MbusHeader {
  const { mediumCode } = secondary === undefined ? {} : parseSecondary(secondary);
  return {
    ...(serial !== undefined && { id: serial }),
    ...(manufacturer !== undefined && { manufacturer }),
    ...(version !== undefined && { version }),
    ...(mediumCode !== undefined && { mediumCode }),
  };
}

function entryOf(line: string, meter: Found, ids: Set<string>, { model, why }: Suggestion, say: Say): string {
  const { address, secondary, serial, remark } = meter;
  const lines = [
    `  - id: ${newId(line, meter, ids)}`,
    `    model: ${model} # ${[described(meter, say), why].filter(Boolean).join(': ')}`,
    `    line: ${line}`,
    `    address: ${address}${remark === undefined ? '' : ` # ${say.whole(remark)}`}`,
    ...(secondary === undefined ? [] : [`    secondary: "${secondary}"`]),
    ...(serial === undefined ? [] : [`    serial: "${serial}"`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** What it says of itself, else where it answers. */
function described({ address, manufacturer, version, medium, serial }: Found, say: Say): string {
  const parts = [manufacturer, version !== undefined && say`version ${version}`, medium, serial].filter(
    (part) => part !== undefined && part !== false,
  );
  return parts.length > 0 ? parts.join(', ') : say`address ${address}`;
}

function newId(line: string, { address, serial }: Found, ids: Set<string>): string {
  for (let n = 1; ; n++) {
    const end = `-${serial ?? address}${n === 1 ? '' : `-${n}`}`;
    const id = `${line.slice(0, ID_CHARS_MAX - end.length)}${end}`;
    if (ids.has(id)) continue;
    ids.add(id);
    return id;
  }
}
