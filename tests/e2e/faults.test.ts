import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { bpfIds } from '../../src/linux/bpf.ts';
import { readPcap } from '../../src/wire/pcap.ts';
import { projectRoot } from '../support/project.ts';
import { Bench, cannotServe, Served, sh } from '../support/served.ts';
import { Program } from './program.ts';

const skip = cannotServe() ?? false;
const TIMEOUT_MS = 30_000;

let bench: Bench;
let served: Served;
const farPackets = (): number => Number(sh(`ip netns exec ${bench.far} cat /sys/class/net/pg0p/statistics/rx_packets`));

/** Configures pg0 anew. */
async function configure(...lines: readonly string[]): Promise<void> {
  assert.equal(await served.write('pgctrl', 'reset\n'), 6);
  assert.equal(await served.write('kpktgend_0', 'add_device pg0\n'), 15);
  for (const line of ['dst_mac 02:00:00:00:00:02', ...lines]) {
    assert.equal(await served.write('pg0', `${line}\n`), line.length + 1, line);
  }
}
const packetsOf = (text: string | undefined): number => Number(/pkts-sofar: (\d+)/.exec(text ?? '')?.[1]);

/** What is served but for the threads, of which every machine has its own number. */
const files = async (): Promise<string[]> => (await served.list()).filter((file) => !file.startsWith('kpktgend_'));
/** The mounts at or in a folder. */
const mountsAt = (folder: string): string[] =>
  readFileSync('/proc/mounts', 'latin1')
    .split('\n')
    .filter((line) => line.includes(` ${folder}`));

/** Waits until a device has sent so many packets. */
async function until(file: string, packets: number): Promise<void> {
  for (let tries = 0; packetsOf(await served.read(file)) < packets; tries++) {
    assert.ok(tries < 200, `${file} does not send`);
    await sleep(20);
  }
}

