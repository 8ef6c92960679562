import type { Problem } from '../core/problem.ts';
import type { SourceDocument } from '../core/source.ts';
import type { Entry, SiteParts } from './parts.ts';
import type { LineConfig } from './site.ts';

/** Two lines to one end would be two queues on one wire, and their dialogues would collide. */
export function judgeLines({ lines }: SiteParts, document: SourceDocument): Problem[] {
  const seen = new Map<string, string>();
  return lines.flatMap(({ path, value }) => {
    const { end, key } = endOf(value);
    const other = seen.get(end);
    seen.set(end, other ?? value.id);
    const advice = `hang the devices of both on the line "${other}"`;
    const found = `${end}, where the line "${other}" goes`;
    const twice = other === undefined ? [] : [document.problem([...path, key], found, 'one line per wire', advice)];
    return [...twice, ...judgeSerialFraming({ path, value }, document)];
  });
}

function endOf(line: LineConfig): { readonly end: string; readonly key: string } {
  if (line.kind === 'serial') return { end: line.path, key: 'path' };
  return { end: `${line.host.toLowerCase()}:${line.port}`, key: 'port' };
}

function judgeSerialFraming({ path, value }: Entry<LineConfig>, document: SourceDocument): Problem[] {
  if (value.kind !== 'serial' || value.framing !== 'modbus-tcp') return [];
  const advice = 'a serial line carries "modbus-rtu"';
  return [document.problem([...path, 'framing'], '"modbus-tcp"', 'a framing of serial lines', advice)];
}
