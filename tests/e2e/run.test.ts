import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Arrived } from '../../src/cli/run-receiver.ts';
import type { DeviceResult, TotalResult } from '../../src/cli/run-result.ts';
import { allowedCpus } from '../../src/linux/sched.ts';
import { dissect } from '../../src/wire/dissect.ts';
import { readPcap } from '../../src/wire/pcap.ts';
import { whyNoNetns } from '../support/netns.ts';
import { Bench, cannotServe, sh } from '../support/served.ts';
import { Program, whyNoUserNamespaces } from './program.ts';

type LabResult = DeviceResult & { readonly arrived: Arrived };

/** The objects that --json printed, a line each. */
const objects = (stdout: string): object[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
/** Those of devices. */
const results = (stdout: string): LabResult[] => objects(stdout).filter((one): one is LabResult => 'device' in one);
const only = (stdout: string): LabResult => {
  const [first, ...more] = results(stdout);
  assert.ok(first);
  assert.equal(more.length, 0);
  return first;
};

let program: Program;
before(() => {
  program = new Program();
});
after(() => program.close());

const sums = ({ packets, bytes, lost }: Arrived) => ({ packets, bytes, lost });

/** Runs with --json in the lab; all must have been sent and have arrived. */
async function inLab(args: readonly string[], nobody = false): Promise<LabResult> {
  const { status, stdout, stderr } = await program.run(['run', '--json', ...args], { nobody });
  assert.equal(status, 0, stderr);
  const result = only(stdout);
  assert.equal(stderr, '');
  assert.equal(result.errors, 0);
  assert.deepEqual(sums(result.arrived), { packets: result.packets, bytes: result.bytes, lost: 0 });
  return result;
}

/** What both users see. */
const USERS: readonly (readonly [who: string, nobody: boolean, skip: string | false])[] = [
  ['root', false, whyNoNetns],
  ['an ordinary user', true, whyNoUserNamespaces()],
];

for (const [who, nobody, skip] of USERS) {
  describe(`run in the private lab, as ${who}`, { skip }, () => {
    afterEach(() => program.leftNothing());

    test('says what was sent and what the far end counted', async () => {
      const { status, stdout, stderr } = await program.run(['run', '-n', '20000'], { nobody });
      assert.equal(status, 0, stderr);
      assert.match(
        stderr,
        new RegExp(
          `^private lab: pg0 .* > pg0p .*\\npg0p: ${nobody ? 'a packet socket measures: a program in XDP wants ' : 'an XDP program in the driver measures'}.*\\n` +
            `pktgen: pg0: transmitter ${nobody ? 'ring: no live frames: ' : 'live: '}.*\\n$`,
        ),
      );
      assert.match(
        stdout,
        /^Device: pg0\nResult: OK: \d+\(c\d+\+d\d+\) usec, 20000 \(60byte,0frags\)\n {2}\d+pps \d+Mb\/sec \(\d+bps\) errors: 0\nsent 20,000 · received 20,000 · lost 0 · p99 latency [\d.]+ [nµm]s one-way, same clock\n$/,
      );
    });

    test('--json says the same', async () => {
      const result = await inLab(['-n', '20000'], nobody);
      const { device, link, transmitter, count, packets, bytes, elapsedUs, frameSize, pps, bps } = result;
      assert.deepEqual(
        { device, link, transmitter, count, packets, bytes, frameSize },
        {
          device: 'pg0',
          link: 'pg0',
          transmitter: nobody ? 'ring' : 'live',
          count: 20000,
          packets: 20000,
          bytes: 1_200_000,
          frameSize: 60,
        },
      );
      assert.match(result.result, new RegExp(`^OK: ${elapsedUs}\\(c\\d+\\+d${result.idleUs}\\) usec, 20000 `));
      assert.match(result.result, new RegExp(`\\n {2}${pps}pps \\d+Mb/sec \\(${bps}bps\\) errors: 0`));
      assert.ok(Math.abs((pps * elapsedUs) / 1e6 - packets) < packets / 100, `${pps} pps for ${elapsedUs} us`);
    });

    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      test(`without end, until ${signal}`, async () => {
        const run = program.start(['run', '-n', '0', '--ratep', '1000'], { nobody });
        await run.says(/^private lab/);
        await sleep(400);
        if (signal === 'SIGINT') run.signalGroup(signal);
        else run.process.kill(signal);
        const { status, stdout, stderr } = await run.ended;
        assert.equal(status, 0, stderr);
        assert.match(stdout, /^Device: pg0\nResult: OK: .* errors: 0\nsent ([\d,]+) · received \1 · lost 0 · /s);
        assert.doesNotMatch(stdout, /sent 0 /);
      });
    }
  });
}

