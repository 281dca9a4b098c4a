import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SENDER_FIELDS } from '../receive/flow-key.ts';
import { type SequenceRows, sequenceRows } from './sequence-rows.ts';

const device = (change: object = {}) => ({ clone_skb: 0, burst: 1, flow_tag: 0, flows: 0, ...change });

/** [what, devices, whether tags tell flows apart, what a receiver can tell]. */
const ROWS: readonly (readonly [string, ReturnType<typeof device>[], boolean, SequenceRows])[] = [
  ['one device', [device()], false, 'one'],
  ['one device with a tag', [device({ flow_tag: 5 })], false, 'one'],
  ['flows without tags', [device({ flows: 9 })], false, 'one'],
  ['repeated packets', [device({ clone_skb: 2 })], true, 'mixed'],
  ['bursts', [device({ burst: 2 })], true, 'mixed'],
  ['tagged flows', [device({ flow_tag: 1, flows: 9 })], true, 'by tag'],
  ['tagged flows, told apart by something else', [device({ flow_tag: 1, flows: 9 })], false, 'mixed'],
  ['two devices', [device(), device()], true, 'mixed'],
  ['two devices with tags', [device({ flow_tag: 2 }), device({ flow_tag: 1 })], true, 'by tag'],
  ['two devices with the same tag', [device({ flow_tag: 1 }), device({ flow_tag: 1 })], true, 'mixed'],
  ['flows whose tags overlap', [device({ flow_tag: 1, flows: 5 }), device({ flow_tag: 5 })], true, 'mixed'],
  ['flows whose tags follow', [device({ flow_tag: 1, flows: 5 }), device({ flow_tag: 6 })], true, 'by tag'],
];
for (const [what, devices, byTag, expected] of ROWS) {
  test(`${what}: ${expected}`, () => {
    assert.equal(sequenceRows(devices, byTag ? SENDER_FIELDS : ['vlan']), expected);
  });
}
