import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FuseEntry } from '../linux/fuse-handler.ts';
import type { ControlFiles } from '../pktgen/control-files.ts';
import { ControlFileSystem, DAEMON_PID_ATTRIBUTE } from './control-file-system.ts';

const ROOT = 1;

/** A file system over devices that the test changes: name to identity. */
function fileSystem(devices: Map<string, number>) {
  const written: string[] = [];
  const files: ControlFiles = {
    list: () => [...devices.keys()],
    read: (file) => (devices.has(file) ? `\xff${file} ${written.length}\n` : undefined),
    identity: (file) => devices.get(file),
    write: async (file, data) => {
      written.push(`${file}: ${data}`);
      return data.startsWith('no') ? -22 : data.length + 5;
    },
  };
  const served = new ControlFileSystem(files, () => 1_500);
  const entry = (name: string): FuseEntry => {
    const found = served.lookup(ROOT, name);
    assert.ok(typeof found !== 'string');
    return found;
  };
  const opened = (name: string): number => {
    const handle = served.open(entry(name).node);
    assert.ok(typeof handle === 'number');
    return handle;
  };
  return { served, entry, opened, written };
}
const caller = { uid: 0, gid: 0, pid: process.pid, signal: new AbortController().signal };
const bytes = (text: string) => Buffer.from(text, 'latin1');

describe('ControlFileSystem', () => {
  test('each lookup is a node of its own with the same inode number', () => {
    const { served, entry } = fileSystem(new Map([['a', 1]]));
    const [one, two] = [entry('a'), entry('a')];
    assert.notEqual(one.node, two.node);
    assert.equal(one.stat.ino, two.stat.ino);
    served.forget(one.node, 1);
    assert.equal(served.stat(one.node), 'ESTALE');
    assert.deepEqual(served.stat(two.node), two.stat);
  });

  test('a file is 0600, empty, of the daemon, from when it was first seen', () => {
    const { entry } = fileSystem(new Map([['a', 1]]));
    const { ino: _, ...stat } = entry('a').stat;
    const [uid, gid] = [process.geteuid?.(), process.getegid?.()];
    assert.deepEqual(stat, { mode: 0o100600, nlink: 1, uid, gid, size: 0, timeMs: 1_500 });
  });

  test('an open file keeps its text until it is rewound', async () => {
    const { served, opened } = fileSystem(new Map([['a', 1]]));
    const handle = opened('a');
    assert.deepEqual(served.read(handle, 0, 3), bytes('\xffa '));
    await served.write(handle, bytes('x'), caller);
    assert.deepEqual(served.read(handle, 3, 99), bytes('0\n'));
    assert.deepEqual(served.read(handle, 9, 99), bytes(''));
    assert.deepEqual(served.read(handle, 0, 99), bytes('\xffa 1\n'));
  });

  test('a write takes no more than it was given, and an errno passes', async () => {
    const { served, opened, written } = fileSystem(new Map([['a', 1]]));
    const handle = opened('a');
    assert.equal(await served.write(handle, bytes('x\xe4'), caller), 2);
    assert.equal(await served.write(handle, bytes('no'), caller), -22);
    assert.deepEqual(written, ['a: x\xe4', 'a: no']);
  });

  test('what is open of a vanished or replaced device gives EIO', async () => {
    const devices = new Map([['a', 1]]);
    const { served, entry, opened } = fileSystem(devices);
    const [handle, { node }] = [opened('a'), entry('a')];
    for (const change of [() => devices.set('a', 2), () => devices.delete('a')]) {
      change();
      assert.equal(served.read(handle, 0, 9), 'EIO');
      assert.equal(await served.write(handle, bytes('x'), caller), 'EIO');
      assert.equal(served.open(node), 'ENOENT');
      const stat = served.stat(node);
      assert.equal(typeof stat === 'string' ? stat : stat.nlink, 0);
    }
    assert.equal(served.lookup(ROOT, 'a'), 'ENOENT');
  });

  test('a directory that is read shows what it was when opened or rewound', () => {
    const devices = new Map([['a', 1]]);
    const { served } = fileSystem(devices);
    const handle = served.openDirectory(ROOT);
    assert.ok(typeof handle === 'number');
    devices.set('b', 2);
    const names = (rewind: boolean) => {
      const list = served.listDirectory(handle, rewind);
      return typeof list === 'string' ? list : list.map((entry) => entry.name);
    };
    assert.deepEqual(names(false), ['.', '..', 'a']);
    assert.deepEqual(names(true), ['.', '..', 'a', 'b']);
    served.releaseDirectory(handle);
    assert.equal(names(true), 'EBADF');
  });

  test('who serves is an attribute of the directory', () => {
    const { served, entry } = fileSystem(new Map([['a', 1]]));
    assert.deepEqual(served.attribute(ROOT, DAEMON_PID_ATTRIBUTE), bytes(String(process.pid)));
    assert.equal(served.attribute(ROOT, 'security.selinux'), 'ENODATA');
    assert.equal(served.attribute(entry('a').node, DAEMON_PID_ATTRIBUTE), 'ENODATA');
  });
});
