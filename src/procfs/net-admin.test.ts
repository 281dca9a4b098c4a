import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCapability } from './net-admin.ts';

const cases: readonly (readonly [status: string, has: boolean])[] = [
  ['Name:\tsh\nCapPrm:\t0000000000000000\nCapEff:\t000001ffffffffff\nCapBnd:\t0\n', true],
  ['CapEff:\t0000000000001000\n', true],
  ['CapPrm:\t000001ffffffffff\nCapEff:\t0000000000000000\n', false],
  ['CapEff:\t000001ffffffefff\n', false],
  ['Name:\tCapEff:\t000001ffffffffff\n', false],
  ['', false],
];
for (const [status, has] of cases) {
  test(`CAP_NET_ADMIN in ${JSON.stringify(status)}: ${has}`, () => assert.equal(hasCapability(status), has));
}
