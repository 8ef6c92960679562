/**
 * The catalogue of everything that can go wrong, each with what to do next.
 * `docs/failures.md` lists the same codes for people; a test keeps the two alike.
 *
 * next: `retry`   the program tries again by itself
 *       `give-up` this attempt or record is refused; nothing is lost, the next one may be good
 *       `person`  somebody must act; the message says what to do
 * exit: the process's exit status where the failure stops it; one status for each cause, so that systemd can tell.
 */
export const FAILURES = {
  // line
  'line-unreachable': { next: 'retry', what: 'the line could not be opened' },
  'line-lost': { next: 'retry', what: 'the connection or adapter went away' },
  'line-in-use': { next: 'retry', what: 'another program uses the line', exit: 24 },
  // dialogue
  'no-answer': { next: 'retry', what: 'nothing came within the time allowed' },
  'frame-start': { next: 'retry', what: 'the bytes do not begin like a frame of this protocol' },
  'frame-truncated': { next: 'retry', what: 'the frame ended early' },
  'frame-length': { next: 'retry', what: 'the frame contradicts its own length' },
  'frame-checksum': { next: 'retry', what: 'the checksum does not fit the bytes' },
  'frame-trailing': { next: 'retry', what: 'bytes followed where the answer should have ended' },
  'wrong-address': { next: 'retry', what: 'another device answered' },
  'wrong-function': { next: 'retry', what: 'the answer is to another kind of request' },
  'foreign-answer': { next: 'retry', what: 'the answer belongs to an earlier request' },
  'echo-wrong': { next: 'retry', what: 'what was sent did not come back as it was sent' },
  'device-exception': { next: 'retry', what: 'the device refused the request' },
  'dialogue-too-long': { next: 'retry', what: 'the device kept the line longer than it may' },
  'device-busy': { next: 'retry', what: 'the device said it is busy' },
  'frame-unsupported': {
    next: 'person',
    what: 'the frame uses something this driver does not decode; it is refused whole',
  },
  'telegram-encrypted': {
    next: 'person',
    what: 'the telegram is encrypted and the site file names no key for its meter',
  },
  'telegram-key-wrong': { next: 'person', what: "the telegram does not open with the key of its meter's keyFile" },
  'telegram-plain': {
    next: 'person',
    what: 'the telegram is not encrypted, though the site file names a key for its meter',
  },
  // values
  'value-missing': { next: 'person', what: 'the answer lacks a value that the device file names' },
  'value-invalid': { next: 'give-up', what: 'the meter marked the value as not valid or not available' },
  'value-ambiguous': { next: 'person', what: 'several values in the answer fit the device file' },
  'identity-missing': {
    next: 'person',
    what: 'the meter tells no number, though the site file names one to compare it with',
  },
  'identity-mismatch': { next: 'person', what: 'the meter at this address is not the one in the site file' },
  'clock-not-credible': { next: 'person', what: "the meter's time stamp cannot be right" },
  // profile
  'counter-reset': { next: 'person', what: 'the index went back and no rollover explains it' },
  'capacity-exceeded': { next: 'person', what: 'the consumption is beyond the connected capacity' },
  'day-incomplete': { next: 'person', what: 'a market day is over and intervals of it are missing' },
  'audit-broken': { next: 'person', what: 'the audit log was changed or damaged', exit: 23 },
  'heat-invalid': { next: 'person', what: 'what should be combustion heat is not', exit: 21 },
  'heat-unreachable': { next: 'retry', what: 'the source of combustion heat gave no answer' },
  'value-refused': { next: 'person', what: 'what a person wants to enter does not fit', exit: 22 },
  'heat-missing': { next: 'person', what: 'no combustion heat is given for the gas day' },
  // document
  'document-refused': { next: 'person', what: 'no market document can be made of these intervals' },
  // operator
  'operator-unreachable': { next: 'retry', what: "the operator's service could not be reached; nothing was sent" },
  'operator-no-answer': { next: 'retry', what: 'the message left but no answer came; its outcome is unknown' },
  'operator-fault': { next: 'retry', what: "the operator's service answered with a fault" },
  'operator-rejected': { next: 'person', what: 'the operator rejected the message' },
  'operator-answer-unknown': { next: 'person', what: "the operator's answer is not in the format pack's table" },
  'operator-answer-stays-unknown': {
    next: 'person',
    what: "the operator's answers to a message are not understood; it is no longer sent by itself",
  },
  'operator-signature': { next: 'person', what: "the answer's signature does not verify under a trusted certificate" },
  'pack-unverified': {
    next: 'person',
    what: 'the format pack is not verified against official schemas; automatic sending is held',
  },
  'day-held': {
    next: 'person',
    what: 'restored from a backup: whether the day was sent before is not known; it is not sent by itself',
  },
  'message-too-large': { next: 'person', what: 'the message is larger than can be signed safely' },
  // relay
  'broker-unreachable': { next: 'retry', what: 'the MQTT broker could not be reached, or the connection was lost' },
  'broker-refused': { next: 'person', what: 'the MQTT broker refused us' },
  'session-taken': { next: 'person', what: 'another client connected to the MQTT broker under our name' },
  'relay-silent': { next: 'retry', what: 'the relay gave no receipt in time; the message goes again' },
  'relay-refused': { next: 'person', what: 'the relay refused the message; nothing was sent' },
  'relay-receipt': { next: 'person', what: "a receipt is not signed by the relay's key" },
  'envelope-refused': { next: 'person', what: 'the relay refused an envelope' },
  'command-refused': { next: 'person', what: 'a site does nothing of a command', exit: 40 },
  'command-failed': { next: 'person', what: 'a site began a command and it did not succeed', exit: 41 },
  'command-unanswered': { next: 'person', what: 'a site gave no answer to a command while it was valid', exit: 42 },
  'command-unwatched': { next: 'person', what: 'the relay went away before the end of a command was known', exit: 43 },
  'relay-not-here': {
    next: 'person',
    what: 'no relay runs with this configuration on this machine; nothing was commanded',
    exit: 44,
  },
  'command-interrupted': { next: 'person', what: 'the gateway was stopped in the middle of a command' },
  'site-rolled-back': { next: 'person', what: 'the site did not report well with a site file; the one before counts' },
  'too-many-alerts': { next: 'person', what: 'more alerts stand than are shown' },
  'relay-clock': { next: 'person', what: 'the clock of a relay or its database is ahead of the time that passed' },
  'point-of-two-sites': { next: 'person', what: 'two sites speak for one metering point' },
  'site-silent': { next: 'person', what: 'a site that should have reported did not' },
  'already-queued': {
    next: 'give-up',
    what: 'an interval of the message is in another message that may have been taken',
  },
  // machine
  'store-full': { next: 'retry', what: 'the disk is full', exit: 34 },
  'store-large': { next: 'person', what: 'a store has become larger than it should' },
  'store-io': { next: 'retry', what: 'the disk refused to read or write', exit: 35 },
  'database-away': { next: 'retry', what: 'the database could not be reached, or refused to work', exit: 36 },
  'database-wrong': { next: 'person', what: 'the database is there, and not as the relay needs it', exit: 37 },
  'store-damaged': { next: 'person', what: 'a stored record does not fit its checksum', exit: 30 },
  'store-locked': { next: 'person', what: 'another process has the store open', exit: 31 },
  'store-missing': { next: 'person', what: 'the store should exist but does not', exit: 32 },
  'store-unreadable': { next: 'person', what: 'the store cannot be opened', exit: 33 },
  'store-foreign': { next: 'person', what: 'the store is of another program or gateway', exit: 38 },
  // start
  usage: { next: 'person', what: 'the command line is wrong', exit: 2 },
  'site-unreadable': { next: 'person', what: 'the site file cannot be read', exit: 10 },
  'site-invalid': { next: 'person', what: 'the site file is wrong', exit: 11 },
  'device-file-missing': { next: 'person', what: 'no device file of that name', exit: 12 },
  'device-file-invalid': { next: 'person', what: 'a device file is wrong', exit: 13 },
  'pack-invalid': { next: 'person', what: 'a format pack is wrong', exit: 14 },
  'certificate-unreadable': { next: 'person', what: 'a certificate cannot be read', exit: 15 },
  'certificate-invalid': { next: 'person', what: 'a certificate is not valid', exit: 16 },
  'key-unreadable': { next: 'person', what: 'a private key cannot be read', exit: 17 },
  'key-mismatch': { next: 'person', what: 'a private key does not belong to its certificate', exit: 18 },
  'password-wrong': { next: 'person', what: 'a password does not open its key', exit: 19 },
  'port-in-use': { next: 'person', what: 'another program listens on that port', exit: 20 },
  unexpected: { next: 'person', what: 'a fault in this program', exit: 70 },
} as const satisfies Record<string, FailureEntry>;

export interface FailureEntry {
  readonly next: 'retry' | 'give-up' | 'person';
  readonly what: string;
  readonly exit?: number;
}

export type FailureCode = keyof typeof FAILURES;

/** A named failure as it happened: `detail` says where, what was found, what was expected and what to do. */
export interface Failure {
  readonly code: FailureCode;
  readonly detail: string;
}

export function failure(code: FailureCode, detail: string): Failure {
  return { code, detail };
}

/** Thrown where a failure cannot be a return value: at start, and from the machine. */
export class OdecetError extends Error {
  readonly failure: Failure;
  constructor(code: FailureCode, detail: string, options?: ErrorOptions) {
    super(`${FAILURES[code].what}: ${detail}`, options);
    this.name = 'OdecetError';
    this.failure = { code, detail };
  }
}

/** The exit status of a process stopped by this failure; 1 where the catalogue names none. */
export function exitStatus(code: FailureCode): number {
  const entry: FailureEntry = FAILURES[code];
  return entry.exit ?? 1;
}
