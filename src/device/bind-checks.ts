import { choice, didYouMean, nearest } from '../core/guess.ts';
import type { Problem } from '../core/problem.ts';
import type { Quantity } from '../core/quantity.ts';
import type { Path, SourceDocument } from '../core/source.ts';
import { tellsSerial } from './bound.ts';
import { judgeGasState } from './conversion-checks.ts';
import type { DeviceModel } from './model.ts';
import type { Entry, SiteParts } from './parts.ts';
import type { DeviceConfig, PointConfig } from './site.ts';

/** Whether the devices of a site and their points fit the device files. Unknown and broken models are passed over here. */
export function judgeBinding(
  parts: SiteParts,
  models: ReadonlyMap<string, DeviceModel>,
  document: SourceDocument,
): Problem[] {
  return [
    ...parts.devices.flatMap((device) => {
      const model = models.get(device.value.model);
      return model ? judgeDevice(device, model, parts, document) : [];
    }),
    ...parts.points.flatMap((point) => {
      const device = parts.devices.find(({ value }) => value.id === point.value.device);
      const model = device && models.get(device.value.model);
      return model ? judgePoint(point, model, document) : [];
    }),
    ...judgeMeasuredTwice(parts, document),
  ];
}

/** What a site may leave out but should not, as far as the device files tell. */
export function warnOfBinding(
  { devices }: SiteParts,
  models: ReadonlyMap<string, DeviceModel>,
  document: SourceDocument,
): Problem[] {
  return devices.flatMap(({ path, value }) => {
    const model = models.get(value.model);
    // A meter that is selected by its whole number does not answer for another.
    const isSelected = value.secondary !== undefined && !/^.{0,7}f/i.test(value.secondary);
    if (!model || !tellsSerial(model) || value.serial !== undefined || isSelected) return [];
    return [
      document.problem(
        [...path, 'id'],
        `the device "${value.id}" without "serial:"`,
        'the number printed on the meter',
        'an exchanged meter would not be noticed; "odecet read" shows the number the meter tells',
      ),
    ];
  });
}

function judgeDevice(
  { path, value }: Entry<DeviceConfig>,
  model: DeviceModel,
  parts: SiteParts,
  document: SourceDocument,
): Problem[] {
  const problems = judgeBlocks(value, model, path, document);
  const line = parts.lines.find((entry) => entry.value.id === value.line)?.value;
  const framings = model.protocol === 'mbus' ? ['mbus'] : ['modbus-rtu', 'modbus-ascii', 'modbus-tcp'];
  if (line && !framings.includes(line.framing))
    problems.push(
      document.problem(
        [...path, 'line'],
        `the line "${line.id}" with framing "${line.framing}"`,
        `a line with framing ${choice(framings)}, because ${value.model} speaks ${model.protocol}`,
      ),
    );
  if (value.words !== undefined && model.protocol !== 'modbus')
    problems.push(
      document.keyProblem([...path, 'words'], '"words:"', 'none: only Modbus has a word order', 'remove it'),
    );
  if (value.keyFile !== undefined && model.protocol !== 'mbus')
    problems.push(
      document.keyProblem([...path, 'keyFile'], '"keyFile:"', 'none: only M-Bus telegrams are encrypted', 'remove it'),
    );
  if (value.archive !== undefined && model.archive === undefined)
    problems.push(
      document.keyProblem([...path, 'archive'], '"archive:"', `none: ${value.model} names no archive`, 'remove it'),
    );
  return problems;
}

function judgeBlocks(device: DeviceConfig, model: DeviceModel, path: Path, document: SourceDocument): Problem[] {
  const wanted = Object.keys(model.blocks);
  const unknown = Object.keys(device.blocks).filter((block) => !wanted.includes(block));
  // A misspelt block is told once, not again as missing under its right name.
  const misspelt = unknown.map((block) => nearest(block, wanted));
  const missing = wanted.filter((block) => !Object.hasOwn(device.blocks, block) && !misspelt.includes(block));
  return [
    ...missing.map((block) =>
      document.problem(
        [...path, 'blocks'],
        `no address for the block "${block}"`,
        `"${block}:" with the address of: ${model.blocks[block]}`,
        "take it from the site's register map",
      ),
    ),
    ...unknown.map((block) =>
      document.keyProblem(
        [...path, 'blocks', block],
        `the unknown block "${block}"`,
        wanted.length === 0 ? `no blocks: ${device.model} has fixed addresses` : choice(wanted),
        didYouMean(block, wanted, 'remove it'),
      ),
    ),
  ];
}

/** The counters that a point's publication rests on, and the key of the site file that asks for them. */
export function needs(point: PointConfig): { readonly key: string; readonly quantities: readonly Quantity[] } {
  if (point.commodity === 'electricity')
    return {
      key: 'channels',
      quantities: point.channels.map((channel) => `energy.active.${channel}` as const),
    };
  const undisturbed = 'volume.base';
  const disturbed = 'volume.base.disturbed';
  if (point.volume === 'total') return { key: 'volume', quantities: ['volume.base.total'] };
  if (point.volume === 'operating') return { key: 'volume', quantities: ['volume.operating.total'] };
  return { key: 'volume', quantities: point.volume === 'undisturbed' ? [undisturbed] : [undisturbed, disturbed] };
}

function judgePoint({ path, value }: Entry<PointConfig>, model: DeviceModel, document: SourceDocument): Problem[] {
  if (model.medium !== value.commodity)
    return [
      document.problem(
        [...path, 'device'],
        `the device "${value.device}", which measures ${model.medium}`,
        `a device that measures ${value.commodity}`,
      ),
    ];
  const { key, quantities } = needs(value);
  const counters = model.readings.filter(({ kind }) => kind === 'counter').map(({ quantity }) => quantity);
  const missing = quantities
    .filter((quantity) => !counters.includes(quantity))
    .map((quantity) =>
      document.problem(
        [...path, document.has([...path, key]) ? key : 'device'],
        `the device "${value.device}" without a counter ${quantity}`,
        `one of its counters: ${choice(counters)}`,
        `change "${key}:" or the device file`,
      ),
    );
  return [...missing, ...judgeGasState(path, value, model, document)];
}

/** What two points take from the same counter would be published twice. */
function judgeMeasuredTwice({ points }: SiteParts, document: SourceDocument): Problem[] {
  const seen = new Map<string, string>();
  return points.flatMap(({ path, value }) =>
    needs(value).quantities.flatMap((quantity) => {
      const counter = `${value.device} ${quantity}`;
      const other = seen.get(counter);
      seen.set(counter, other ?? value.code);
      if (other === undefined || other === value.code) return [];
      const found = `${quantity} of "${value.device}", which is published for ${other}`;
      return [document.problem([...path, 'device'], found, 'each counter under one point')];
    }),
  );
}
