import { ADDRESS_PRIMARY_MAX, reqUd2, sndNke } from './frame.ts';
import { addressOf, identify, isAck } from './identify.ts';
import { type Inquiry, InquiryScan, type Notes, type Scan, type ScanTiming } from './scan.ts';
import { secondaryText } from './secondary.ts';

/**
 * Asks every primary address from 0 to 250 who is there. Several meters at one address (new ones all have 0) are told in
 * `unclear`; a secondary search finds them.
 */
export function primaryScan(timing: ScanTiming, from = 0, to: number = ADDRESS_PRIMARY_MAX): Scan {
  if (from < 0 || to > ADDRESS_PRIMARY_MAX || from > to) {
    throw new RangeError(`primary addresses are 0 to ${ADDRESS_PRIMARY_MAX}, not ${from} to ${to}`);
  }
  return new InquiryScan(timing, (notes) => inquire(notes, from, to));
}

function* inquire(notes: Notes, from: number, to: number): Inquiry {
  for (let address = from; address <= to; address++) {
    const reset = yield sndNke(address);
    if (reset.length > 0) {
      const header = isAck(reset) ? identify(yield reqUd2(address, true), address) : undefined;
      if (header) {
        const secondary = addressOf(header);
        notes.found.push({ address, header, ...(secondary ? { secondary: secondaryText(secondary) } : {}) });
      } else notes.unclear.push(`address ${address}`);
    }
    notes.progress = (address - from + 1) / (to - from + 1);
  }
  return undefined;
}
