import type { ModelLibrary } from './parse.ts';

/** A sound device file with a block that the site places. */
export const GAS_MODEL = `maker: test
model: corrector
medium: gas
protocol: modbus
hardwareTested: false
source: made for tests
blocks: { current: the counters }
readings:
  - quantity: volume.base.total
    unit: m3
    kind: counter
    modbus: { table: holding, block: current, offset: 0, type: u32 }
tests:
  - name: one
    source: made by hand
    blocks: { current: 0 }
    registers: { "holding:0x0": "0000 0001" }
    now: "2026-07-01T04:00:00Z"
    expect:
      - { quantity: volume.base.total, value: "1", unit: m3 }
`;

/** A sound device file over M-Bus. */
export const POWER_MODEL = `maker: test
model: meter
medium: electricity
protocol: mbus
hardwareTested: false
source: made for tests
readings:
  - quantity: energy.active.import
    unit: kWh
    kind: counter
    mbus: { value: energy }
tests:
  - name: one
    source: made by hand
    telegram: "68 00"
    now: "2026-07-01T04:00:00Z"
    expect:
      - { quantity: energy.active.import, value: "1", unit: kWh }
`;

/** A sound site file; tests change a word of it and look at what is said. */
export const SITE = `site: park
lines:
  - id: gas-line
    kind: tcp
    host: 192.0.2.1
    port: 502
    framing: modbus-tcp
  - id: power-line
    kind: tcp
    host: 192.0.2.2
    port: 10001
    framing: mbus
devices:
  - id: corrector
    model: test/corrector
    line: gas-line
    address: 1
    blocks: { current: 100 }
  - id: meter
    model: test/meter
    line: power-line
    address: 5
    serial: "00123"
    multiplier:
      - { from: "2026-01-01T00:00:00+01:00", value: "40" }
      - { from: "2026-03-01T00:00:00+01:00", value: "80" }
points:
  - code: 27ZG500Z00000019
    commodity: gas
    metering: A
    device: corrector
    capacity: "400"
  - code: "859182400500000017"
    commodity: electricity
    metering: B
    device: meter
    channels: [import]
    capacity: "250.5"
market:
  gas:
    sender: { id: 27ZG500Z0000000B, codingScheme: "15" }
    receiver: { id: 27XGOTE-CZ-GAS-R, codingScheme: "15" }
    pack: gas-day
  electricity:
    sender: { id: "8591824050002", codingScheme: "14" }
    receiver: { id: "8591824000007", codingScheme: "14" }
    pack: electricity-day
combustionHeat:
  - { day: 2026-07-01, kWhPerM3: "10.6649" }
uplink:
  kind: direct
  environment: sandbox
  url: https://operator.example/services
  tls: { certificate: tls.crt, key: tls.key, trust: [ca.crt] }
  seal: { certificate: seal.crt, key: seal.key }
  operatorCertificates: [operator.crt]
`;

export const FILES: Readonly<Record<string, string>> = { 'test/corrector': GAS_MODEL, 'test/meter': POWER_MODEL };

/** The device files of a test, by name. */
export function libraryOf(files: Readonly<Record<string, string>> = FILES): ModelLibrary {
  return {
    names: Object.keys(files),
    read: (name) => (Object.hasOwn(files, name) ? { file: `${name}.yaml`, text: files[name]! } : undefined),
  };
}

/** Replaces words that must be there, so that a test cannot pass because nothing was changed. */
export function changed(text: string, ...changes: readonly (readonly [from: string, to: string])[]): string {
  return changes.reduce((result, [from, to]) => {
    if (!result.includes(from)) throw new Error(`the text has no "${from}"`);
    return result.replace(from, () => to);
  }, text);
}
