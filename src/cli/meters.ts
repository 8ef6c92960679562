import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { startMeterPark } from '../app/meter-park.ts';
import { untilSignal } from './signal.ts';

/** `odecet meters --park park.json`: simulated meters on loopback sockets, for the demo and for rehearsal. */
export function metersCommand(): Command {
  return new Command('meters')
    .description('run simulated meters on loopback sockets, for rehearsal')
    .requiredOption('--park <file>', 'what stands where, as the demo writes it (JSON)')
    .action(async ({ park }: { park: string }) => {
      const running = await startMeterPark(JSON.parse(await readFile(park, 'utf8')));
      process.stdout.write(`${JSON.stringify({ event: 'meters-ready' })}\n`);
      await untilSignal();
      await running.close();
    });
}
