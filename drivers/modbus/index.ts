import type { FieldDriver, ReadRequest, Session } from '../../src/core/driver.ts';
import type { Millis } from '../../src/core/time.ts';
import type { BoundDevice } from '../../src/device/bound.ts';
import { archiveInquiry } from './archive.ts';
import { asciiFraming } from './ascii.ts';
import { currentInquiry } from './current.ts';
import type { Framing } from './framing.ts';
import { unitProbe } from './probe.ts';
import { rtuFraming } from './rtu.ts';
import { ModbusSession } from './session.ts';
import { tcpFraming } from './tcp.ts';

export { asciiFrame, parseAsciiFrame } from './ascii.ts';
export { type Overheard, overheardFrames, type ShownRead, showRead } from './overheard.ts';
export { exceptionFailure } from './pdu.ts';
export { isThere } from './probe.ts';
export { crc16, parseRtuAnswer, rtuFrame } from './rtu.ts';
export { parseTcpFrame, tcpFrame } from './tcp.ts';

/** The Modbus driver with transaction ids that begin at 1; a process needs one, a replayed run makes its own. */
export function createModbusDriver(): FieldDriver<BoundDevice> {
  let transaction = 0;
  const tcp = tcpFraming(() => {
    transaction = (transaction + 1) & 0xffff;
    return transaction;
  });
  return {
    protocol: 'modbus',
    reopenAfterTimeout: ({ framing }) => framing !== 'modbus-tcp',
    session: (device, request) => openSession(device, request, tcp),
  };
}

/** Sessions that find out whether a unit is there. @param gapMs the longest silence inside an answer */
export function createUnitProbe(
  framing: 'modbus-rtu' | 'modbus-ascii' | 'modbus-tcp',
  replyWithinMs: Millis,
  gapMs: Millis,
): (unit: number) => Session {
  let transaction = 0;
  const tcp = tcpFraming(() => {
    transaction = (transaction + 1) & 0xffff;
    return transaction;
  });
  const framings = { 'modbus-rtu': rtuFraming, 'modbus-ascii': asciiFraming, 'modbus-tcp': tcp };
  return (unit) => unitProbe(framings[framing], unit, replyWithinMs, gapMs);
}

export const modbusDriver: FieldDriver<BoundDevice> = createModbusDriver();

function openSession(device: BoundDevice, request: ReadRequest, tcp: Framing): Session {
  const { config, model } = device;
  const link = {
    framing: framingOf(device, tcp),
    unit: config.address,
    replyWithinMs: config.replyTimeoutMs ?? model.replyTimeoutMs,
    gapMs: model.gapTimeoutMs,
  };
  const inquiry = request.want === 'current' ? currentInquiry(device, request.now) : archiveInquiry(device, request);
  return new ModbusSession(link, inquiry);
}

function framingOf({ framing, config }: BoundDevice, tcp: Framing): Framing {
  switch (framing) {
    case 'modbus-tcp':
      return tcp;
    case 'modbus-rtu':
    case 'modbus-ascii':
      if (config.address === 0) throw new RangeError(`device ${config.id}: address 0 is broadcast, no unit answers it`);
      return framing === 'modbus-rtu' ? rtuFraming : asciiFraming;
    case 'mbus':
      throw new RangeError(`device ${config.id}: a Modbus device cannot hang on a line with framing "mbus"`);
  }
}
