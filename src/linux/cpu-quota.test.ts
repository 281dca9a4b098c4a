import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { cpuQuota, parseCpuMax } from './cpu-quota.ts';

for (const [text, cpus] of [
  ['max 100000\n', undefined],
  ['150000 100000\n', 1.5],
  ['5000 10000', 0.5],
  ['1 0', undefined],
  ['', undefined],
  ['nonsense', undefined],
] as const) {
  test(`cpu.max ${JSON.stringify(text)}`, () => assert.equal(parseCpuMax(text)?.cpus, cpus));
}

/** A root with these files. */
function withFiles<T>(files: Readonly<Record<string, string>>, act: (root: string) => T): T {
  const root = mkdtempSync(join(tmpdir(), 'pktgen-quota-'));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return act(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

const MOUNTED = { 'proc/self/mounts': 'proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n' };

test('the tightest of the groups up to the root counts', () => {
  const files = {
    ...MOUNTED,
    'proc/self/cgroup': '0::/pod/box\n',
    'sys/fs/cgroup/pod/cpu.max': '50000 100000\n',
    'sys/fs/cgroup/pod/box/cpu.max': '200000 100000\n',
  };
  assert.deepEqual(withFiles(files, cpuQuota), {
    ...{ cpus: 0.5, periodUs: 100_000, file: '/sys/fs/cgroup/pod/cpu.max' },
  });
});

test('a group of the host, seen from a container: the quota of the root of what is mounted', () => {
  const files = {
    ...MOUNTED,
    'proc/self/cgroup': '0::/../host/path\n',
    'sys/fs/cgroup/cpu.max': '300000 100000\n',
  };
  assert.equal(withFiles(files, cpuQuota)?.cpus, 3);
});

test('there may be none', () => {
  assert.equal(withFiles({}, cpuQuota), undefined);
  assert.equal(withFiles({ ...MOUNTED, 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/x': '' }, cpuQuota), undefined);
  assert.equal(withFiles({ 'proc/self/cgroup': '1:cpu:/\n' }, cpuQuota), undefined);
});
