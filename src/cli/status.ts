import { Command } from 'commander';
import { askGateway } from '../app/control.ts';
import type { StorageStatus } from '../app/maintenance.ts';
import { loadSite } from '../app/site-files.ts';
import { stateFolder } from '../app/state.ts';
import { type GatewayStatus, STATUS_FILE } from '../app/status.ts';
import { OdecetError } from '../core/failure.ts';
import type { Say } from '../core/say.ts';
import { isoUtc } from '../core/time.ts';
import { hostFolder } from '../host/folder.ts';
import { type SpokenOptions, sayFor } from './say.ts';
import { answerText, type BrokerOptions, isBrokerOptions, showSites } from './site-table.ts';
import { printTable } from './table.ts';
import { languageOption } from './words.ts';

const MB = 1_000_000;

type StatusOptions = SpokenOptions & { readonly config?: string; readonly json?: true } & Partial<BrokerOptions>;

/** `odecet status --config site.yaml`: what the gateway last said of itself; with `--broker URL` a live table of all sites. */
export function statusCommand(): Command {
  return new Command('status')
    .description('what a gateway last said of its lines, devices and messages, or a live table of all sites')
    .option('--config <site.yaml>', 'one site, on its own machine')
    .option('--broker <url>', 'all sites, over MQTT')
    .option('--user <name>', 'user name for the broker (default: staff)')
    .option('--password-file <file>', 'holds the password for the broker')
    .option('--trust <file>', "authority of the broker's certificate")
    .option('--once', 'print the table once')
    .option('--json', 'print JSON')
    .addOption(languageOption())
    .action(async (options: StatusOptions) => {
      const { config, json } = options;
      const say = sayFor(options);
      if (isBrokerOptions(options)) return showSites(options, say);
      if (config === undefined) throw new OdecetError('usage', 'name a site with --config or a broker with --broker');
      const folder = stateFolder(loadSite(config));
      const status = await statusOf(folder);
      if (json) {
        process.stdout.write(`${JSON.stringify(status, null, 1)}\n`);
        return;
      }
      process.stdout.write(
        `${say`${status.site} at ${status.at}: ${status.waiting.length} messages wait, ${status.roundsWaiting} rounds not yet kept`}\n`,
      );
      process.stdout.write(`${storageText(status.storage, say)}\n`);
      const answer = status.lastAnswer ? answerText(status.lastAnswer, say) : say`none yet`;
      process.stdout.write(`${say`last answer: ${answer}`}\n`);
      printTable(
        status.lines.map((line) => lineRow(line, say)),
        say,
      );
      printTable(
        status.devices.map((device) => deviceRow(device, say)),
        say,
      );
    });
}

function deviceRow(told: GatewayStatus['devices'][number], say: Say) {
  const { device, line, serial, lastGoodAt, failuresInRow, clockOffsetMs, lastFailure, lastUnusable } = told;
  return {
    device: device,
    line: line,
    serial: serial ?? '',
    'last good': lastGoodAt === undefined ? say`never` : isoUtc(lastGoodAt),
    failures: failuresInRow,
    'clock off (s)': clockOffsetMs === undefined ? '' : Math.round(clockOffsetMs / 1000),
    'last failure': lastFailure ? `${lastFailure.code}: ${lastFailure.detail}` : '',
    'last unusable': lastUnusable ? `${isoUtc(lastUnusable.at)} ${lastUnusable.code}: ${lastUnusable.detail}` : '',
  };
}

/** How full the store is, and what the flash is asked to bear. */
export function storageText(storage: StorageStatus, say: Say): string {
  const { bytes, maxBytes, percent, writtenToday, writtenYesterday, damaged, lastRepair } = storage;
  const mb = (count: number) => `${(count / MB).toFixed(1)} MB`;
  return [
    say`storage: ${mb(bytes)} of ${mb(maxBytes)}, ${percent} %`,
    writtenYesterday === undefined
      ? say`written today ${mb(writtenToday)}`
      : say`written today ${mb(writtenToday)}, yesterday ${mb(writtenYesterday)}`,
    ...(damaged > 0 ? [say`${damaged} damaged records since the start`] : []),
    ...(lastRepair === undefined ? [] : [say`repaired at the start, see ${lastRepair}`]),
  ].join('; ');
}

/** From the gateway that runs, else what the last one wrote. */
async function statusOf(folder: string): Promise<GatewayStatus> {
  const answered = await askGateway(folder, { do: 'status' });
  if (answered) return answered.done as GatewayStatus;
  const text = await hostFolder(folder).readText(STATUS_FILE);
  if (text === undefined) throw new OdecetError('store-missing', `${folder}: no gateway has run here yet`);
  return JSON.parse(text) as GatewayStatus;
}

function lineRow(line: GatewayStatus['lines'][number], say: Say): Record<string, string | number> {
  const { isOpen, opens, dialogues, busyMs, runningMs, bytesSent, bytesReceived, strayBytes, errors } = line;
  return {
    line: line.line,
    state: isOpen ? say`open` : say`away`,
    opened: opens,
    dialogues: dialogues,
    'busy (%)': runningMs > 0 ? Math.round((100 * busyMs) / runningMs) : 0,
    'bytes out': bytesSent,
    'bytes in': bytesReceived,
    stray: strayBytes,
    errors: Object.entries(errors)
      .map(([code, count]) => `${code} ${count}`)
      .join(', '),
  };
}
