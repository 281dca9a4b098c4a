import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newDeviceState, STATE, writeU64 } from '../template/device-state.ts';
import { newDeviceConfig } from './params.ts';
import { resultText, runResult } from './result-text.ts';

/** A run as the state tells it. */
function run(values: { sofar: number; us: number; idleUs: number; size: number; errors?: number; txBytes?: number }) {
  const state = newDeviceState();
  writeU64(state, STATE.sofar, values.sofar);
  writeU64(state, STATE.errors, values.errors ?? 0);
  writeU64(state, STATE.txBytes, values.txBytes ?? 0);
  writeU64(state, STATE.startedAt, 5_000_000_000);
  writeU64(state, STATE.stoppedAt, 5_000_000_000 + values.us * 1000);
  writeU64(state, STATE.idle, values.idleUs * 1000);
  state[STATE.curPktSize] = values.size;
  state[STATE.builtFrags] = values.sofar > 0 ? 1 : 0;
  return state;
}
const config = newDeviceConfig({ count: 1000, delayNs: 0, cloneSkb: 0 }, false);

test('the figures are worked out as show_results does', () => {
  // Figures of a recorded run: 154 packets in 152283 us, of which 141384 us were waited.
  const text = resultText(runResult(config, run({ sofar: 154, us: 152_283, idleUs: 141_384, size: 58 })));
  assert.equal(text, 'OK: 152283(c10899+d141384) usec, 154 (58byte,0frags)\n  1011pps 0Mb/sec (469104bps) errors: 0');
});

test('a run that sent nothing has -1frags and no rate', () => {
  const text = resultText(runResult(config, run({ sofar: 0, us: 10, idleUs: 0, size: 58 })));
  assert.equal(text, 'OK: 10(c10+d0) usec, 0 (58byte,-1frags)\n  0pps 0Mb/sec (0bps) errors: 0');
});

test('idle time is never more than the run', () => {
  const result = runResult(config, run({ sofar: 20, us: 12_155, idleUs: 16_347, size: 58 }));
  assert.match(resultText(result), /^OK: 12155\(c0\+d12155\) usec/);
});

test('with imix the bit rate comes from the bytes that left', () => {
  const imix = { ...config, imix_weights: [{ size: 64, weight: 1 }] };
  const result = runResult(imix, run({ sofar: 1000, us: 1_000_000, idleUs: 0, size: 64, txBytes: 64_000 }));
  assert.equal(result.bps, 512_000);
});
