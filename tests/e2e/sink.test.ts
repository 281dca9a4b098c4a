import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { dissect } from '../../src/wire/dissect.ts';
import { readPcap } from '../../src/wire/pcap.ts';
import { Bench, cannotServe, sh } from '../support/served.ts';
import { Program } from './program.ts';

const TIMEOUT_MS = 30_000;

interface Flow {
  readonly kind: string;
  readonly flow: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly packets: number;
  readonly bytes: number;
  readonly lost: number;
  readonly reordered: number;
  readonly duplicates: number;
  readonly restarts: number;
  readonly latency?: { readonly packets: number; readonly min: number; readonly p99: number; readonly max: number };
  readonly totals?: Readonly<Record<string, number>>;
}

const linesOf = (stdout: string): Flow[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Flow);
const flowsOf = (stdout: string): Flow[] => linesOf(stdout).filter(({ kind }) => kind === 'flow');

const whyNoScript = spawnSync('script', ['--version']).error === undefined ? false : 'needs script (Debian: bsdutils)';
const whyNoTshark =
  spawnSync('tshark', ['-v']).error === undefined
    ? false
    : 'needs tshark (Debian: tshark), an implementation to compare with';

describe('sink', { skip: cannotServe() ?? false }, () => {
  let bench: Bench;
  let program: Program;
  before(() => {
    bench = new Bench();
    program = new Program();
  });
  after(() => {
    program.close();
    bench.close();
  });

  /** Sends while a sink looks on; what that says on stdout at its end. */
  async function output(runs: readonly (readonly string[])[], args: readonly string[], files: readonly string[] = []) {
    const sink = program.start(['sink', '-i', 'pg0p', ...args], { netns: bench.far });
    // With --json and --csv it says nothing before something has come.
    await new Promise((resolve) => setTimeout(resolve, 900));
    for (const run of runs) {
      const argv = ['run', '-i', 'pg0', '-m', '02:00:00:00:00:02', ...run];
      const { status, stderr } = await program.run(argv, { netns: bench.near });
      assert.equal(status, 0, stderr);
    }
    sink.process.kill('SIGINT');
    const { status, stdout, stderr } = await sink.ended;
    assert.equal(status, 0, stderr);
    await program.leftNothing(files);
    return { stdout, stderr };
  }

  /** The flows that it has seen, and the totals. */
  async function received(runs: readonly (readonly string[])[], args: readonly string[] = []) {
    const { stdout } = await output(runs, ['--json', ...args]);
    const totals = linesOf(stdout).find(({ kind }) => kind === 'totals')?.totals;
    assert.ok(totals);
    return { flows: flowsOf(stdout), totals };
  }

  test('every packet of a run is counted, none is lost, and each took its time', { timeout: TIMEOUT_MS }, async () => {
    const {
      flows: [flow, ...more],
    } = await received([['-n', '200000', '-s', '60']]);
    assert.ok(flow?.latency);
    assert.equal(more.length, 0);
    const { packets, bytes, lost, reordered, duplicates, restarts } = flow;
    assert.deepEqual(
      { flow: flow.flow, packets, bytes, lost, reordered, duplicates, restarts },
      {
        flow: '02:00:00:00:00:01',
        packets: 200_000,
        bytes: 12_000_000,
        lost: 0,
        reordered: 0,
        duplicates: 0,
        restarts: 0,
      },
    );
    assert.equal(flow.latency.packets, 200_000);
    assert.ok(flow.latency.p99 <= flow.latency.max && flow.latency.min <= flow.latency.p99);
    assert.ok(flow.latency.p99 < 10_000_000, `${flow.latency.p99} ns over a veth`);
  });

  test('a second run begins anew; tags make flows', { timeout: TIMEOUT_MS }, async () => {
    const { flows } = await received([
      ['-n', '1000'],
      ['-n', '500'],
      ['-n', '300', '--vlan-id', '7'],
    ]);
    assert.deepEqual(
      flows.map(({ flow, packets, lost, restarts, duplicates }) => [flow, packets, lost, restarts, duplicates]),
      [
        ['02:00:00:00:00:01', 1500, 0, 1, 0],
        ['02:00:00:00:00:01 VLAN 7', 300, 0, 0, 0],
      ],
    );
  });

  test('flows by tag: one sender, whose flows have numbers of their own', { timeout: TIMEOUT_MS }, async () => {
    const run = [
      '-n',
      '3000',
      '-s',
      '62',
      '--flow-tag',
      '100',
      '--flows',
      '3',
      '--flowlen',
      '4',
      '--timestamp-ns',
      '1',
    ];
    const { flows } = await received([[...run, '--flag', 'FLOW_SEQ']]);
    assert.deepEqual(
      flows.map(({ fields, packets, lost, reordered, duplicates, restarts }) => [
        fields.tag,
        ...[packets, lost, reordered, duplicates, restarts],
      ]),
      [100, 101, 102].map((tag) => [tag, 1000, 0, 0, 0, 0]),
    );
  });

  test('65,536 flows by address and port, and what is more', { timeout: TIMEOUT_MS }, async () => {
    // Every address with every port: both walk, at lengths that have no factor in common.
    const addresses = ['--dst-min', '10.9.1.0', '--dst-max', '10.9.1.255'];
    const ports = ['--udp-dst-min', '1000', '--udp-dst-max', '1257'];
    const run = ['-n', '131072', '-s', '60', ...addresses, ...ports];
    const { flows, totals } = await received([run], ['--by', 'dst,dport', '--flow-table', '65536']);
    assert.equal(flows.length, 65_536);
    assert.equal(new Set(flows.map(({ flow }) => flow)).size, 65_536);
    assert.deepEqual([totals.ours, totals.overflow], [131_072 - (totals.overflow ?? 0), totals.overflow]);
    assert.equal(
      flows.reduce((sum, { packets }) => sum + packets, 0),
      totals.ours,
    );
    // 256 addresses with 257 ports are 65,792.
    assert.ok((totals.overflow ?? 0) >= 256, `${totals.overflow} of no flow`);
  });

  test('a link whose driver takes no program: in the stack', { timeout: TIMEOUT_MS }, async () => {
    sh(`ip -n ${bench.far} link add br0 type bridge`);
    sh(`ip -n ${bench.far} link set br0 addrgenmode none up; ip -n ${bench.far} link set pg0p master br0`);
    const sink = program.start(['sink', '-i', 'br0'], { netns: bench.far });
    await sink.says(/^br0: an XDP program in the stack measures: the driver of this link takes none; \^C ends it$/m);
    const run = ['run', '-i', 'pg0', '-m', '02:00:00:00:00:02', '-n', '500'];
    assert.equal((await program.run(run, { netns: bench.near })).status, 0);
    sink.process.kill('SIGINT');
    assert.match((await sink.ended).stdout, /^02:00:00:00:00:01 +500 .* 0 +0 +0 /m);
    sh(`ip -n ${bench.far} link del br0`);
  });

  test('on a terminal: a table that is written anew', { timeout: TIMEOUT_MS, skip: whyNoScript }, async () => {
    const command = `${program.shellCommand} sink -i pg0p --seconds 3`;
    const sink = program.startOther(['script', '-qec', command, '/dev/null'], { netns: bench.far });
    await sink.says(/measures/);
    const run = ['run', '-i', 'pg0', '-m', '02:00:00:00:00:02', '-n', '15000', '--ratep', '10000'];
    assert.equal((await program.run(run, { netns: bench.near })).status, 0);
    const { stdout } = await sink.ended;
    // Twice at least: as it goes on, and at the end.
    assert.ok(stdout.split('flow  ').length > 2, stdout);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal is told
    assert.match(stdout, /\x1b\[\d+A\x1b\[J.*02:00:00:00:00:01 +15,000 .*latency, packets:/s);
  });

  test('flows that share sequence numbers: what that means is said', { timeout: TIMEOUT_MS }, async () => {
    const run = ['-n', '2000', '--udp-dst-min', '1000', '--udp-dst-max', '1002'];
    assert.match((await output([run], ['--by', 'dport'])).stderr, /these flows seem to share .*flow_tag.*--by mac/);
    assert.doesNotMatch((await output([run], [])).stderr, /share/);
  });

  test('a packet socket counts the same, tags and all', { timeout: TIMEOUT_MS }, async () => {
    const runs = [
      ['-n', '20000', '--ratep', '100000'],
      ['-n', '300', '--vlan-id', '7', '--svlan-id', '9'],
      ['-n', '200', '--vlan-id', '7', '-s', '100', '--flow-tag', '5'],
    ];
    const { flows, totals } = await received(runs, ['--receiver', 'packet', '--pass']);
    assert.deepEqual(
      flows.map(({ flow, packets, bytes, lost, duplicates }) => [flow, packets, bytes, lost, duplicates]),
      [
        ['02:00:00:00:00:01', 20_000, 20_000 * 58, 0, 0],
        ['02:00:00:00:00:01 VLAN 9', 300, 300 * 66, 0, 0],
        ['02:00:00:00:00:01 VLAN 7 tag 5', 200, 200 * 100, 0, 0],
      ],
    );
    assert.deepEqual([totals.ours, totals.missed], [20_500, 0]);
    for (const { latency } of flows) assert.ok(latency && latency.p99 < 100_000_000);
  });

  for (const receiver of ['xdp', 'packet']) {
    test(`the first packets in a file, by ${receiver}`, { timeout: TIMEOUT_MS }, async () => {
      const file = join(program.temporary, 'first.pcap');
      const run = ['-n', '100', '--ratep', '10000', '--vlan-id', '7', '--svlan-id', '9', '-s', '1000'];
      const args = ['--receiver', receiver, '--pcap', file, '--pcap-limit', '10'];
      const { stderr } = await output([run], args, ['first.pcap']);
      assert.match(stderr, /^10 packets in the capture file$/m);
      const { records } = readPcap(readFileSync(file));
      rmSync(file);
      const sequence = records.map(({ bytes, originalLen }) => {
        assert.deepEqual([bytes.length, originalLen], [1000, 1000]);
        const { layers } = dissect(bytes);
        const header = layers.find(({ name }) => name === 'pktgen');
        assert.ok(header?.name === 'pktgen');
        return [layers.filter(({ name }) => name === 'vlan').length, header.header.seq];
      });
      assert.deepEqual(
        sequence,
        Array.from({ length: 10 }, (_, i) => [2, i + 1]),
      );
      const times = records.map(({ sec, nsec }) => sec * 1e6 + nsec / 1000);
      assert.ok(times.every((time, i) => i === 0 || time > (times[i - 1] ?? 0)));
    });
  }

  test('tshark reads the same from the capture', { timeout: TIMEOUT_MS, skip: whyNoTshark }, async () => {
    const file = join(program.temporary, 'all.pcap');
    const runs = [
      ['-n', '3000', '-s', '100', '--udp-dst-min', '1000', '--udp-dst-max', '2000'],
      ['-n', '500', '-6', '-d', 'fd00::2', '--src6', 'fd00::1', '--vlan-id', '7'],
    ];
    const { stdout } = await output(runs, ['--json', '--pcap', file], ['all.pcap']);
    const flows = flowsOf(stdout);
    // Ports in this range belong to other protocols too, which tshark would ask first.
    const fields = ['eth.src', 'vlan.id', 'pktgen.magic', 'pktgen.seqnum', 'pktgen.tvsec', 'pktgen.tvusec'];
    const args = [
      '-o',
      'udp.try_heuristic_first:TRUE',
      '-r',
      file,
      '-T',
      'fields',
      ...fields.flatMap((field) => ['-e', field]),
    ];
    const read = spawnSync('tshark', args, { encoding: 'utf8' });
    const bytes = readFileSync(file);
    rmSync(file);
    assert.equal(read.status, 0, read.stderr);
    const rows = read.stdout.trimEnd().split('\n');
    // What this project's own parser makes of the same file.
    const own = readPcap(bytes).records.map(({ bytes: frame }) => {
      const { layers } = dissect(frame);
      const header = layers.find(({ name }) => name === 'pktgen');
      const vlan = layers.find(({ name }) => name === 'vlan');
      assert.ok(header?.name === 'pktgen');
      const { seq, sec, usec } = header.header;
      return ['02:00:00:00:00:01', vlan ? '7' : '', '0xbe9be955', seq, sec, usec].join('\t');
    });
    assert.deepEqual(rows, own);
    for (const [i, vlan] of ['', '7'].entries()) {
      const numbers = rows.map((row) => row.split('\t')).filter((row) => row[1] === vlan);
      assert.equal(numbers.length, flows[i]?.packets);
      const seqs = numbers.map((row) => Number(row[3]));
      assert.deepEqual(
        seqs,
        seqs.map((_, n) => n + 1),
      );
      assert.equal(flows[i]?.lost, 0);
    }
  });

  test('as text: a table and a chart; as values: a line a second, and all at the end', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const run = ['-n', '15000', '--ratep', '10000'];
    const text = await output([run], []);
    assert.match(
      text.stdout,
      /^flow +packets .*\n02:00:00:00:00:01 +15,000 .*\nlatency, packets:\n( +[\d.]+ [nµm]?s to .*\n)+$/s,
    );
    const values = (await output([run], ['--csv'])).stdout.trimEnd().split('\n');
    const kinds = values.map((line) => line.split(',')[0]);
    assert.deepEqual([kinds[0], kinds.at(-2), kinds.at(-1)], ['kind', 'flow', 'totals']);
    assert.ok(kinds.includes('interval'), values.join('\n'));
  });

  test('a link that there is not, and numbers that make no sense', { timeout: TIMEOUT_MS }, async () => {
    const none = await program.run(['sink', '-i', 'none0'], { netns: bench.far });
    assert.deepEqual([none.status, none.stdout], [1, '']);
    assert.match(none.stderr, /^pktgen: none0: there is no such link here/);
    const first = program.start(['sink', '-i', 'pg0p', '--seconds', '3'], { netns: bench.far });
    await first.says(/measures; \^C ends it/);
    const second = await program.run(['sink', '-i', 'pg0p'], { netns: bench.far });
    assert.deepEqual([second.status, second.stdout], [1, '']);
    assert.match(second.stderr, /^pktgen: pg0p: another XDP program is there: .*--receiver packet/);
    first.process.kill('SIGTERM');
    assert.equal((await first.ended).status, 0);
    const many = await program.run(['sink', '-i', 'pg0p', '--flow-table', '65537'], { netns: bench.far });
    assert.equal(many.status, 2);
    const field = await program.run(['sink', '-i', 'pg0p', '--by', 'src,port'], { netns: bench.far });
    assert.equal(field.status, 2);
    assert.match(field.stderr, /--by "src,port": there is no field "port", but mac, vlan, tag, sport, dport, src, dst/);
    assert.match(many.stderr, /--flow-table "65537": wants a number from 1 to 65536/);
  });
});