describe('what is sent in the lab', { skip: whyNoNetns }, () => {
  afterEach(() => program.leftNothing());

  const cpus = allowedCpus();
  test('two threads', { skip: cpus.length < 2 && 'needs two CPUs' }, async () => {
    const { status, stdout, stderr } = await program.run(['run', '-t', '2', '-n', '10000', '--json']);
    assert.equal(status, 0, stderr);
    const [first, second] = cpus;
    assert.deepEqual(
      results(stdout).map(({ device, link, thread, packets }) => [device, link, thread, packets]),
      [
        [`pg0@${first}`, 'pg0', first, 10000],
        [`pg0@${second}`, 'pg0', second, 10000],
      ],
    );
    for (const { arrived } of results(stdout)) {
      assert.deepEqual(sums(arrived), { packets: 20000, bytes: 1_200_000, lost: 0 });
      assert.deepEqual([arrived.reordered, arrived.duplicates], [0, 0]);
    }
    const last = objects(stdout).at(-1);
    assert.ok(last && 'total' in last);
    const { pps: _pps, bps: _bps, ...total } = last.total as TotalResult;
    assert.deepEqual(total, { devices: 2, packets: 20000, errors: 0, bytes: 1_200_000 });
    const text = await program.run(['run', '-t', '2', '-n', '1000']);
    assert.match(
      text.stdout,
      /\nTotal: 2 devices, 2,000 packets, .* errors: 0\nsent 2,000 · received 2,000 · lost 0 · p99 latency .*\n$/,
    );
  });

  const MIXED: readonly (readonly string[])[] = [
    ['-t', '2', '-s', '58'],
    ['-t', '2', '--by', 'vlan'],
    ['-t', '2', '--flow-tag', '5'],
    ['--by', 'vlan', '--flow-tag', '3', '--flows', '5', '--flowlen', '2', '--flag', 'FLOW_SEQ'],
  ];
  for (const args of MIXED) {
    const skip = cpus.length < 2 && args.includes('-t') && 'needs two CPUs';
    test(`rows of numbers that nobody can tell apart are no loss: ${args.join(' ')}`, { skip }, async () => {
      const limits = ['--flag', 'NO_TIMESTAMP', '--max-loss', '0'];
      const { status, stdout, stderr } = await program.run(['run', '-n', '5000', '--json', ...args, ...limits]);
      assert.equal(status, 0, stderr);
      const [{ arrived } = {}] = results(stdout);
      assert.deepEqual([arrived?.lost, arrived?.duplicates], [0, undefined]);
    });
  }

  test('--cpus: a thread on each of them', { skip: cpus.length < 2 && 'needs two CPUs' }, async () => {
    const [first, second] = cpus;
    const on = async (...args: readonly string[]): Promise<number[]> => {
      const { status, stdout, stderr } = await program.run(['run', '-n', '100', '--json', ...args]);
      assert.equal(status, 0, stderr);
      return results(stdout).map(({ thread }) => thread);
    };
    assert.deepEqual(await on('--cpus', `${second},${first}`), [first, second]);
    assert.deepEqual(await on('--cpus', `${second}`), [second]);
    assert.deepEqual(await on('--cpus', `${first},${second}`, '-t', '1'), [first]);
  });

  test('a rate is held', async () => {
    const { packets, elapsedUs } = await inLab(['-n', '20000', '--ratep', '20000']);
    const rate = (packets * 1e6) / elapsedUs;
    assert.ok(Math.abs(rate / 20000 - 1) < 0.01, `${rate} pps instead of 20000`);
  });

  test('imix', async () => {
    const { packets, bytes } = await inLab(['-n', '12000', '--imix-weights', '64,7 570,4 1518,1']);
    assert.equal(packets, 12000);
    const mean = (7 * 64 + 4 * 570 + 1518) / 12;
    assert.ok(Math.abs(bytes / packets - mean) < mean / 10, `${bytes / packets} bytes on average, not ${mean}`);
  });

  test('flows', async () => {
    const args = ['-n', '5000', '--flows', '64', '--flowlen', '4', '--flag', 'FLOW_SEQ', '--dst-max', '10.9.0.65'];
    assert.equal((await inLab(args)).packets, 5000);
  });

  test('IPv6', async () => {
    const { packets, bytes } = await inLab(['-n', '5000', '-6', '-d', 'fd00::2', '-s', '100']);
    assert.deepEqual({ packets, bytes }, { packets: 5000, bytes: 500_000 });
  });

  test('VLAN tags, labels, checksums and random ports', async () => {
    const args = ['-n', '5000', '-s', '128', '-k', '--svlan-id', '5', '--vlan-id', '7', '--flag', 'UDPSRC_RND'];
    const { bytes } = await inLab([...args, '--udp-src-max', '2000']);
    assert.equal(bytes, 640_000);
  });

  test('the shortest and the longest frame', async () => {
    assert.equal((await inLab(['-n', '1000', '-s', '42'])).bytes, 58_000);
    assert.equal((await inLab(['-n', '1000', '-s', '1514'])).bytes, 1_514_000);
  });
});

