import type { Command } from 'commander';
import { loadSite } from '../app/site-files.ts';
import { stateFolder } from '../app/state.ts';
import { type GatewayStatus, STATUS_FILE } from '../app/status.ts';
import { OdecetError } from '../core/failure.ts';
import { isoUtc } from '../core/time.ts';
import { hostFolder } from '../host/folder.ts';
import { printTable } from './table.ts';
import { viewCommand } from './views.ts';

/** `odecet status --config site.yaml`: what the gateway last said of its lines, devices and messages. */
export function statusCommand(): Command {
  return viewCommand('status', 'what the gateway last said of its lines, devices and messages').action(
    async ({ config, json }: { config: string; json?: true }) => {
      const folder = stateFolder(loadSite(config));
      const text = await hostFolder(folder).readText(STATUS_FILE);
      if (text === undefined) throw new OdecetError('store-missing', `${folder}: no gateway has run here yet`);
      if (json) {
        process.stdout.write(`${text}\n`);
        return;
      }
      const status = JSON.parse(text) as GatewayStatus;
      process.stdout.write(
        `${status.site} at ${status.at}: ${status.waiting.length} messages wait, ${status.roundsWaiting} rounds not yet kept\n`,
      );
      printTable(status.lines.map(lineRow));
      printTable(
        status.devices.map(({ device, line, lastGoodAt, failuresInRow, clockOffsetMs, lastFailure }) => ({
          device,
          line,
          'last good': lastGoodAt === undefined ? 'never' : isoUtc(lastGoodAt),
          failures: failuresInRow,
          'clock off (s)': clockOffsetMs === undefined ? '' : Math.round(clockOffsetMs / 1000),
          'last failure': lastFailure ? `${lastFailure.code}: ${lastFailure.detail}` : '',
        })),
      );
    },
  );
}

function lineRow(line: GatewayStatus['lines'][number]): Record<string, string | number> {
  const { isOpen, opens, dialogues, busyMs, runningMs, bytesSent, bytesReceived, strayBytes, errors } = line;
  return {
    line: line.line,
    state: isOpen ? 'open' : 'away',
    opened: opens,
    dialogues,
    'busy (%)': runningMs > 0 ? Math.round((100 * busyMs) / runningMs) : 0,
    'bytes out': bytesSent,
    'bytes in': bytesReceived,
    stray: strayBytes,
    errors: Object.entries(errors)
      .map(([code, count]) => `${code} ${count}`)
      .join(', '),
  };
}
