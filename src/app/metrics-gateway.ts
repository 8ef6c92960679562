import { Counter, Gauge, Registry } from 'prom-client';
import type { CollectorStatus } from '../collect/round.ts';
import { QUALITIES } from '../core/interval.ts';
import { MINUTE_MS, type Millis, parseUtc, SECOND_MS } from '../core/time.ts';
import type { Clock } from '../machine/clock.ts';
import type { WholeStatus } from '../uplink/relay/status.ts';
import type { Gateway } from './gateway.ts';
import type { StorageStatus } from './maintenance.ts';
import {
  type CertificateTime,
  certificateGauge,
  type MetricsPlace,
  type MetricsServer,
  serveRegistry,
} from './metrics-server.ts';
import { OUTCOMES } from './outcomes.ts';

/** The site's status reads a day of every point: scraped oftener, the last one is told again. */
const STATUS_EVERY_MS: Millis = MINUTE_MS;

export interface GatewayMetricsParts {
  readonly place: MetricsPlace;
  readonly site: string;
  readonly gateway: Pick<Gateway, 'status' | 'siteStatus' | 'outcomes'> & {
    readonly maintenance: { status(): Promise<StorageStatus> };
  };
  readonly certificates: readonly CertificateTime[];
  readonly clock: Clock;
}

/**
 * `/metrics` of a gateway for Prometheus. Node's own metrics are left out: their watches cost more memory than what they tell
 * is worth on a small box.
 */
export async function serveGatewayMetrics(parts: GatewayMetricsParts): Promise<MetricsServer> {
  const { place, site, gateway, certificates, clock } = parts;
  const registry = new Registry();
  registry.setDefaultLabels({ site });
  const registers = [registry];
  const tellLines = lineMetrics(registers);
  const tellDevices = deviceMetrics(registers);
  const tellSite = siteMetrics(registers);
  const tellStore = storeMetrics(registers);
  const tellDelivery = deliveryMetrics(registers);
  certificateGauge(registers, certificates);
  let status: WholeStatus | undefined;
  let statusAt = Number.NEGATIVE_INFINITY;

  return serveRegistry(place, registry, async () => {
    if (!status || clock.monotonicMs() - statusAt >= STATUS_EVERY_MS) {
      status = await gateway.siteStatus();
      statusAt = clock.monotonicMs();
    }
    const collected = gateway.status();
    tellLines(collected);
    tellDevices(collected);
    tellSite(status);
    tellStore(await gateway.maintenance.status());
    tellDelivery(status, gateway.outcomes());
  });
}

type Registers = Registry[];

function lineMetrics(registers: Registers): (status: CollectorStatus) => void {
  const labelNames = ['line'] as const;
  const gauge = { labelNames, registers };
  const open = new Gauge({ name: 'odecet_line_open', help: '1 while the line is open', ...gauge });
  const dialogues = new Counter({ name: 'odecet_line_dialogues_total', help: 'Dialogues on the line', ...gauge });
  const busy = new Counter({
    name: 'odecet_line_busy_seconds_total',
    help: 'Time in which a dialogue held the line; its rate is the busy share',
    ...gauge,
  });
  const sent = new Counter({ name: 'odecet_line_sent_bytes_total', help: 'Bytes sent on the line', ...gauge });
  const received = new Counter({ name: 'odecet_line_received_bytes_total', help: 'Bytes received', ...gauge });
  const stray = new Counter({
    name: 'odecet_line_stray_bytes_total',
    help: 'Bytes that nobody had asked for: late answers, noise',
    ...gauge,
  });
  const errors = new Counter({
    name: 'odecet_line_errors_total',
    help: 'Dialogues that failed, by failure code',
    labelNames: ['line', 'code'],
    registers,
  });
  return ({ lines }) => {
    for (const counter of [dialogues, busy, sent, received, stray, errors]) counter.reset();
    for (const { line, ...told } of lines) {
      open.set({ line }, told.isOpen ? 1 : 0);
      dialogues.inc({ line }, told.dialogues);
      busy.inc({ line }, told.busyMs / SECOND_MS);
      sent.inc({ line }, told.bytesSent);
      received.inc({ line }, told.bytesReceived);
      stray.inc({ line }, told.strayBytes);
      for (const [code, count] of Object.entries(told.errors)) errors.inc({ line, code }, count);
    }
  };
}

function deviceMetrics(registers: Registers): (status: CollectorStatus) => void {
  const labelNames = ['device', 'line'] as const;
  const own = { labelNames, registers };
  const reads = new Counter({ name: 'odecet_device_reads_total', help: 'Good readings of a device', ...own });
  const failures = new Counter({
    name: 'odecet_device_failures_total',
    help: 'Failed readings of a device, by failure code',
    labelNames: ['device', 'line', 'code'],
    registers,
  });
  const lastGood = new Gauge({
    name: 'odecet_device_last_good_timestamp_seconds',
    help: 'When the device was last read; absent before it ever was',
    ...own,
  });
  const inRow = new Gauge({
    name: 'odecet_device_failures_in_row',
    help: 'Failed readings since the last good one',
    ...own,
  });
  const offset = new Gauge({
    name: 'odecet_device_clock_offset_seconds',
    help: "The device's clock minus the gateway's; absent where the device tells no time",
    ...own,
  });
  return ({ devices }) => {
    for (const metric of [reads, failures, offset]) metric.reset();
    for (const { device, line, ...told } of devices) {
      reads.inc({ device, line }, told.reads);
      for (const [code, count] of Object.entries(told.failures)) failures.inc({ device, line, code }, count);
      if (told.lastGoodAt !== undefined) lastGood.set({ device, line }, told.lastGoodAt / SECOND_MS);
      inRow.set({ device, line }, told.failuresInRow);
      if (told.clockOffsetMs !== undefined) offset.set({ device, line }, told.clockOffsetMs / SECOND_MS);
    }
  };
}

