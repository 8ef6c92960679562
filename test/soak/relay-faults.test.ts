import { relayFaults } from '../kit/relay-faults.ts';

/** Ten thousand messages: 1,250 through each of eight faults. */
relayFaults({ sites: 50, days: 25, withinMs: 600_000 });
