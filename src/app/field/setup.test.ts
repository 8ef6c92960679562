import { expect, test } from 'vitest';
import { createBus } from '../../collect/bus.ts';
import type { LineSetting } from '../../core/driver.ts';
import { checkSite } from '../../device/parse.ts';
import { changed, libraryOf, SITE } from '../../device/site.testkit.ts';
import { simClock } from '../../sim/clock.ts';
import { type SimMeter, simLine } from '../../sim/line.ts';
import { createWorld } from '../../sim/world.ts';
import type { LoadedSite } from '../site-files.ts';
import { planSetup, type Setup, setUp } from './setup.ts';
import { hexOf, tappedLine } from './tap.ts';

const SERIAL = `kind: serial
    path: /dev/serial/by-id/usb-mbus
    setting: { baud: 2400, dataBits: 8, parity: even, stopBits: 1 }`;

function siteWith(...changes: [string, string][]): LoadedSite {
  const checked = checkSite(changed(SITE, ...changes), 'site.yaml', libraryOf());
  if (!checked.ok) throw new Error(checked.problems.map(({ found }) => found).join());
  return { ...checked.value, file: 'site.yaml', folder: '/', hash: '', packs: new Map(), warnings: [] };
}
const onSerial = siteWith(['kind: tcp\n    host: 192.0.2.2\n    port: 10001', SERIAL]);

/** What passes between the command and a meter that acknowledges so many requests. */
async function done(setup: Setup, acknowledges = 9): Promise<string[]> {
  const world = createWorld(8);
  const passed: string[] = [];
  let left = acknowledges;
  const meter: SimMeter = () => (left-- > 0 ? [{ reply: Uint8Array.of(0xe5), afterMs: 20 }] : []);
  const wire = simLine(world, { meters: [meter], random: world.random });
  const tapped = tappedLine(wire, (way, bytes) => passed.push(`${way} ${hexOf(bytes)}`));
  const set: typeof tapped.set = async (setting: LineSetting, signal) => {
    passed.push(`line ${setting.baud}`);
    await tapped.set(setting, signal);
  };
  const line = {
    ...tapped,
    set,
    get isOpen() {
      return tapped.isOpen;
    },
  };
  const plan = planSetup(onSerial, 'meter', setup);
  const clock = simClock(world, 0);
  const signal = new AbortController().signal;
  const traits = plan.line.kind === 'serial' ? { setting: plan.line.setting } : {};
  const bus = createBus(line, clock, traits, { opens: 0, bytesSent: 0, bytesReceived: 0 });
  await world.run(async () => {
    await bus.open();
    await setUp(plan, bus, clock, signal).catch((error: Error) => passed.push(error.message));
  });
  return passed;
}

test('each change is what the standard says, and waits for its acknowledgement', async () => {
  const reset = ['sent 1040054516', 'received e5'];
  expect(await done({ kind: 'link-reset' })).toEqual(reset);
  const application = await done({ kind: 'application-reset', subcode: 0x10 });
  expect(application).toEqual([...reset, expect.stringMatching(/^sent 68040468[57]3055010..16$/), 'received e5']);
  const baud = await done({ kind: 'baud', baud: 9600 });
  expect(baud).toEqual([
    ...reset,
    expect.stringMatching(/^sent 68030368[57]305bd..16$/),
    'received e5',
    'line 9600',
    ...reset,
  ]);
});

test('a meter that does not answer is told, and the line is set back', async () => {
  expect(await done({ kind: 'application-reset' }, 0)).toEqual([
    'sent 1040054516',
    expect.stringContaining('did not answer'),
  ]);
  const baud = await done({ kind: 'baud', baud: 9600 }, 2);
  expect(baud.slice(-4)).toEqual(['line 9600', 'sent 1040054516', 'line 2400', expect.stringContaining('9600 baud')]);
});

test('what is changed and the way back are told', () => {
  const { what, wayBack } = planSetup(onSerial, 'meter', { kind: 'baud', baud: 9600 });
  expect(what).toBe('the meter speaks at 9600 baud from then on, instead of 2400');
  expect(wayBack).toContain('`setting: { baud: 9600, dataBits: 8, parity: even, stopBits: 1 }`');
  expect(wayBack).toContain('odecet setup baud meter 2400');
  expect(planSetup(onSerial, 'meter', { kind: 'link-reset' }).wayBack).not.toContain('every reading');
});

test.each<[string, string, Setup, LoadedSite]>([
  ['a Modbus meter', 'corrector', { kind: 'link-reset' }, onSerial],
  ['no such device', 'metre', { kind: 'link-reset' }, onSerial],
  ['the speed that it has', 'meter', { kind: 'baud', baud: 2400 }, onSerial],
  ['no speed of M-Bus', 'meter', { kind: 'baud', baud: 115200 }, onSerial],
  ['not a number', 'meter', { kind: 'baud', baud: Number.NaN }, onSerial],
  ['a converter', 'meter', { kind: 'baud', baud: 9600 }, siteWith()],
])('%s is refused before the line is touched', (_, id, setup, site) => {
  expect(() => planSetup(site, id, setup)).toThrow(
    expect.objectContaining({ failure: expect.objectContaining({ code: 'usage' }) }),
  );
});
