import assert from 'node:assert/strict';
import { fstatSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { LogEntry } from '../pktgen/log-entry.ts';
import { leadsToJournal, logLine, type ServiceLine, ServiceLog } from './service-log.ts';

const ENTRY: LogEntry = {
  ...{ level: 'info', event: 'transmitter', message: 'pg0: transmitter ring' },
  ...{ thread: 'kpktgend_0', device: 'pg0' },
};
const LINE: ServiceLine = { entry: ENTRY, text: `pktgen: ${ENTRY.message}` };
const TIME = Date.UTC(2026, 0, 2, 3, 4, 5, 67);

describe('lines of the log', () => {
  test('as text, as the kernel has them', () => {
    assert.equal(logLine(LINE, 'text', TIME), 'pktgen: pg0: transmitter ring');
    assert.equal(logLine({ ...LINE, netns: 'blue' }, 'text', TIME), 'blue: pktgen: pg0: transmitter ring');
  });

  test('as JSON, an object a line', () => {
    const json = logLine({ ...LINE, netns: 'blue' }, 'json', TIME);
    assert.deepEqual(JSON.parse(json), { time: '2026-01-02T03:04:05.067Z', netns: 'blue', ...ENTRY });
  });

  test('as JSON, what there is nothing of is left out', () => {
    const entry: LogEntry = { level: 'error', event: 'service', message: 'two\nlines' };
    const json = logLine({ entry, text: entry.message }, 'json', TIME);
    assert.deepEqual(Object.keys(JSON.parse(json)), ['time', 'level', 'event', 'message']);
    assert.doesNotMatch(json, /\n/);
  });
});

describe('the journal', () => {
  const written = (toJournal: boolean): string => {
    let all = '';
    const log = new ServiceLog('text', (line) => (all += line), toJournal);
    log.say('WARNING: first\nsecond');
    log.say('ERROR: third', 'red');
    log.take('pktgen: fourth', ENTRY);
    return all;
  };
  test('is told the severity of each line', () => {
    assert.equal(written(true), '<4>WARNING: first\n<4>second\n<3>red: ERROR: third\n<6>pktgen: fourth\n');
  });
  test('and others are not', () => {
    assert.equal(written(false), 'WARNING: first\nsecond\nred: ERROR: third\npktgen: fourth\n');
  });
  test('is known by the stream that it names', () => {
    const { dev, ino } = fstatSync(0);
    assert.equal(leadsToJournal(0, `${dev}:${ino}`), true);
    assert.equal(leadsToJournal(0, `${dev}:${ino + 1}`), false);
    assert.equal(leadsToJournal(0, undefined), false);
    assert.equal(leadsToJournal(-1, '8:1'), false);
  });
});
