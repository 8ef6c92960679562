import { Command, CommanderError } from 'commander';
import { programVersion } from '../app/project.ts';
import { exitStatus, FAILURES, OdecetError } from '../core/failure.ts';
import { auditCommand } from './audit.ts';
import { backupCommand } from './backup.ts';
import { checkCommand } from './check.ts';
import { decodeCommand } from './decode.ts';
import { enrollCommand } from './enroll.ts';
import { exportCommand } from './export.ts';
import { gatewayCommand } from './gateway.ts';
import { heatCommand } from './heat.ts';
import { ledgerCommand } from './ledger.ts';
import { listenCommand } from './listen.ts';
import { metersCommand } from './meters.ts';
import { profileCommand } from './profile.ts';
import { readCommand } from './read.ts';
import { relayCommand } from './relay.ts';
import { restoreCommand } from './restore.ts';
import { sandboxCommand } from './sandbox.ts';
import { scanCommand } from './scan.ts';
import { simCommand } from './sim.ts';
import { statusCommand } from './status.ts';
import { substituteCommand } from './substitute.ts';
import { traceCommand } from './trace.ts';
import { verifyCommand } from './verify.ts';

const COMMANDS = [
  gatewayCommand,
  checkCommand,
  statusCommand,
  profileCommand,
  ledgerCommand,
  traceCommand,
  substituteCommand,
  auditCommand,
  heatCommand,
  exportCommand,
  verifyCommand,
  backupCommand,
  restoreCommand,
  sandboxCommand,
  metersCommand,
  simCommand,
  decodeCommand,
  readCommand,
  scanCommand,
  listenCommand,
  relayCommand,
  enrollCommand,
];

function createProgram(): Command {
  const program = new Command('odecet')
    .description('Reads gas correctors and electricity meters and proves to the market operator what was used.')
    .version(programVersion())
    .showHelpAfterError('(odecet --help shows what there is)')
    .exitOverride();
  for (const command of COMMANDS) program.addCommand(settled(command(), program));
  return program;
}

/** A command that ends as the program does, and those below it. */
function settled(command: Command, program: Command): Command {
  command.exitOverride().copyInheritedSettings(program);
  for (const below of command.commands) settled(below, program);
  return command;
}

/** Runs one command; whatever stops it is told in one line, with an exit status of its own (docs/failures.md). */
export async function runCommand(argv: readonly string[]): Promise<void> {
  try {
    await createProgram().parseAsync([...argv]);
  } catch (error) {
    process.exitCode = explain(error);
  }
}

function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitStatus('usage');
  if (error instanceof OdecetError) {
    process.stderr.write(`odecet: ${error.message} [${error.failure.code}]\n`);
    return exitStatus(error.failure.code);
  }
  process.stderr.write(
    `odecet: ${FAILURES.unexpected.what}: ${error instanceof Error ? error.stack : String(error)}\n`,
  );
  return exitStatus('unexpected');
}