/** [arguments, what is said to be exceeded; nothing where all is well]. */
const LIMITS: readonly (readonly [args: readonly string[], exceeded: RegExp | undefined])[] = [
  [['--max-loss', '0', '--max-latency', '10s'], undefined],
  [['--max-loss', '0.1%'], undefined],
  [['--max-latency', '1ns'], /^pktgen: p99 latency .*, --max-latency allows 1 ns$/m],
  [['--max-latency', '1ms', '--flag', 'NO_TIMESTAMP'], /^pktgen: no packet came that says when it was sent/m],
];
describe('limits', { skip: whyNoNetns }, () => {
  afterEach(() => program.leftNothing());
  for (const [args, exceeded] of LIMITS) {
    test(args.join(' '), async () => {
      const { status, stdout, stderr } = await program.run(['run', '-n', '2000', ...args]);
      assert.equal(status, exceeded ? 3 : 0, stderr);
      assert.match(stdout, /sent 2,000 · received 2,000 · lost 0/);
      if (exceeded) assert.match(stderr, exceeded);
    });
  }

  test('without a receiver nothing can be held to them, and nothing is sent', async () => {
    for (const args of [['--no-sink'], ['--pcap', 'none.pcap'], ['-i', 'lo']]) {
      const { status, stdout, stderr } = await program.run(['run', '-n', '10', '--max-loss', '0', ...args]);
      assert.deepEqual([status, stdout], [2, '']);
      assert.match(
        stderr,
        /--max-loss: nothing is received: send to a link, and name the one that the packets arrive on, --sink DEV/,
      );
    }
  });

  test('without a receiver the far end only drops', async () => {
    const { status, stdout } = await program.run(['run', '-n', '2000', '--no-sink']);
    assert.equal(status, 0);
    assert.doesNotMatch(stdout, /received/);
  });
});

