import assert from 'node:assert/strict';
import { readlinkSync } from 'node:fs';
import { describe, test } from 'node:test';
import { bindMount, listMounts, mount, mountAt, parseMountInfo, UMOUNT, umount } from '../../src/linux/mount.ts';
import { Daemon, temporaryDirectory, whyNoFuse } from './procfs-process.ts';

test('mountinfo is read with its escapes and optional fields', () => {
  const text =
    '36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:2 - ext3 /dev/ro\\134ot rw\n64 44 0:39 / /run/x rw - fuse.pktgen pktgen rw\nnonsense\n';
  assert.deepEqual(parseMountInfo(text), [
    { id: 36, parent: 35, device: '98:0', root: '/mnt1', mountPoint: '/mnt 2', type: 'ext3', source: '/dev/ro\\ot' },
    { id: 64, parent: 44, device: '0:39', root: '/', mountPoint: '/run/x', type: 'fuse.pktgen', source: 'pktgen' },
  ]);
});

test('our own mounts have a root', () => {
  assert.notEqual(mountAt('/'), undefined);
  assert.equal(mountAt('/proc/nosuch'), undefined);
});

describe('mount(2)', { skip: process.geteuid?.() !== 0 && 'needs root' }, () => {
  test('mounts, binds and unmounts', () => {
    const [one, two] = [temporaryDirectory(), temporaryDirectory()];
    const before = listMounts().length;
    mount(one.path, { source: 'test', type: 'tmpfs', data: 'size=64k' });
    bindMount(one.path, two.path);
    assert.equal(mountAt(two.path)?.device, mountAt(one.path)?.device);
    umount(two.path);
    umount(one.path, UMOUNT.DETACH);
    assert.equal(listMounts().length, before);
    one.remove();
    two.remove();
  });

  test('errors read like strace', () => {
    assert.throws(() => umount('/nosuch'), { message: 'umount2 /nosuch: ENOENT', code: 'ENOENT' });
    assert.throws(() => mount('/', { source: 'x', type: 'nosuchfs' }), { message: 'mount /: ENODEV' });
  });
});

const SCRIPT = `
[ -d /proc/net/pktgen ] && echo is a directory
ls /proc/net/pktgen
echo "add pg0" > /proc/net/pktgen/pgctrl
echo "count 5" > /proc/net/pktgen/pg0
cat /proc/net/pktgen/pg0
head -1 /proc/net/dev | cut -d'|' -f1
grep -c Name: /proc/self/status
[ "$(sed -n 's/^Pid:.//p' /proc/$$/status)" = $$ ] && echo pid
modprobe pktgen && rmmod pktgen && echo module
readlink /proc/self/ns/mnt
trap 'echo trapped' INT
echo start > /proc/net/pktgen/pgctrl &
sleep 0.3
kill -TERM $!
wait $! || echo ended $?
exit 7
`;

describe('a script with /proc/net/pktgen', { skip: whyNoFuse }, () => {
  test('sees our files there and the rest of /proc as it is', async () => {
    const directory = temporaryDirectory();
    const daemon = new Daemon(directory.path, '/bin/sh', '-ec', SCRIPT);
    const output = await daemon.exit();
    // dash says Terminated, bash does not.
    const said = output
      .split('\n')
      .filter((line) => !line.startsWith('{"file"') && !line.startsWith('{"event"') && line !== 'Terminated');
    const namespace = said.find((line) => line.startsWith('mnt:'));
    assert.notEqual(namespace, readlinkSync('/proc/self/ns/mnt'));
    assert.deepEqual(
      said.filter((line) => line !== namespace),
      [
        'ready',
        'is a directory',
        'kpktgend_0',
        'pgctrl',
        'count 5',
        'Inter-',
        '1',
        'pid',
        'module',
        'ended 143',
        '{"status":7,"signal":null}',
        'ended',
        '',
      ],
    );
    assert.match(output, /\{"file":"pg0","data":"count 5\\n","capable":true\}/);
    assert.match(output, /"interrupted"/);
    assert.equal(mountAt(directory.path), undefined);
    assert.equal(readlinkSync('/proc/net'), 'self/net');
    directory.remove();
  });

  const ends: readonly (readonly [script: string, result: string])[] = [
    ['exit 0', '{"status":0,"signal":null}'],
    ['kill -9 $$', '{"status":null,"signal":"SIGKILL"}'],
    // As a terminal does it: the signal goes to the whole group, and only the script ends by it.
    ['kill -INT $PPID $$', '{"status":null,"signal":"SIGINT"}'],
    ['trap "exit 5" TERM; kill -TERM $PPID; sleep 0.5 & wait', '{"status":5,"signal":null}'],
  ];
  for (const [script, result] of ends) {
    test(`how it ended is told: ${script}`, async () => {
      const directory = temporaryDirectory();
      assert.ok((await new Daemon(directory.path, '/bin/sh', '-c', script).exit()).includes(`${result}\n`));
      directory.remove();
    });
  }

  test('a script that cannot be run is an error', async () => {
    const directory = temporaryDirectory();
    const output = await new Daemon(directory.path, '/nosuch').exit();
    assert.match(output, /cannot run \/nosuch: spawn \/nosuch ENOENT/);
    directory.remove();
  });
});
