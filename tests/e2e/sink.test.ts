import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Bench, cannotServe } from '../support/served.ts';
import { Program } from './program.ts';

const TIMEOUT_MS = 30_000;

interface Flow {
  readonly flow: string;
  readonly packets: number;
  readonly bytes: number;
  readonly lost: number;
  readonly reordered: number;
  readonly duplicates: number;
  readonly restarts: number;
  readonly latency?: { readonly packets: number; readonly min: number; readonly p99: number; readonly max: number };
}

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

  /** Sends while a sink looks on; what it says at its end. */
  async function received(runs: readonly (readonly string[])[], args: readonly string[] = []): Promise<Flow[]> {
    const sink = program.start(['sink', '-i', 'pg0p', '--json', ...args], { netns: bench.far });
    await new Promise((resolve) => setTimeout(resolve, 700));
    for (const run of runs) {
      const argv = ['run', '-i', 'pg0', '-m', '02:00:00:00:00:02', ...run];
      const { status, stderr } = await program.run(argv, { netns: bench.near });
      assert.equal(status, 0, stderr);
    }
    sink.process.kill('SIGINT');
    const { status, stdout, stderr } = await sink.ended;
    assert.equal(status, 0, stderr);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Flow);
    await program.leftNothing();
    return lines.slice(0, -1);
  }

  test('every packet of a run is counted, none is lost, and each took its time', { timeout: TIMEOUT_MS }, async () => {
    const [flow, ...more] = await received([['-n', '200000', '-s', '60']]);
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
    const flows = await received([
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

  test('a link that there is not, and numbers that make no sense', { timeout: TIMEOUT_MS }, async () => {
    const none = await program.run(['sink', '-i', 'none0'], { netns: bench.far });
    assert.deepEqual([none.status, none.stdout], [1, '']);
    assert.match(none.stderr, /^pktgen: none0: there is no such link here/);
    const first = program.start(['sink', '-i', 'pg0p', '--seconds', '3'], { netns: bench.far });
    await first.says(/measures; \^C ends it/);
    const second = await program.run(['sink', '-i', 'pg0p'], { netns: bench.far });
    assert.deepEqual([second.status, second.stdout], [1, '']);
    assert.match(second.stderr, /^pktgen: pg0p: another XDP program is there: /);
    first.process.kill('SIGTERM');
    assert.equal((await first.ended).status, 0);
    const many = await program.run(['sink', '-i', 'pg0p', '--flows', '65537'], { netns: bench.far });
    assert.equal(many.status, 2);
    assert.match(many.stderr, /--flows "65537": wants a whole number from 1 to 65536/);
  });
});
