export type * from './api.ts';
export type { Outbox, QueuedMessage } from './outbox.ts';
