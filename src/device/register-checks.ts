import { choice, didYouMean } from '../core/guess.ts';
import type { Problem } from '../core/problem.ts';
import type { Path, SourceDocument } from '../core/source.ts';
import { type DeviceModel, MODBUS_REGISTERS, MODBUS_TIMES, type ModbusPlace, type SelectorArchive } from './model.ts';
import { judgeUnit } from './unit-check.ts';

/** What the schema cannot say about places in Modbus registers. */

export function judgeRegisters(
  model: DeviceModel,
  place: ModbusPlace,
  path: Path,
  document: SourceDocument,
  want: 'number' | 'time' | 'any',
): Problem[] {
  const problems: Problem[] = [];
  const isTime = (MODBUS_TIMES as readonly string[]).includes(place.type);
  if (want !== 'any' && isTime !== (want === 'time')) {
    const expected = want === 'time' ? `a time: ${choice(MODBUS_TIMES)}` : 'a type of number, e.g. "u32"';
    problems.push(document.problem([...path, 'type'], `"${place.type}"`, expected));
  }
  const digits = 4 * MODBUS_REGISTERS[place.type];
  const width =
    place.tariffs * MODBUS_REGISTERS[place.type] + (place.residual ? MODBUS_REGISTERS[place.residual.type] : 0);
  if (width > model.modbus.registersMax)
    problems.push(
      document.problem(
        [...path, 'type'],
        `"${place.type}" of ${width} registers`,
        `no more than registersMax (${model.modbus.registersMax})`,
        'a value cannot be split over two requests',
      ),
    );
  if (place.address !== undefined && place.address + width > 65536)
    problems.push(document.problem([...path, 'address'], String(place.address), `room for ${width} registers`));
  place.unavailable.forEach((pattern, n) => {
    if (pattern.length === digits) return;
    const expected = `${digits} hex digits (${place.type} takes ${digits / 4} registers)`;
    problems.push(document.problem([...path, 'unavailable', n], `"${pattern}" (${pattern.length} digits)`, expected));
  });
  if (place.residual !== undefined && place.tariffs > 1)
    problems.push(document.keyProblem([...path, 'residual'], 'a residual of several tariffs', 'one or the other'));
  if (place.residual !== undefined && want !== 'number')
    problems.push(document.keyProblem([...path, 'residual'], 'a residual', 'none: only a value has one', 'remove it'));
  if (place.block !== undefined && !Object.hasOwn(model.blocks, place.block))
    problems.push(unknownBlock(model, place.block, [...path, 'block'], document));
  return problems;
}

function unknownBlock(model: DeviceModel, block: string, path: Path, document: SourceDocument): Problem {
  const known = Object.keys(model.blocks);
  const expected = known.length === 0 ? 'a block named under "blocks:"' : choice(known);
  return document.problem(path, `"${block}"`, expected, didYouMean(block, known, 'name it under "blocks:"'));
}

/** Whether the parts of a record lie in it, and the record in what is read. */
export function judgeArchive(model: DeviceModel, document: SourceDocument): Problem[] {
  const { archive } = model;
  if (!archive) return [];
  const problems: Problem[] = [];
  if (model.protocol !== 'modbus')
    problems.push(document.keyProblem(['archive'], `an archive over ${model.protocol}`, 'protocol "modbus"'));
  const [length, what] =
    archive.pattern === 'records'
      ? [archive.stride, `the stride of ${archive.stride}`]
      : [archive.window.registers, `the window of ${archive.window.registers}`];
  const inRecord = (offset: number, registers: number, path: Path): void => {
    const end = offset + registers;
    if (end <= length) return;
    const found = `offset ${offset}, which ends at ${end}`;
    problems.push(document.problem([...path, 'offset'], found, `an end within ${what}`));
  };
  inRecord(archive.stamp.offset, MODBUS_REGISTERS[archive.stamp.type], ['archive', 'stamp']);
  archive.values.forEach((value, n) => {
    problems.push(...judgeUnit(value, ['archive', 'values', n], document));
    inRecord(value.offset, MODBUS_REGISTERS[value.type], ['archive', 'values', n]);
  });
  if (archive.pattern === 'records') {
    if (!Object.hasOwn(model.blocks, archive.block))
      problems.push(unknownBlock(model, archive.block, ['archive', 'block'], document));
    return problems;
  }
  inRecord(archive.older.offset, 1, ['archive', 'older']);
  if (archive.usable) inRecord(archive.usable.offset, 1, ['archive', 'usable']);
  return [...problems, ...judgeWindow(model, archive, document)];
}

/** The window is read by one request: only then do its number, stamp and values belong together. */
function judgeWindow(model: DeviceModel, { window }: SelectorArchive, document: SourceDocument): Problem[] {
  const at = ['archive', 'window'];
  const problems: Problem[] = [];
  if (window.registers > model.modbus.registersMax) {
    const expected = `no more than registersMax (${model.modbus.registersMax})`;
    problems.push(document.problem([...at, 'registers'], String(window.registers), expected, 'it is read at once'));
  }
  if (window.address + window.registers > 65536)
    problems.push(
      document.problem([...at, 'address'], String(window.address), `room for ${window.registers} registers`),
    );
  return problems;
}

export function judgeFlags(model: DeviceModel, document: SourceDocument): Problem[] {
  if (model.flags.length > 0 && model.protocol !== 'modbus')
    return [document.keyProblem(['flags'], 'flags', 'none: an M-Bus meter sends a status byte', 'remove "flags:"')];
  return model.flags.flatMap(({ modbus }, n) =>
    modbus.block === undefined || Object.hasOwn(model.blocks, modbus.block)
      ? []
      : [unknownBlock(model, modbus.block, ['flags', n, 'modbus', 'block'], document)],
  );
}
