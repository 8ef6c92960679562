import { expect, test } from 'vitest';
import { inPark, type Park } from './park.testkit.ts';

/** When a driver may go on from what it knew of a meter's link: never after anything that it cannot have seen. */

const LINES = [[{ address: 1 }, { address: 2, serial: '7', told: { serial: '7' } }]];
const SETTINGS = {
  everyMs: 1_000,
  backoff: { firstMs: 1_000, factor: 1, mostMs: 1_000, jitter: 0 },
};

/** The sessions of the seconds that are played. */
async function sessionsOf(park: Park, ms: number): Promise<string[]> {
  const from = park.sessions.length;
  await park.clock.sleep(ms);
  return park.sessions.slice(from);
}

function onLine(story: (park: Park) => Promise<void>): Promise<void> {
  return inPark({ lines: LINES, settings: SETTINGS, informsOnly: true }, async (park) => {
    await park.clock.sleep(500);
    expect(park.sessions).toEqual(['m1 anew', 'm2 anew']);
    await story(park);
  });
}

test('as long as the dialogues are good', () =>
  onLine(async (park) => {
    expect(await sessionsOf(park, 2_000)).toEqual(['m1 unbroken', 'm2 unbroken', 'm1 unbroken', 'm2 unbroken']);
  }));

test('not after the line was opened again', () =>
  onLine(async (park) => {
    park.lines[0]?.hangUp();
    expect((await sessionsOf(park, 3_000)).filter((session) => session.endsWith('unbroken'))).not.toEqual([]);
    const seen = park.sessions.slice(2);
    // Whoever met the loss, and the other meter, of which nothing was heard since either.
    for (const meter of ['m1', 'm2']) {
      const own = seen.filter((session) => session.startsWith(meter));
      expect(own.indexOf(`${meter} unbroken`)).toBeGreaterThan(own.indexOf(`${meter} anew`));
      expect(own).toContain(`${meter} anew`);
    }
  }));

test('not after a person had the line', () =>
  onLine(async (park) => {
    await park.collector.ask('bus-0', async () => undefined);
    expect(await sessionsOf(park, 2_000)).toEqual(['m1 anew', 'm2 anew', 'm1 unbroken', 'm2 unbroken']);
  }));

test('not after a time-out, and not for its neighbours either, since the line is opened anew', () =>
  onLine(async (park) => {
    park.dead.add(1);
    await park.clock.sleep(1_500);
    park.dead.delete(1);
    const seen = await sessionsOf(park, 20_000);
    expect(seen.find((session) => session.startsWith('m1'))).toBe('m1 anew');
    expect(seen.filter((session) => session.startsWith('m1')).slice(1)).not.toContain('m1 anew');
  }));

test('not after another meter had answered in its place', async () => {
  const told = { serial: '7' };
  await inPark(
    { lines: [[{ address: 2, serial: '7', told }]], settings: SETTINGS, informsOnly: true },
    async (park) => {
      await park.clock.sleep(1_500);
      told.serial = '8';
      await park.clock.sleep(1_000);
      told.serial = '7';
      const from = park.sessions.length;
      await park.clock.sleep(40_000);
      expect(park.rounds.length).toBeGreaterThan(2);
      expect(park.sessions.slice(from)[0]).toBe('m2 anew');
      expect(park.sessions.at(-1)).toBe('m2 unbroken');
    },
  );
});
