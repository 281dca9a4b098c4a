import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { XDP } from '../../src/linux/bpf-link.ts';
import { allowedCpus } from '../../src/linux/sched.ts';
import { readU64, STATE } from '../../src/template/device-state.ts';
import { capture } from '../support/capture.ts';
import { atFarEnd } from '../support/far-end.ts';
import { openOnPair, writer } from '../support/generator.ts';
import { TestPair, whyNoNetns } from '../support/netns.ts';

const TIMEOUT_MS = 30_000;
/** Starts of which the closest counts: other work on the machine may hold a thread up. */
const TRIES = 10;
/** Threads that start together do so within this, ns. */
const SPREAD_NS = 1e6;
const cpus = allowedCpus();
const whyNot = whyNoNetns || (cpus.length < 2 && 'needs two CPUs');

describe('threads that start together', { skip: whyNot, timeout: 4 * TIMEOUT_MS }, () => {
  for (const transmitter of ['ring', 'live'] as const) {
    test(`${transmitter}: first packets leave within a millisecond`, { timeout: TIMEOUT_MS }, async (t) => {
      using pair = new TestPair({ queues: cpus.length });
      using _pass = atFarEnd(pair, XDP.PASS);
      await using opened = await openOnPair(pair, []);
      const { pktgen } = opened.generator;
      for (const cpu of cpus) {
        const name = `pg0@${cpu}`;
        await opened.write(`kpktgend_${cpu}`, `add_device ${name}`);
        await opened.write(
          name,
          `transmitter ${transmitter}`,
          'count 2000',
          'ratep 50000',
          'pkt_size 60',
          ...['min', 'max'].map((end) => `udp_dst_${end} ${100 + cpu}`),
        );
      }
      await opened.write('pg0', 'count 1', `transmitter ${transmitter}`);
      const spreads: number[] = [];
      for (let tries = 0; tries < TRIES && !(Math.min(...spreads) < SPREAD_NS); tries++) {
        using sink = capture('pg0p', { netns: pair.far, slots: 8192 });
        await pktgen.write('pgctrl', 'start\n', writer);
        const devices = cpus.map((cpu) => pktgen.device(`pg0@${cpu}`));
        for (const device of devices) assert.equal(device?.figures().packets, 2000, opened.log.join('\n'));
        const starts = devices.map((device) => readU64(device?.state ?? new Uint32Array(0), STATE.startedAt));
        const first = new Map<number, number>();
        for (const frame of sink.stop()) {
          const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
          if (frame.length < 60 || view.getUint16(12) !== 0x0800) continue;
          const us = view.getUint32(50) * 1e6 + view.getUint32(54);
          first.set(view.getUint16(36), Math.min(us, first.get(view.getUint16(36)) ?? Number.POSITIVE_INFINITY));
        }
        const stamps = cpus.map((cpu) => first.get(100 + cpu) ?? Number.NaN);
        const spread = (all: readonly number[]): number => Math.max(...all) - Math.min(...all);
        t.diagnostic(
          `${transmitter}: begin ${spread(starts) / 1000} us, stamps of the first packets ${spread(stamps)} us`,
        );
        spreads.push(Math.max(spread(starts), spread(stamps) * 1000));
      }
      assert.ok(Math.min(...spreads) < SPREAD_NS, `ns: ${spreads.join(', ')}`);
    });
  }
});
