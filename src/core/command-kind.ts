/**
 * What a centre may ask of a site; a site does only what its site file allows.
 *
 * read       one live reading of a device, with its raw bytes
 * backfill   asks a meter's archive for a stretch of time, whether something is missing of it or not
 * resend     messages that have no answer go again, by the same id
 * pack       takes a format pack for messages made from a date on
 * site-file  takes a site file: checked, tried, and rolled back where the site does not report well
 * diagnose   how the site fares, without secrets
 */
export const COMMAND_KINDS = ['read', 'backfill', 'resend', 'pack', 'site-file', 'diagnose'] as const;
export type CommandKind = (typeof COMMAND_KINDS)[number];