describe('faults while packets are sent', { skip }, () => {
  before(async () => {
    bench = new Bench();
    served = await Served.start(bench.near);
  });
  after(async () => {
    await served.close();
    bench.close();
  });

  for (const how of ['ring', 'live'] as const) {
    test(`a link is renamed: the file follows, the run goes on (${how})`, { timeout: TIMEOUT_MS }, async () => {
      bench.run(`ip netns exec peer ethtool -K pg0p gro ${how === 'live' ? 'on' : 'off'}`);
      await configure('count 0', 'ratep 20000', `transmitter ${how}`);
      const [before, start] = [farPackets(), served.inBackground('pgctrl', 'start\n')];
      await until('pg0', 100);
      bench.run('ip link set pg0 name pgX');
      await sleep(200);
      assert.deepEqual(await files(), ['pgX', 'pgctrl']);
      await until('pgX', packetsOf(await served.read('pgX')) + 1000);
      assert.equal(await served.write('pgctrl', 'stop\n'), 5);
      assert.equal(await start, 0);
      assert.equal(farPackets() - before, packetsOf(await served.read('pgX')));
      bench.run('ip link set pgX name pg0');
      await sleep(200);
    });
  }

  test('the ring is full for a second: every packet leaves once', { timeout: TIMEOUT_MS }, async () => {
    bench.run('tc qdisc add dev pg0 root tbf rate 8kbit burst 2kb limit 100mb');
    try {
      await configure('count 10000', 'xmit_mode queue_xmit', 'pkt_size 60');
      const [before, start] = [farPackets(), served.inBackground('pgctrl', 'start\n')];
      await sleep(1000);
      // The qdisc holds what the ring has: nothing more can be handed over.
      const stuck = packetsOf(await served.read('pg0'));
      await sleep(100);
      assert.ok(stuck > 0 && stuck < 10_000, `${stuck} packets`);
      assert.ok(packetsOf(await served.read('pg0')) < stuck + 50);
      bench.run('tc qdisc change dev pg0 root tbf rate 10gbit burst 10mb limit 100mb');
      assert.equal(await start, 0);
      assert.match((await served.read('pg0')) ?? '', /pkts-sofar: 10000 {2}errors: 0/);
      assert.equal(farPackets() - before, 10_000);
    } finally {
      bench.run('tc qdisc del dev pg0 root');
    }
  });

  for (const [how, signal] of [
    ['ring', 'SIGTERM'],
    ['ring', 'SIGKILL'],
    ['live', 'SIGTERM'],
    ['live', 'SIGKILL'],
  ] as const) {
    test(`the writer of start gets ${signal}: the run ends at once, and can begin again (${how})`, {
      timeout: TIMEOUT_MS,
    }, async () => {
      bench.run('ip netns exec peer ethtool -K pg0p gro on');
      await configure('count 0', 'ratep 20000', `transmitter ${how}`);
      const [before, writer] = [farPackets(), served.writer('pgctrl', 'start\n')];
      const ended = once(writer, 'exit');
      await until('pg0', 100);
      assert.match((await served.read('kpktgend_0')) ?? '', /^Running: pg0 \nStopped: \n/);
      const from = Date.now();
      writer.kill(signal);
      assert.deepEqual(await ended, [null, signal]);
      while (!(await served.read('kpktgend_0'))?.startsWith('Running: \nStopped: pg0 \n')) {
        assert.ok(Date.now() - from < 500, await served.read('kpktgend_0'));
        await sleep(5);
      }
      const text = (await served.read('pg0')) ?? '';
      assert.match(text, /^Result: OK: /m);
      assert.equal(farPackets() - before, packetsOf(text));
      assert.equal(await served.write('pg0', 'count 7\n'), 8);
      assert.equal(await served.write('pgctrl', 'start\n'), 6);
      assert.equal(packetsOf(await served.read('pg0')), 7);
      assert.equal(farPackets() - before, packetsOf(text) + 7);
    });
  }

  test('a second daemon on the same mount point says so, and the first goes on', { timeout: TIMEOUT_MS }, async () => {
    await configure('count 0', 'ratep 20000');
    const [before, start] = [farPackets(), served.inBackground('pgctrl', 'start\n')];
    await until('pg0', 100);
    const { folder, daemon } = served;
    const serve = [join(projectRoot, 'bin/pktgen.js'), 'serve', '--netns', bench.near];
    const taken = `a pktgen daemon already serves ${folder}, pid ${daemon.pid}: use that one, end it, or serve elsewhere`;
    const answers = `a pktgen daemon already answers at ${folder}.sock: stop it, or give another --socket`;
    for (const [args, says] of [
      [['--mount', folder], taken],
      [['--mount', folder, '--no-socket'], taken],
      [['--mount', `${folder}/`], taken.replace(folder, `${folder}/`)],
      [['--mount', folder, '--socket', `${folder}.other.sock`], taken],
      [['--no-mount', '--socket', `${folder}.sock`], answers],
    ] as const) {
      const options = { encoding: 'utf8', timeout: TIMEOUT_MS } as const;
      const { status, stderr } = spawnSync(process.execPath, [...serve, ...args], options);
      assert.deepEqual({ status, stderr }, { status: 1, stderr: `pktgen: ${says}\n` }, args.join(' '));
    }
    assert.ok(!existsSync(`${folder}.other.sock`));
    assert.equal(mountsAt(folder).length, 1);
    await until('pg0', packetsOf(await served.read('pg0')) + 1000);
    assert.equal(await served.write('pgctrl', 'stop\n'), 5);
    assert.equal(await start, 0);
    assert.equal(farPackets() - before, packetsOf(await served.read('pg0')));
  });

  test('the daemon is killed in a run and started again over its stale mount', { timeout: TIMEOUT_MS }, async () => {
    await configure('count 0');
    const start = served.inBackground('pgctrl', 'start\n');
    await until('pg0', 1000);
    const { folder } = served;
    await served.kill();
    assert.notEqual(await start, 0);
    const sent = farPackets();
    served = await Served.start(bench.near, [], folder);
    assert.deepEqual(await files(), ['pgctrl']);
    assert.equal(farPackets(), sent, 'packets after the end of the daemon');
    await configure('count 5');
    assert.equal(await served.write('pgctrl', 'start\n'), 6);
    assert.equal(farPackets() - sent, 5);
    assert.equal(mountsAt(folder).length, 1);
    assert.equal(await served.close(), 0);
    assert.deepEqual(mountsAt(folder), []);
    assert.ok(!existsSync(`${folder}.sock`), 'the socket is left');
    served = await Served.start(bench.near);
  });
});