const noBench = cannotServe() ?? false;
describe('run to a link', { skip: noBench }, () => {
  let bench: Bench;
  before(() => {
    bench = new Bench();
  });
  after(() => bench.close());
  afterEach(() => program.leftNothing());
  const farPackets = (): number =>
    Number(sh(`ip netns exec ${bench.far} cat /sys/class/net/pg0p/statistics/rx_packets`));

  test('what is said to have been sent has arrived', async () => {
    const earlier = farPackets();
    const args = ['run', '-i', 'pg0', '-m', '02:00:00:00:00:02', '-d', '10.9.0.2', '-n', '3000', '-s', '64'];
    const { status, stdout, stderr } = await program.run(args, { netns: bench.near });
    assert.equal(status, 0, stderr);
    assert.match(stderr, /^pg0\npktgen: pg0: transmitter ring: /);
    assert.match(stdout, /^Device: pg0\nResult: OK: .* 3000 \(64byte,0frags\)\n.* errors: 0\n$/);
    assert.equal(farPackets() - earlier, 3000);
  });

  test('--sink: both ends in one report, the far one in another namespace', async () => {
    const args = ['run', '-i', 'pg0', '-m', '02:00:00:00:00:02', '-n', '3000', '--sink', 'pg0p'];
    const run = await program.run([...args, '--sink-netns', bench.far], { netns: bench.near });
    assert.equal(run.status, 0, run.stderr);
    assert.match(run.stdout, /\nsent 3,000 · received 3,000 · lost 0 · p99 latency .* one-way, same clock\n$/);
    const elsewhere = await program.run(args, { netns: bench.near });
    assert.deepEqual([elsewhere.status, elsewhere.stdout], [1, '']);
    assert.match(elsewhere.stderr, /^pktgen: --sink pg0p: there is no such link/);
  });

  test('what goes elsewhere is lost, and more than allowed is status 3', async () => {
    // Nobody reflects what is sent, so none of it comes back to the link it left by.
    const args = ['run', '-i', 'pg0', '-m', '02:00:00:00:00:02', '-n', '300', '--sink', 'pg0', '--max-loss', '10%'];
    const { status, stdout, stderr } = await program.run(args, { netns: bench.near });
    assert.equal(status, 3, stderr);
    assert.match(stdout, /\nsent 300 · received 0 · lost 300\n$/);
    assert.match(stderr, /lost 300 packets, --max-loss allows 30$/m);
  });

  test('a reflector at the far end: round trips', async () => {
    const reflector = program.start(['reflect', '-i', 'pg0p'], { netns: bench.far });
    await reflector.says(/returns/);
    for (const family of [
      ['-d', '10.9.0.2'],
      ['-6', '-d', 'fd00::2', '--src6', 'fd00::1', '--vlan-id', '5'],
    ]) {
      const args = [
        'run',
        '-i',
        'pg0',
        '-m',
        '02:00:00:00:00:02',
        '-n',
        '3000',
        '--ratep',
        '50000',
        '--sink',
        'pg0',
        '-k',
      ];
      const { status, stdout, stderr } = await program.run([...args, ...family], { netns: bench.near });
      assert.equal(status, 0, stderr);
      assert.match(stdout, /\nsent 3,000 · received 3,000 · lost 0 · p99 latency .* round trip\n$/);
    }
    reflector.process.kill('SIGINT');
    const { status, stdout } = await reflector.ended;
    assert.deepEqual([status, stdout], [0, 'returned 6,000 packets; 0 others went on to the stack\n']);
  });

  test('a link that there is not', async () => {
    const { status, stdout, stderr } = await program.run(['run', '-i', 'nolink'], { netns: bench.near });
    assert.deepEqual({ status, stdout }, { status: 1, stdout: '' });
    assert.match(stderr, /^pktgen: nolink: there is no such link here \("ip link" lists them\)\n$/);
  });

  test('a link that is down', async () => {
    sh(`ip -n ${bench.near} link set pg1 down`);
    const { status, stderr } = await program.run(['run', '-i', 'pg1', '-n', '10'], { netns: bench.near });
    assert.equal(status, 1);
    assert.match(stderr, /pg1: it is down: "ip link set (DEV|pg1) up"\n$/);
  });

  test('loopback', async () => {
    const { status, stderr } = await program.run(['run', '-i', 'lo', '-n', '10'], { netns: bench.near });
    assert.equal(status, 1);
    assert.match(stderr, /lo: it is not an Ethernet link\n$/);
  });

  test('the link with the default route, only by force', async () => {
    sh(`ip -n ${bench.near} addr add 10.9.0.1/24 dev pg0; ip -n ${bench.near} route add default via 10.9.0.2`);
    try {
      const earlier = farPackets();
      const args = ['run', '-i', 'pg0', '-m', '02:00:00:00:00:02', '-n', '500'];
      const refused = await program.run(args, { netns: bench.near });
      assert.deepEqual({ status: refused.status, stdout: refused.stdout }, { status: 1, stdout: '' });
      assert.match(refused.stderr, /^pktgen: pg0 carries the default route: .*--force sends all the same\n$/);
      assert.equal(farPackets(), earlier);
      const forced = await program.run([...args, '--force'], { netns: bench.near });
      assert.equal(forced.status, 0, forced.stderr);
      assert.equal(farPackets() - earlier, 500);
      const probe = await program.run(['probe', '-i', 'pg0'], { netns: bench.near });
      assert.match(probe.stdout, /default route +leads out of it: .*--force/);
    } finally {
      sh(`ip -n ${bench.near} addr flush dev pg0`);
    }
  });

  test('without CAP_NET_RAW it says so, and probe too', async () => {
    const { status, stdout, stderr } = await program.run(['run', '-i', 'pg0'], { netns: bench.near, nobody: true });
    assert.deepEqual({ status, stdout }, { status: 1, stdout: '' });
    assert.match(stderr, /^pktgen: sending to pg0 wants the capability CAP_NET_RAW: .*setcap cap_net_raw\+ep/);
    const probe = await program.run(['probe', '-i', 'pg0', '--json'], { netns: bench.near, nobody: true });
    assert.equal(probe.status, 0, probe.stderr);
    const { machine, link, transmitter } = JSON.parse(probe.stdout);
    assert.equal(machine.uid, 65534);
    assert.deepEqual(machine.missing, ['CAP_NET_RAW', 'CAP_NET_ADMIN', 'CAP_SYS_ADMIN']);
    assert.equal(link.kind, 'veth');
    assert.equal(transmitter.name, undefined);
    assert.match(transmitter.missing.join(), /CAP_NET_RAW/);
  });
});

