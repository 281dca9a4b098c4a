import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FlowAnalysis } from './flow-analysis.ts';
import { FLOW_KEY_LEN } from './flow-key.ts';
import { shareNumbers } from './shared-numbers.ts';

/** The record of a flow with these numbers. */
function recordOf(seqs: readonly number[]): BigUint64Array {
  const analysis = new FlowAnalysis(new Uint8Array(FLOW_KEY_LEN));
  for (const seq of seqs) analysis.take({ seq, sec: 0, nsec: 0, bytes: 60, atSec: 1, atNsec: 0 });
  return analysis.record();
}
const every = (step: number, from: number, packets: number): number[] =>
  Array.from({ length: packets }, (_, i) => from + i * step);

const ROWS: readonly (readonly [what: string, flows: readonly (readonly number[])[], shared: boolean])[] = [
  ['two flows of one sender', [every(2, 1, 3000), every(2, 2, 3000)], true],
  ['three flows of one sender', [every(3, 1, 900), every(3, 2, 900), every(3, 3, 900)], true],
  ['two senders', [every(1, 1, 3000), every(1, 1, 3000)], false],
  ['two senders that lose', [every(2, 1, 3000), every(3, 1, 3000)], false],
  ['senders at different times', [every(1, 1, 3000), every(1, 100_000, 3000)], false],
  ['too few to tell', [every(2, 1, 5), every(2, 2, 5)], false],
  ['one flow', [every(2, 1, 3000)], false],
  ['none', [], false],
];
for (const [what, flows, shared] of ROWS) {
  test(`${what}: ${shared ? 'share' : 'do not share'} their numbers`, () => {
    assert.equal(shareNumbers(flows.map(recordOf)), shared);
  });
}
