import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cpuList, cpuListText } from './cpu-list.ts';
import { UsageError } from './usage-error.ts';

const ALLOWED = [0, 1, 2, 3, 8, 9];

test('lists as the kernel writes them', () => {
  for (const [text, cpus] of [
    ['0', [0]],
    ['0-2', [0, 1, 2]],
    ['8,0-1', [0, 1, 8]],
    ['1,1-2,2', [1, 2]],
  ] as const) {
    assert.deepEqual(cpuList('--cpus', text, ALLOWED), cpus);
  }
});

test('what is no list, and CPUs that are not to be had', () => {
  for (const [text, message] of [
    ['', /--cpus "": wants CPUs such as 0-3,8/],
    ['all', /wants CPUs/],
    ['1-', /wants CPUs/],
    ['-1', /wants CPUs/],
    ['3-1', /"3-1": 3-1 ends before it begins/],
    ['0-4', /CPU 4 is not there, or not for this process: it may run on 0, 1, 2, 3, 8, 9/],
    ['99999', /CPU 99999/],
  ] as const) {
    assert.throws(
      () => cpuList('--cpus', text, ALLOWED),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  }
});

for (const [cpus, text] of [
  [[], ''],
  [[3], '3'],
  [[0, 1, 2, 3, 8], '0-3,8'],
  [[0, 2, 4, 5], '0,2,4-5'],
] as const) {
  test(`the text of CPUs ${cpus.join(' ')}`, () => assert.equal(cpuListText(cpus), text));
}
