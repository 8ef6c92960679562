import { describe, expect, test } from 'vitest';
import { problemText } from '../core/problem.ts';
import { checkSite } from './parse.ts';
import { libraryOf, SITE } from './site.testkit.ts';

const SERIAL = `kind: serial
    path: /dev/serial/by-id/usb-FTDI_A1
    framing: mbus
    setting: { baud: 2400, dataBits: 8, parity: even, stopBits: 1 }`;

/** The site with its second line (11 lines further down than the first) given anew. */
function check(line: string) {
  const old = 'kind: tcp\n    host: 192.0.2.2\n    port: 10001\n    framing: mbus';
  expect(SITE).toContain(old);
  return checkSite(SITE.replace(old, line), 'site.yaml', libraryOf());
}

function problems(line: string): string[] {
  const checked = check(line);
  return checked.ok ? [] : checked.problems.map(problemText);
}

test('a serial line', () => {
  const checked = check(SERIAL);
  expect(checked.ok && checked.value.site.lines[1]).toEqual({
    id: 'power-line',
    kind: 'serial',
    path: '/dev/serial/by-id/usb-FTDI_A1',
    framing: 'mbus',
    setting: { baud: 2400, dataBits: 8, parity: 'even', stopBits: 1 },
    rts: 'high',
    lowLatency: true,
    echo: false,
  });
});

describe('what is wrong with it is told in the words of its kind', () => {
  test.each([
    [
      'a kind that there is not',
      SERIAL.replace('kind: serial', 'kind: serail'),
      'site.yaml:9:11: lines.1.kind: found "serail", expected "tcp" or "serial"; did you mean "serial"?',
    ],
    [
      'a key of the other kind',
      `${SERIAL}\n    port: 502`,
      'site.yaml:13:5: lines.1.port: found the unknown key "port", expected "id", "kind", "path", "framing", "setting", "rts", "lowLatency" or "echo"; remove it',
    ],
    [
      'no setting',
      SERIAL.replace(/\n {4}setting.*/, ''),
      'site.yaml:8:5: lines.1.setting: found nothing, expected a section with "baud", "dataBits", "parity" or "stopBits"; add "setting:" here',
    ],
    [
      'parity in one letter',
      SERIAL.replace('even', 'E'),
      'site.yaml:12:49: lines.1.setting.parity: found "E", expected "none", "even" or "odd"',
    ],
    [
      'a path that is none',
      SERIAL.replace('/dev/serial/by-id/usb-FTDI_A1', 'ttyUSB0'),
      'site.yaml:10:11: lines.1.path: found "ttyUSB0", expected the full path of the port, e.g. "/dev/serial/by-id/usb-..."',
    ],
    [
      'an RTS mode that there is not',
      `${SERIAL}\n    rts: toggle`,
      'site.yaml:13:10: lines.1.rts: found "toggle", expected "high", "low", "high-while-sending" or "low-while-sending"',
    ],
  ])('%s', (_name, line, expected) => {
    expect(problems(line)).toEqual([expected]);
  });

  test('Modbus TCP on a serial line', () => {
    expect(problems(SERIAL.replace('framing: mbus', 'framing: modbus-tcp'))).toContain(
      'site.yaml:11:14: lines.1.framing: found "modbus-tcp", expected a framing of serial lines; a serial line carries "modbus-rtu"',
    );
  });
});

test('two lines on one port', () => {
  const first = SITE.replace('kind: tcp\n    host: 192.0.2.1\n    port: 502\n    framing: modbus-tcp', SERIAL);
  const second = first.replace('kind: tcp\n    host: 192.0.2.2\n    port: 10001\n    framing: mbus', SERIAL);
  const checked = checkSite(second, 'site.yaml', libraryOf());
  expect(checked.ok ? [] : checked.problems.map(problemText)).toContain(
    'site.yaml:10:11: lines.1.path: found /dev/serial/by-id/usb-FTDI_A1, where the line "gas-line" goes, expected one line per wire; hang the devices of both on the line "gas-line"',
  );
});