function siteMetrics(registers: Registers): (status: WholeStatus) => void {
  const intervals = new Gauge({
    name: 'odecet_intervals',
    help: 'Intervals of the last 24 hours of all published channels, by quality',
    labelNames: ['quality'],
    registers,
  });
  const expected = new Gauge({
    name: 'odecet_intervals_expected',
    help: 'Intervals that the last 24 hours should have',
    registers,
  });
  const offset = new Gauge({
    name: 'odecet_clock_offset_seconds',
    help: "The gateway's clock minus the relay's; absent before it was measured",
    registers,
  });
  const ntp = new Gauge({
    name: 'odecet_clock_synchronised',
    help: "1 while the system's time service says so; absent where it says nothing",
    registers,
  });
  const memory = new Gauge({
    name: 'odecet_process_resident_memory_bytes',
    help: 'Resident memory of the program',
    registers,
  });
  const disk = new Gauge({ name: 'odecet_disk_free_bytes', help: "Free room on the store's disk", registers });
  const temperature = new Gauge({ name: 'odecet_temperature_celsius', help: 'Temperature of the machine', registers });
  return ({ points, clock, box }) => {
    for (const quality of QUALITIES) {
      const count = points.reduce((sum, { qualities }) => sum + (qualities[quality] ?? 0), 0);
      intervals.set({ quality }, count);
    }
    expected.set(points.reduce((sum, point) => sum + point.expected, 0));
    const told = [
      [offset, clock && clock.offsetMs / SECOND_MS],
      [ntp, box.ntpSynchronised === undefined ? undefined : Number(box.ntpSynchronised)],
      [memory, box.memoryBytes],
      [disk, box.diskFreeBytes],
      [temperature, box.temperatureC],
    ] as const;
    for (const [gauge, value] of told) setOrRemove(gauge, value);
  };
}

function storeMetrics(registers: Registers): (status: StorageStatus) => void {
  const bytes = new Gauge({ name: 'odecet_store_bytes', help: 'Size of the store', registers });
  const ratio = new Gauge({ name: 'odecet_store_used_ratio', help: 'Its share of the declared size', registers });
  const today = new Gauge({
    name: 'odecet_store_written_today_bytes',
    help: 'Records handed to the disk since midnight UTC',
    registers,
  });
  const yesterday = new Gauge({
    name: 'odecet_store_written_yesterday_bytes',
    help: 'Records handed to the disk in the whole day before; absent on the first day',
    registers,
  });
  const written = new Counter({
    name: 'odecet_process_written_bytes_total',
    help: 'What the system counts as written by the program',
    registers,
  });
  const damaged = new Counter({
    name: 'odecet_store_damaged_records_total',
    help: 'Records found damaged or gone since the start',
    registers,
  });
  return (storage) => {
    bytes.set(storage.bytes);
    ratio.set(storage.bytes / storage.maxBytes);
    today.set(storage.writtenToday);
    setOrRemove(yesterday, storage.writtenYesterday);
    for (const counter of [written, damaged]) counter.reset();
    written.inc({}, storage.writtenByProcess ?? 0);
    damaged.inc({}, storage.damaged);
  };
}

function deliveryMetrics(
  registers: Registers,
): (status: WholeStatus, outcomes: ReturnType<Gateway['outcomes']>) => void {
  const depth = new Gauge({ name: 'odecet_outbox_messages', help: 'Messages without a final answer', registers });
  const oldest = new Gauge({
    name: 'odecet_oldest_unaccepted_timestamp_seconds',
    help: 'Start of the oldest interval that is over and not accepted; absent when there is none',
    registers,
  });
  const outcomesTotal = new Counter({
    name: 'odecet_uplink_outcomes_total',
    help: 'How tries to deliver a message ended',
    labelNames: ['outcome'],
    registers,
  });
  const receipt = new Gauge({
    name: 'odecet_last_receipt_timestamp_seconds',
    help: "When a relay's receipt was last believed; absent before the first since the start, and where no relay is used",
    registers,
  });
  const unbelieved = new Gauge({
    name: 'odecet_receipts_unbelieved',
    help: 'Receipts that were not believed since the last good one; absent where no relay is used',
    registers,
  });
  const unanswered = new Gauge({
    name: 'odecet_message_unanswered_tries',
    help: 'Most publications of one message without any word of the relay; absent where no relay is used',
    registers,
  });
  return ({ outbox, relay }, outcomes) => {
    depth.set(outbox.depth);
    setOrRemove(receipt, relay?.lastReceiptAt === undefined ? undefined : parseUtc(relay.lastReceiptAt) / SECOND_MS);
    setOrRemove(unbelieved, relay?.unbelieved);
    setOrRemove(unanswered, relay?.unanswered);
    setOrRemove(oldest, outbox.oldestInterval && parseUtc(outbox.oldestInterval.start) / SECOND_MS);
    outcomesTotal.reset();
    // What appears with its first count has not grown, to Prometheus: the first rejection would be no alert.
    for (const outcome of OUTCOMES) outcomesTotal.inc({ outcome }, 0);
    for (const { outcome, count } of outcomes) outcomesTotal.inc({ outcome }, count);
  };
}

function setOrRemove(gauge: Gauge, value: number | undefined): void {
  if (value === undefined) gauge.remove();
  else gauge.set(value);
}
