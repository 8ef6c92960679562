import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';

/** Every alert that ships, by Prometheus' own tool: it comes when it should, and does not when all is well. */
const FOLDER = fileURLToPath(new URL('../monitoring/prometheus/', import.meta.url));
const RULE_FILES = readdirSync(FOLDER).map((name) => join(FOLDER, name));
const hasPromtool = spawnSync('promtool', ['--version']).error === undefined;
const DAY_S = 86_400;

/** Series in promtool's notation: `a+bxn` begins at a and grows by b each minute. Time begins at 0. */
interface Case {
  readonly fires: Readonly<Record<string, string>>;
  readonly quiet: Readonly<Record<string, string>>;
}

const GATEWAY = 'job="odecet-gateway",instance="g",site="s"';
const RELAY = 'job="odecet-relay",instance="r"';
const LINE = `${GATEWAY},line="l"`;
const DEVICE = `${LINE},device="d"`;
const [WELL, FIRST] = ['0x180', '0x100 1x79'];

const cases: Readonly<Record<string, Case>> = {
  OdecetGatewayAway: { fires: { [`up{${GATEWAY}}`]: '0x180' }, quiet: { [`up{${GATEWAY}}`]: '1x180' } },
  OdecetSiteLate: values(`odecet_oldest_unaccepted_timestamp_seconds{${GATEWAY}}`, '-200000x180', '0x180'),
  OdecetMessageRejected: values(`odecet_uplink_outcomes_total{${GATEWAY},outcome="rejected"}`, FIRST, '5x180'),
  OdecetAnswerNotUnderstood: values(`odecet_uplink_outcomes_total{${GATEWAY},outcome="unknown"}`, FIRST, '5x180'),
  OdecetRelaySilent: values(`odecet_message_unanswered_tries{${GATEWAY}}`, '6x180', '5x180'),
  OdecetReceiptNotBelieved: values(`odecet_receipts_unbelieved{${GATEWAY}}`, '1x180', WELL),
  OdecetDeviceSilent: values(`odecet_device_last_good_timestamp_seconds{${DEVICE}}`, '-9000x180', '0+60x180'),
  OdecetDeviceNeverRead: {
    fires: { [`odecet_device_failures_in_row{${DEVICE}}`]: '3x180' },
    quiet: {
      [`odecet_device_failures_in_row{${DEVICE}}`]: '3x180',
      [`odecet_device_last_good_timestamp_seconds{${DEVICE}}`]: '0x180',
    },
  },
  OdecetLineFailing: {
    fires: {
      [`odecet_line_errors_total{${LINE},code="no-answer"}`]: '0+3x180',
      [`odecet_line_dialogues_total{${LINE}}`]: '0+10x180',
    },
    quiet: {
      [`odecet_line_errors_total{${LINE},code="no-answer"}`]: '0+1x180',
      [`odecet_line_dialogues_total{${LINE}}`]: '0+10x180',
    },
  },
  OdecetLineFull: values(`odecet_line_busy_seconds_total{${LINE}}`, '0+58x180', '0+30x180'),
  OdecetIntervalsMissing: values(`odecet_intervals{${GATEWAY},quality="missing"}`, '2x180', WELL),
  OdecetMeterClockOff: values(`odecet_device_clock_offset_seconds{${DEVICE}}`, '-90x180', '-30x180'),
  OdecetGatewayClockOff: values(`odecet_clock_offset_seconds{${GATEWAY}}`, '-12x180', '1x180'),
  OdecetStoreFilling: values(`odecet_store_used_ratio{${GATEWAY}}`, '0.9x180', '0.5x180'),
  OdecetStoreDamaged: values(`odecet_store_damaged_records_total{${GATEWAY}}`, FIRST, '3x180'),
  OdecetGatewayMemory: values(`odecet_process_resident_memory_bytes{${GATEWAY}}`, '150000000x180', '80000000x180'),
  OdecetGatewayCertificateEnds: certificate(GATEWAY),
  OdecetRelayAway: { fires: { [`up{${RELAY}}`]: '0x180' }, quiet: { [`up{${RELAY}}`]: '1x180' } },
  OdecetRelayPartFailing: values(`odecet_relay_failing{${RELAY},part="store"}`, '1x180', WELL),
  OdecetRelayOffline: values(`odecet_relay_online{${RELAY}}`, '0x180', '1x180'),
  OdecetRelayCountsMissing: {
    fires: { [`odecet_relay_online{${RELAY}}`]: '1x180' },
    quiet: { [`odecet_relay_online{${RELAY}}`]: '1x180', [`odecet_relay_messages{${RELAY},stage="stored"}`]: '0x180' },
  },
  OdecetNothingGoesOut: {
    fires: {
      [`odecet_relay_messages{${RELAY},stage="stored"}`]: '3x180',
      [`odecet_relay_receipts_total{${RELAY},stage="accepted"}`]: '0x180',
    },
    quiet: {
      [`odecet_relay_messages{${RELAY},stage="stored"}`]: '3x180',
      [`odecet_relay_receipts_total{${RELAY},stage="accepted"}`]: '0+1x180',
    },
  },
  OdecetSenderUnanswered: values(
    `odecet_relay_oldest_unanswered_timestamp_seconds{${RELAY},sender="a"}`,
    '-14000x180',
    '0+60x180',
  ),
  OdecetAnswerUnknown: values(`odecet_relay_messages{${RELAY},stage="unknown"}`, '1x180', WELL),
  OdecetEnvelopeNotBelieved: values(
    `odecet_relay_refused_total{${RELAY},reason="bad-signature"}`,
    '0x150 1x29',
    '5x180',
  ),
  OdecetStandingAlert: values(`odecet_relay_alerts{${RELAY},code="site-silent"}`, '1x180', WELL),
  OdecetAnswersSlow: {
    fires: answers('0x180'),
    quiet: answers('0+1x180'),
  },
  OdecetRelayCertificateEnds: certificate(RELAY),
};

