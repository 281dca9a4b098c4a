import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { LAB, Lab } from '../../src/lab/lab.ts';
import { netnsInode } from '../../src/linux/netns.ts';
import { RouteSocket } from '../../src/linux/rtnetlink.ts';
import { RingQueue } from '../../src/transmit/ring-queue.ts';
import { held, linkOf, whyNoNetns } from '../support/netns.ts';
import { projectRoot } from '../support/project.ts';

/** Sends frames of these lengths through a ring from the near end; gives how many left. */
function send(lab: Lab, lengths: readonly number[]): number {
  return lab.near.run(() => {
    using routes = new RouteSocket();
    const ifindex = linkOf(routes, LAB.near.name).index;
    const queue = new RingQueue({ ifindex, slotLen: 1514, bypassQdisc: true, priority: 0 });
    const address = (text: string): number[] => text.split(':').map((pair) => Number.parseInt(pair, 16));
    const header = [...address(LAB.far.mac), ...address(LAB.near.mac), 0x08, 0x00, 0x45];
    let left = 0;
    for (const length of lengths) {
      while (queue.reserve(1) === 0) left += queue.flush();
      new Uint8Array(queue.memory).set(header, queue.at);
      queue.commit(1, Uint32Array.of(length));
    }
    while (queue.pending > 0) left += queue.flush();
    queue.close();
    return left;
  });
}

describe('private lab', { skip: whyNoNetns }, () => {
  test('has the links and addresses of the recordings', () => {
    using lab = Lab.open(2);
    lab.near.run(() => {
      using routes = new RouteSocket();
      const { index, kind, up, carrier, txQueues, mac } = linkOf(routes, LAB.near.name);
      assert.deepEqual({ kind, up, carrier, txQueues }, { kind: 'veth', up: true, carrier: true, txQueues: 2 });
      assert.equal(Buffer.from(mac).toString('hex'), LAB.near.mac.replaceAll(':', ''));
      assert.equal(routes.firstIpv4(index), 0x0a090001);
      assert.equal(routes.link(LAB.far.name), undefined);
    });
  });

  test('counts exactly what was sent, and nothing while nothing is', async () => {
    using lab = Lab.open(1);
    await sleep(1500);
    assert.deepEqual(lab.received(), { packets: 0, bytes: 0 });
    const lengths = Array.from({ length: 20_000 }, (_, i) => 60 + (i % 1455));
    assert.equal(send(lab, lengths), lengths.length);
    await sleep(300);
    assert.deepEqual(lab.received(), { packets: lengths.length, bytes: lengths.reduce((sum, length) => sum + length) });
  });

  test('a thread that enters it comes back', () => {
    const before = netnsInode();
    using lab = Lab.open(1);
    const leave = lab.enter();
    assert.notEqual(netnsInode(), before);
    leave();
    assert.equal(netnsInode(), before);
  });

  test('leaves nothing, also when it cannot be made', () => {
    const before = held();
    for (let n = 0; n < 5; n++) {
      using lab = Lab.open(1);
      assert.equal(lab.received().packets, 0);
    }
    assert.throws(() => Lab.open(100_000), { name: 'SyscallError' });
    assert.deepEqual(held(), before);
  });
});

/** The ids of nobody. */
const NOBODY = ['--reuid', '65534', '--regid', '65534', '--clear-groups'];

/** Runs a program as an ordinary user; undefined where that cannot be tried. */
const asNobody = (argv: readonly string[]) =>
  spawnSync('setpriv', [...NOBODY, ...argv], { encoding: 'utf8', cwd: '/' });

/** Why an ordinary user has no lab here; false when there should be one. */
const whyNoUserLab: string | false = (() => {
  if (process.geteuid?.() !== 0) return 'needs root: becomes another user';
  const { status, stderr, error } = asNobody(['unshare', '--user', '--map-root-user', '--net', 'true']);
  if (error) return 'needs setpriv and unshare (Debian: util-linux)';
  return status === 0 ? false : `this system forbids user namespaces: ${stderr.trim()}`;
})();

/** This program where an ordinary user may read it: a checkout may lie in somebody's home. */
function readableCopy(): { program: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'pktgen-lab-'));
  const here = dirname(fileURLToPath(import.meta.url));
  cpSync(join(here, '../../src'), join(folder, 'dist/src'), { recursive: true });
  for (const part of ['bin', 'package.json', 'node_modules/koffi', 'node_modules/@koromix', 'node_modules/commander']) {
    if (existsSync(join(projectRoot, part))) cpSync(join(projectRoot, part), join(folder, part), { recursive: true });
  }
  spawnSync('chmod', ['-R', 'a+rX', folder]);
  return { program: join(folder, 'bin/pktgen.js'), remove: () => rmSync(folder, { recursive: true, force: true }) };
}

describe('lab of an ordinary user', { skip: whyNoUserLab }, () => {
  test('sends, and the far end has counted the same', () => {
    const { program, remove } = readableCopy();
    try {
      const { status, stdout, stderr } = asNobody([process.execPath, program, 'run', '-n', '5000', '--json']);
      assert.equal(status, 0, stderr);
      const { packets, bytes, lost } = (JSON.parse(stdout) as { arrived: Record<string, number> }).arrived;
      assert.deepEqual({ packets, bytes, lost }, { packets: 5000, bytes: 300_000, lost: 0 }, stdout);
    } finally {
      remove();
    }
  });

  test('a refusal says why', () => {
    const { program, remove } = readableCopy();
    try {
      // In a user namespace below which none may be made, without the capabilities that it gives.
      const forbid =
        'echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all --inh-caps=-all "$@"';
      const { status, stderr } = spawnSync(
        'unshare',
        ['--user', '--map-root-user', 'sh', '-c', forbid, 'sh', process.execPath, program, 'run', '-n', '10'],
        { encoding: 'utf8' },
      );
      assert.notEqual(status, 0);
      assert.match(stderr, /user namespaces \(user\.max_user_namespaces = 0\)/);
    } finally {
      remove();
    }
  });
});
