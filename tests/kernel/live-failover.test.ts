import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { XDP } from '../../src/linux/bpf-link.ts';
import { VerifierError } from '../../src/linux/bpf-program.ts';
import { monotonicNs, wallOffset } from '../../src/linux/clock.ts';
import { Netns } from '../../src/linux/netns.ts';
import type { TransmitJob } from '../../src/pktgen/engine.ts';
import { progressOf, STATE } from '../../src/template/device-state.ts';
import { DeviceMemory } from '../../src/transmit/device-memory.ts';
import type { LiveFailure, LiveThread } from '../../src/transmit/live/live-thread.ts';
import { ThreadDevices } from '../../src/transmit/thread-devices.ts';
import type { ThreadReport } from '../../src/transmit/thread-message.ts';
import { atFarEnd } from '../support/far-end.ts';
import { jobOf } from '../support/job.ts';
import { TestPair, whyNoNetns } from '../support/netns.ts';

const clock = { now: monotonicNs, wallOffset, sleepUntil() {} };

/** Live frames that never come to send: refused at their start, or by the first call. */
class FailingLive implements Partial<LiveThread> {
  readonly #error: Error | undefined;
  #jobs: readonly TransmitJob[] = [];
  constructor(error: Error | undefined) {
    this.#error = error;
  }
  get active(): boolean {
    return this.#jobs.length > 0;
  }
  has(): boolean {
    return false;
  }
  take(): void {}
  start(jobs: readonly { readonly job: TransmitJob }[]): void {
    if (this.#error) throw this.#error;
    this.#jobs = jobs.map(({ job }) => job);
  }
  poll(): number[] {
    return [];
  }
  takeFailure(): LiveFailure | undefined {
    const jobs = this.#jobs;
    this.#jobs = [];
    return jobs.length > 0 ? { reason: 'EOPNOTSUPP', jobs } : undefined;
  }
  begin(): void {}
  close(): void {}
}

describe('where live frames fail, the ring goes on', { skip: whyNoNetns }, () => {
  /** [what fails, with what, what is said]. */
  const failures: readonly (readonly [what: string, error: Error | undefined, why: RegExp])[] = [
    [
      'the program is refused',
      new VerifierError('loop', 22, 'unknown func\n'),
      /^no live frames: bpf BPF_PROG_LOAD loop: EINVAL: unknown func$/,
    ],
    ['the call is refused', undefined, /^no live frames: EOPNOTSUPP$/],
  ];
  for (const [what, error, why] of failures) {
    test(`${what}: all packets leave, and why is said`, async () => {
      using pair = new TestPair();
      using _drop = atFarEnd(pair, XDP.DROP);
      const { state: configured, ...job } = await jobOf(['count 5000', 'pkt_size 60']);
      const memory = new DeviceMemory();
      const state = memory.take();
      state.set(configured);
      state[STATE.running] = 1;
      using home = Netns.current();
      pair.near.enter();
      const reports: ThreadReport[] = [];
      const devices = new ThreadDevices(
        { cpu: 0, pcap: undefined, noMaps: undefined },
        clock,
        (report) => reports.push(report),
        () => new FailingLive(error) as unknown as LiveThread,
      );
      try {
        const link = { name: 'pg0', index: pair.nearLink.index, mtu: 1500, txQueues: 1 };
        devices.start([{ ...job, link, patches: [], share: memory.share(state) }]);
        devices.poll();
        for (let turns = 0; state[STATE.running] === 1 && turns < 10_000; turns++) {
          const { next } = devices;
          assert.ok(next, 'nobody sends');
          devices.send(next);
        }
      } finally {
        devices.close();
        home.enter();
        memory.close();
      }
      assert.deepEqual(progressOf(state), { packets: 5000, bytes: 300_000, errors: 0 });
      assert.equal(pair.farLink.statistics?.rxPackets, 5000);
      const last = reports.filter((report) => 'chosen' in report).at(-1);
      assert.ok(last && 'chosen' in last);
      assert.equal(last.name, 'ring');
      assert.match(last.why, why);
    });
  }
});