function values(series: string, fires: string, quiet: string): Case {
  return { fires: { [series]: fires }, quiet: { [series]: quiet } };
}

function certificate(labels: string): Case {
  const series = `odecet_certificate_expiry_timestamp_seconds{${labels},certificate="seal"}`;
  return values(series, `${20 * DAY_S}x180`, `${60 * DAY_S}x180`);
}

function answers(inTime: string): Record<string, string> {
  const bucket = (le: string) => `odecet_relay_answer_seconds_bucket{${RELAY},le="${le}"}`;
  return { [bucket('1800')]: inTime, [bucket('7200')]: '0+1x180', [bucket('+Inf')]: '0+1x180' };
}

const names = RULE_FILES.flatMap((file) => {
  const { groups } = parse(readFileSync(file, 'utf8')) as { groups: { rules: { alert: string }[] }[] };
  return groups.flatMap(({ rules }) => rules.map(({ alert }) => alert));
});

test('every alert that ships is tried', () => {
  expect(Object.keys(cases).sort()).toEqual([...names].sort());
});

describe.skipIf(!hasPromtool)('by promtool (skipped where the Debian package prometheus is not installed)', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'odecet-rules-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each(Object.entries(cases))('%s', (alert, { fires, quiet }) => {
    const trial = (series: Case['fires'], times: number) => ({
      interval: '1m',
      input_series: Object.entries(series).map(([name, values_]) => ({ series: name, values: values_ })),
      promql_expr_test: [
        {
          expr: `count(ALERTS{alertname="${alert}",alertstate="firing"})`,
          eval_time: '3h',
          exp_samples: times > 0 ? [{ labels: '{}', value: times }] : [],
        },
      ],
    });
    const file = join(folder, `${alert}.yaml`);
    const tests = [trial(fires, 1), trial(quiet, 0)];
    writeFileSync(file, stringify({ rule_files: RULE_FILES, evaluation_interval: '1m', tests }));
    const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', file], { encoding: 'utf8' });
    expect(status, stdout + stderr).toBe(0);
  });
});
