import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lineRatePps, wireLen } from './line-rate.ts';

/** The figures that everyone knows: frame without FCS, link in bit/s, packets/s. */
const cases = [
  { frameLen: 60, bps: 10e9, pps: 14_880_952 },
  { frameLen: 60, bps: 1e9, pps: 1_488_095 },
  { frameLen: 1514, bps: 10e9, pps: 812_743 },
  { frameLen: 1514, bps: 100e9, pps: 8_127_438 },
];
for (const { frameLen, bps, pps } of cases) {
  test(`${frameLen} bytes at ${bps / 1e9} Gbit/s: ${pps} pps`, () => {
    assert.equal(Math.floor(lineRatePps(frameLen, bps)), pps);
  });
}

test('a frame of 60 bytes takes the time of 84', () => {
  assert.equal(wireLen(60), 84);
});
