import { Command, CommanderError } from 'commander';
import { programVersion } from '../app/project.ts';
import { exitStatus, FAILURES, OdecetError } from '../core/failure.ts';
import { LANGUAGES, type Language } from '../core/say.ts';
import { Stopped } from './signal.ts';
import { languageOf } from './words.ts';

/**
 * Only the command that is asked for is loaded, with what it needs: a gateway runs for years in little memory and wants nothing of
 * the sandbox, the simulation or the relay in it. Help needs all of them.
 */
const COMMANDS: Readonly<Record<string, () => Promise<() => Command>>> = {
  gateway: async () => (await import('./gateway.ts')).gatewayCommand,
  check: async () => (await import('./check.ts')).checkCommand,
  status: async () => (await import('./status.ts')).statusCommand,
  profile: async () => (await import('./profile.ts')).profileCommand,
  ledger: async () => (await import('./ledger.ts')).ledgerCommand,
  trace: async () => (await import('./trace.ts')).traceCommand,
  substitute: async () => (await import('./substitute.ts')).substituteCommand,
  audit: async () => (await import('./audit.ts')).auditCommand,
  heat: async () => (await import('./heat.ts')).heatCommand,
  export: async () => (await import('./export.ts')).exportCommand,
  verify: async () => (await import('./verify.ts')).verifyCommand,
  backup: async () => (await import('./backup.ts')).backupCommand,
  release: async () => (await import('./release.ts')).releaseCommand,
  restore: async () => (await import('./restore.ts')).restoreCommand,
  sandbox: async () => (await import('./sandbox.ts')).sandboxCommand,
  meters: async () => (await import('./meters.ts')).metersCommand,
  sim: async () => (await import('./sim.ts')).simCommand,
  decode: async () => (await import('./decode.ts')).decodeCommand,
  read: async () => (await import('./read.ts')).readCommand,
  scan: async () => (await import('./scan.ts')).scanCommand,
  listen: async () => (await import('./listen.ts')).listenCommand,
  replay: async () => (await import('./replay.ts')).replayCommand,
  setup: async () => (await import('./setup.ts')).setupCommand,
  relay: async () => (await import('./relay.ts')).relayCommand,
  command: async () => (await import('./command.ts')).commandCommand,
  enroll: async () => (await import('./enroll.ts')).enrollCommand,
};

async function createProgram(asked: string | undefined, language: Language): Promise<Command> {
  const program = new Command('odecet')
    .description('Reads gas correctors and electricity meters and proves to the market operator what was used.')
    .version(programVersion())
    .showHelpAfterError('(odecet --help shows what there is)')
    .exitOverride();
  const czech = language === 'cs' ? await import('./in-czech.ts') : undefined;
  czech?.speakCzech(program);
  const isKnown = asked !== undefined && Object.hasOwn(COMMANDS, asked);
  for (const name of isKnown ? [asked] : Object.keys(COMMANDS))
    program.addCommand(settled((await COMMANDS[name]!())(), program));
  czech?.describeInCzech(program);
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
  const language = languageAsked(argv);
  try {
    await (await createProgram(argv[2], language)).parseAsync([...argv]);
  } catch (error) {
    process.exitCode = await explain(error, language);
  }
}

/** Also where the command did not get so far as to read its options. */
function languageAsked(argv: readonly string[]): Language {
  const after = argv.indexOf('--lang') + 1;
  const asked = LANGUAGES.find((language) => argv[after] === language || argv.includes(`--lang=${language}`));
  return asked ?? languageOf(process.env);
}

async function inCzech(detail: string): Promise<string> {
  return (await import('./in-czech.ts')).detailInCzech(detail);
}

async function explain(error: unknown, language: Language): Promise<number> {
  const what = language === 'cs' ? (await import('../core/failure-czech.ts')).FAILURES_CZECH : undefined;
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitStatus('usage');
  if (error instanceof OdecetError) {
    const { code, detail } = error.failure;
    process.stderr.write(`odecet: ${what ? `${what[code]}: ${await inCzech(detail)}` : error.message} [${code}]\n`);
    return exitStatus(code);
  }
  if (error instanceof Stopped) {
    process.stderr.write(`odecet: ${error.message}\n`);
    return error.status;
  }
  process.stderr.write(
    `odecet: ${what?.unexpected ?? FAILURES.unexpected.what}: ${error instanceof Error ? error.stack : String(error)}\n`,
  );
  return exitStatus('unexpected');
}