describe('pcap files', () => {
  afterEach(() => {
    rmSync(join(program.temporary, 'out.pcap'), { force: true });
    return program.leftNothing();
  });
  const written = (): ReturnType<typeof readPcap> => readPcap(readFileSync(join(program.temporary, 'out.pcap')));

  test('run --pcap in the lab', { skip: whyNoNetns }, async () => {
    const { status, stdout, stderr } = await program.run(['run', '--pcap', 'out.pcap', '-n', '500', '-s', '200']);
    assert.equal(status, 0, stderr);
    assert.doesNotMatch(stdout, /lost|far end/);
    const { records } = written();
    assert.equal(records.length, 500);
    for (const { bytes } of records) assert.equal(bytes.length, 200);
  });

  test('flows in a file: as many as were asked for, each of its length', { skip: whyNoNetns }, async () => {
    const args = [
      '--flows',
      '8',
      '--flowlen',
      '4',
      '--flag',
      'FLOW_SEQ',
      '--dst-min',
      '10.9.1.1',
      '--dst-max',
      '10.9.1.8',
    ];
    const { status, stderr } = await program.run(['run', '--pcap', 'out.pcap', '-n', '64', ...args]);
    assert.equal(status, 0, stderr);
    const seen = new Map<string, number>();
    for (const { bytes } of written().records) {
      const dst = Buffer.from(bytes).subarray(30, 34).join('.');
      seen.set(dst, (seen.get(dst) ?? 0) + 1);
    }
    assert.equal(seen.size, 8, [...seen].join(' '));
    for (const [dst, packets] of seen) assert.equal(packets, 8, dst);
  });

  test('run --pcap to a file that cannot be made', { skip: whyNoNetns }, async () => {
    const { status, stderr } = await program.run(['run', '--pcap', 'no/such/folder.pcap', '-n', '5']);
    assert.equal(status, 1);
    assert.match(stderr, /no\/such\/folder\.pcap/);
  });

  test('preview --pcap', async () => {
    const args = ['preview', '--pcap', 'out.pcap', '--packets', '7', '--vlan-id', '5', '-s', '90'];
    const { status, stdout, stderr } = await program.run(args);
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '7 packets written to out.pcap\n' });
    const { records } = written();
    assert.equal(records.length, 7);
    for (const { bytes } of records) {
      assert.equal(bytes.length, 90);
      assert.ok(dissect(bytes).layers.some((layer) => layer.name === 'vlan'));
    }
  });
});

describe('a terminal', {
  skip: whyNoNetns || (spawnSync('script', ['-V']).status !== 0 && 'needs script (Debian: bsdutils)'),
}, () => {
  test('shows one live line, and clears it', async () => {
    const command = `${program.shellCommand} run -n 2000 --ratep 2000`;
    const { status, stdout } = await program.startOther(['script', '-qec', command, '/dev/null']).ended;
    assert.equal(status, 0, stdout);
    const shown = stdout.split('\r\x1b[K');
    assert.match(shown[1] ?? '', /^[\d.]+ k?pps · [\d.]+ [kM]?bit\/s · [\d,]+ of 2,000 · [\d.]+ % · \d+ s left$/);
    assert.match(shown.at(-1) ?? '', /^Device: pg0\r\nResult: OK: /);
    await program.leftNothing();
  });
});
