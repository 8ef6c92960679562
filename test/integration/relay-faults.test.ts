import { relayFaults } from '../kit/relay-faults.ts';

/** Few messages through each fault; scripts/soak sends ten thousand. */
relayFaults({ sites: 8, days: 5, withinMs: 60_000 });
