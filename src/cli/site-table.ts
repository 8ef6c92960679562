import Table from 'cli-table3';
import pc from 'picocolors';
import { loadBroker } from '../app/broker.ts';
import type { LastAnswer } from '../app/last-answer.ts';
import { createSiteView, type SeenSite, type SiteView } from '../app/site-view.ts';
import { OdecetError } from '../core/failure.ts';
import type { Say } from '../core/say.ts';
import { isoUtc } from '../core/time.ts';
import { hostClock } from '../host/clock.ts';
import { stopSignal } from './signal.ts';

export interface BrokerOptions {
  readonly broker: string;
  readonly user?: string;
  readonly passwordFile?: string;
  readonly trust?: string;
  readonly json?: true;
  readonly once?: true;
}

const ALERTS_SHOWN = 5;
const DRAW_EVERY_MS = 1_000;
/** What the broker kept comes within this. */
const GATHER_MS = 1_500;

/** `odecet status --broker URL`: all sites, drawn anew every second; once with --once or where nobody looks. */
export async function showSites(options: BrokerOptions, say: Say): Promise<void> {
  const clock = hostClock();
  const signal = stopSignal();
  const view = createSiteView();
  const { broker: url, user = 'staff', passwordFile, trust } = options;
  const config = { url, mqtt: '3.1.1' as const, passwordFile, ...(trust && { tls: { trust: [trust] } }) };
  const { broker } = await loadBroker(config, user, '.');
  const session = await broker.connect(
    {
      clientId: `odecet-staff-${process.pid}-${Date.now()}`,
      clean: true,
      subscriptions: view.filters,
      onMessage: async (delivered) => view.told(delivered),
    },
    signal,
  );
  const isLive = process.stdout.isTTY && !options.once && !options.json;
  const over = session.ended.then((why) => {
    if (!signal.aborted) throw new OdecetError(why.code, why.detail);
  });
  over.catch(() => undefined);
  try {
    await clock.sleep(GATHER_MS, signal).catch(() => undefined);
    do {
      if (options.json) process.stdout.write(`${JSON.stringify(view.sites())}\n`);
      else process.stdout.write(`${isLive ? '\u001b[2J\u001b[H' : ''}${tableText(view, clock.now(), say)}\n`);
      if (isLive) await Promise.race([clock.sleep(DRAW_EVERY_MS, signal).catch(() => undefined), over]);
    } while (isLive && !signal.aborted);
  } finally {
    await session.close();
  }
}

function tableText(view: SiteView, now: number, say: Say): string {
  const sites = view.sites();
  const head = [
    say`site`,
    say`state`,
    say`said`,
    say`outbox`,
    say`oldest not accepted`,
    say`last answer`,
    say`devices ok`,
    say`gaps 24 h`,
    say`clock`,
    say`alerts`,
  ];
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const { site, state, status, alerts, moreAlerts } of sites) {
    const lastAnswer = status?.outbox?.lastAnswer;
    const gaps = status?.counts?.gaps ?? status?.points?.reduce((sum, point) => sum + point.gaps, 0);
    table.push([
      site,
      (state === 'ready' ? pc.green : pc.red)(say.whole(state === 'never' ? 'never heard' : state)),
      status?.at ?? '',
      String(status?.outbox?.depth ?? ''),
      oldestText(status?.outbox),
      lastAnswer ? answerText(lastAnswer, say) : '',
      devicesText(status),
      gaps === undefined ? '' : gaps === 0 ? '0' : pc.yellow(String(gaps)),
      clockText(status, say),
      alertsText(alerts, moreAlerts, say),
    ]);
  }
  return `${isoUtc(now)}  ${say`sites: ${sites.length}`}\n${table.toString()}`;
}

/** A site that says hundreds hides no other. */
function alertsText(alerts: SeenSite['alerts'], moreAlerts: number, say: Say): string {
  const shown = alerts.slice(0, ALERTS_SHOWN).map(({ id, code }) => pc.red(`${id} ${code}`));
  const more = alerts.length - shown.length + moreAlerts;
  return [...shown, ...(more > 0 ? [say`and ${more} more`] : [])].join('\n');
}

type Status = NonNullable<SeenSite['status']>;

function oldestText(outbox: Status['outbox']): string {
  const interval = outbox?.oldestInterval;
  return interval ? `${interval.start} ${interval.point}` : (outbox?.oldestDay ?? '');
}

/** A program of an earlier release names all and counts none. */
function devicesText(status: Status | undefined): string {
  const { counts, devices } = status ?? {};
  if (counts) return `${counts.devicesGood}/${counts.devices}`;
  return devices ? `${devices.filter(({ failuresInRow }) => failuresInRow === 0).length}/${devices.length}` : '';
}

function clockText(status: Status | undefined, say: Say): string {
  const offset = status?.clock && `${(status.clock.offsetMs / 1000).toFixed(1)} s`;
  const unsure = status?.box?.ntpSynchronised === false && pc.yellow(say`not synchronised`);
  return [offset, unsure].filter(Boolean).join('\n');
}

/** What the operator said last, in a few words. */
export function answerText(answer: Pick<LastAnswer, 'verdict' | 'day' | 'at' | 'reasons'>, say: Say): string {
  const { verdict, day, at, reasons } = answer;
  const judged = say.whole(verdict);
  const said = verdict === 'accepted' ? pc.green(judged) : pc.red(`${judged} ${reasons}`);
  return say`${said}, day ${day}, ${at}`;
}

export function isBrokerOptions(options: { broker?: string }): options is BrokerOptions {
  return options.broker !== undefined;
}
