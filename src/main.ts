#!/usr/bin/env node
import { runCommand } from './cli/program.ts';

// A reader that has seen enough (`odecet ledger ... | head`) is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

await runCommand(process.argv);