test('a full disk ends a run into a file, and what is counted is in it', { skip, timeout: TIMEOUT_MS }, async () => {
  const program = new Program();
  try {
    const [disk, copy] = [join(program.temporary, 'disk'), join(program.temporary, 'copy.pcap')];
    mkdirSync(disk);
    const script =
      `mount -t tmpfs -o size=256k tmpfs '${disk}' && ${program.shellCommand} run -n 100000 --json --pcap '${disk}/x.pcap'; ` +
      `status=$?; cp '${disk}/x.pcap' '${copy}'; exit $status`;
    const { status, stdout, stderr } = await program.startOther(['unshare', '--mount', 'sh', '-c', script]).ended;
    assert.equal(status, 1, stderr);
    assert.match(stderr, /pg0: ENOSPC: no space left on device, write: the run has ended\n$/);
    const { packets, errors, result } = JSON.parse(stdout) as { packets: number; errors: number; result: string };
    assert.match(result, new RegExp(`^OK: .* usec, ${packets} \\(60byte,0frags\\)\\n`));
    const { records } = readPcap(readFileSync(copy));
    assert.ok(packets > 100 && packets < 100_000, `${packets} packets, ${errors} errors`);
    assert.equal(records.length, packets);
    assert.deepEqual(readdirSync(disk), []);
  } finally {
    program.close();
  }
});

test('a link that goes while its file is open: the descriptor says EIO', { skip, timeout: TIMEOUT_MS }, async () => {
  const own = new Bench();
  const daemon = await Served.start(own.near);
  try {
    assert.equal(await daemon.write('kpktgend_0', 'add_device pg1\n'), 15);
    const reader = spawn('sh', ['-c', 'exec 3< "$1"; read line; cat <&3', 'sh', join(daemon.folder, 'pg1')]);
    let errors = '';
    reader.stderr.on('data', (chunk) => {
      errors += String(chunk);
    });
    await sleep(200);
    own.run('ip link del pg1');
    for (let tries = 0; (await daemon.list()).includes('pg1'); tries++) {
      assert.ok(tries < 100);
      await sleep(20);
    }
    const ended = once(reader, 'close');
    reader.stdin.end('\n');
    await ended;
    assert.match(errors, /Input\/output error/);
  } finally {
    await daemon.close();
    own.close();
  }
});

/** What the kernel holds of eBPF. */
const held = (): string[] =>
  (['programs', 'maps'] as const).flatMap((kind) => bpfIds(kind).map((id) => `${kind} ${id}`));
/** What of it a living process has open: other programs of this machine come and go meanwhile. */
function owned(): Set<string> {
  const ids = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const folder = `/proc/${pid}/fdinfo`;
        return readdirSync(folder).map((fd) => readFileSync(join(folder, fd), 'latin1'));
      } catch {
        // It has ended.
        return [];
      }
    })
    .flatMap((text) => [...text.matchAll(/^(prog|map)_id:\s*(\d+)/gm)]);
  return new Set(ids.map(([, kind, id]) => `${kind === 'map' ? 'maps' : 'programs'} ${id}`));
}
/** Holds that nobody's is but what was there before; the kernel lets go of a process's a moment after its end. */
async function nothingNew(before: readonly string[], what: string): Promise<void> {
  const more = (): string[] => {
    const anybodys = owned();
    return held().filter((one) => !before.includes(one) && !anybodys.has(one));
  };
  for (let tries = 0; tries < 100 && more().length > 0; tries++) await sleep(20);
  assert.deepEqual(more(), [], what);
}

test('killed at any moment, nothing of a run stays in the kernel', { skip, timeout: 2 * TIMEOUT_MS }, async () => {
  const program = new Program();
  const before = held();
  try {
    for (let delay = 100; delay <= 700; delay += 75) {
      const run = program.start(['run', '-n', '0']);
      await sleep(delay);
      run.signalGroup('SIGKILL');
      assert.equal((await run.ended).signal, 'SIGKILL');
      await nothingNew(before, `killed after ${delay} ms`);
    }
    await program.leftNothing();
  } finally {
    program.close();
  }
});

test('an error of the program itself ends its runs with it', { skip, timeout: TIMEOUT_MS }, async () => {
  const before = held();
  const file = fileURLToPath(new URL('../support/crashing-generator.js', import.meta.url));
  const begun = Date.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8', timeout: 10_000 });
  assert.deepEqual({ status, stdout }, { status: 1, stdout: 'sending\n' }, stderr);
  assert.match(stderr, /Error: a mistake/);
  assert.ok(Date.now() - begun < 5000, `it took ${Date.now() - begun} ms to end`);
  await nothingNew(before, 'after its end');
});
