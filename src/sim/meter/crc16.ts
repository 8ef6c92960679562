/** CRC-16/MODBUS: reflected polynomial 0xA001, start 0xFFFF (Modbus over serial line V1.02, 6.2.2). Apart from the driver's on purpose. */
export function crc16modbus(bytes: Iterable<number>): number {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xa001 : crc >>> 1;
  }
  return crc;
}
