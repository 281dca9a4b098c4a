import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TransmitJob } from '../../src/pktgen/engine.ts';
import { RingQueue } from '../../src/transmit/ring-queue.ts';
import { capture } from '../support/capture.ts';
import { FAR_MAC, held, linkOf, NEAR_MAC, TestPair, whyNoNetns } from '../support/netns.ts';

const bytesOf = (mac: string): number[] => mac.split(':').map((pair) => Number.parseInt(pair, 16));

/** A frame of an unassigned type whose bytes all depend on `seed`. */
function frameOf(length: number, seed: number): Uint8Array {
  const frame = Uint8Array.from({ length }, (_, i) => (seed * 31 + i * 7 + (i >> 8)) & 0xff);
  frame.set([...bytesOf(FAR_MAC), ...bytesOf(NEAR_MAC), 0x88, 0xb5]);
  new DataView(frame.buffer).setUint32(14, seed);
  return frame;
}

/** Puts a frame into the queue; false when there is no room. */
function put(queue: RingQueue, frame: Uint8Array): boolean {
  if (queue.reserve(1) === 0) return false;
  new Uint8Array(queue.memory).set(frame, queue.at);
  queue.commit(1, Uint32Array.of(frame.length));
  return true;
}

const open = (pair: TestPair, { slotLen = 2000, bypassQdisc = true, priority = 0 } = {}): RingQueue =>
  pair.near.run(() => new RingQueue({ ifindex: pair.nearLink.index, slotLen, bypassQdisc, priority }));

/** Hands over until nothing is pending; a link that takes nothing for a second is stuck. */
function flushAll(queue: RingQueue): number {
  let left = 0;
  for (const until = Date.now() + 1000; queue.pending > 0 && Date.now() < until; ) left += queue.flush();
  return left;
}

describe('AF_PACKET ring', { skip: whyNoNetns }, () => {
  for (const bypassQdisc of [true, false]) {
    test(`frames arrive byte for byte, in order (${bypassQdisc ? 'start_xmit' : 'queue_xmit'})`, () => {
      using pair = new TestPair();
      using sink = capture("pg0p", { netns: pair.far });
      const queue = open(pair, { bypassQdisc });
      const sent = Array.from({ length: 10_000 }, (_, i) => frameOf(60 + (i % 1400), i));
      let left = 0;
      for (const [i, frame] of sent.entries()) {
        while (!put(queue, frame)) left += queue.flush();
        if (i % 64 === 63) left += queue.flush();
      }
      left += flushAll(queue);
      assert.equal(left, sent.length);
      assert.equal(queue.dropped, 0);
      assert.equal(queue.bytes, sent.reduce((sum, frame) => sum + frame.length, 0));
      const frames = sink.stop();
      assert.equal(frames.length, sent.length);
      for (const [i, frame] of frames.entries()) assert.deepEqual(frame, sent[i], `frame ${i}`);
      assert.equal(queue.drained(), true);
      queue.close();
    });
  }
});
