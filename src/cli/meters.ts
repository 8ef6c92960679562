import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { startMeterPark } from '../app/meter-park.ts';
import { OdecetError } from '../core/failure.ts';
import { untilSignal } from './signal.ts';

/** `odecet meters --park park.json`: simulated meters on loopback sockets, for the demo and for rehearsal. */
export function metersCommand(): Command {
  return new Command('meters')
    .description('run simulated meters on loopback sockets, for rehearsal')
    .requiredOption('--park <file>', 'what stands where, as the demo writes it (JSON)')
    .action(async ({ park }: { park: string }) => {
      const running = await startMeterPark(await readPark(park));
      process.stdout.write(`${JSON.stringify({ event: 'meters-ready' })}\n`);
      await untilSignal();
      await running.close();
    });
}

async function readPark(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new OdecetError('usage', `--park ${path}: ${String(cause)}; give the park.json that scripts/demo wrote`, {
      cause,
    });
  }
}
