import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TransmitJob } from '../../src/pktgen/engine.ts';
import type { FrameQueue } from '../../src/transmit/frame-queue.ts';
import { RingQueue } from '../../src/transmit/ring-queue.ts';
import { XskQueue } from '../../src/transmit/xsk-queue.ts';
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
function put(queue: FrameQueue, frame: Uint8Array, to = 0): boolean {
  if (queue.reserve(1) === 0) return false;
  new Uint8Array(queue.memory).set(frame, queue.at);
  queue.commit(1, Uint32Array.of(frame.length), Uint16Array.of(to));
  return true;
}

/** How a queue is opened for a test. */
interface Opening {
  readonly slotLen?: number;
  readonly ifindex?: number;
  readonly priority?: number;
}

/** Ways to hand frames to a link: all of them keep the same promises. */
const QUEUES = {
  'AF_PACKET ring, start_xmit': (options) => new RingQueue({ bypassQdisc: true, ...options }),
  'AF_PACKET ring, queue_xmit': (options) => new RingQueue({ bypassQdisc: false, ...options }),
  'AF_XDP, copying': (options) => new XskQueue({ queues: [0], ...options }),
} satisfies Record<string, (options: Required<Opening>) => FrameQueue>;
type QueueKind = keyof typeof QUEUES;

const openQueue = (kind: QueueKind, pair: TestPair, options: Opening = {}): FrameQueue =>
  pair.near.run(() => QUEUES[kind]({ ifindex: pair.nearLink.index, slotLen: 2000, priority: 0, ...options }));

/** Hands over until nothing is pending; a link that takes nothing for a second is stuck. */
function flushAll(queue: FrameQueue): number {
  let left = 0;
  for (const until = Date.now() + 1000; queue.pending > 0 && Date.now() < until; ) left += queue.flush();
  return left;
}

for (const kind of Object.keys(QUEUES) as QueueKind[]) {
  const open = (pair: TestPair, options: Opening = {}): FrameQueue => openQueue(kind, pair, options);
  describe(kind, { skip: whyNoNetns }, () => {
    test('frames arrive byte for byte, in order', () => {
      using pair = new TestPair();
      using sink = capture('pg0p', { netns: pair.far });
      const queue = open(pair);
      const sent = Array.from({ length: 10_000 }, (_, i) => frameOf(60 + (i % 1400), i));
      let left = 0;
      for (const [i, frame] of sent.entries()) {
        while (!put(queue, frame)) left += queue.flush();
        if (i % 64 === 63) left += queue.flush();
      }
      left += flushAll(queue);
      assert.equal(left, sent.length);
      assert.equal(
        queue.bytes,
        sent.reduce((sum, frame) => sum + frame.length, 0),
      );
      const frames = sink.stop();
      assert.equal(frames.length, sent.length);
      for (const [i, frame] of frames.entries()) assert.deepEqual(frame, sent[i], `frame ${i}`);
      assert.equal(queue.drained(), true);
      queue.close();
    });

    test('a full queue has no room, and nothing of it is counted', () => {
      using pair = new TestPair();
      const queue = open(pair);
      const before = pair.nearLink.statistics?.txPackets;
      let committed = 0;
      while (put(queue, frameOf(60, committed))) committed++;
      assert.equal(committed, queue.slots);
      assert.equal(queue.reserve(32), 0);
      assert.deepEqual([queue.pending, queue.bytes], [queue.slots, 0]);
      assert.equal(pair.nearLink.statistics?.txPackets, before);
      assert.equal(flushAll(queue), committed);
      assert.equal(pair.farLink.statistics?.rxPackets, committed);
      assert.notEqual(queue.reserve(32), 0);
      queue.close();
    });

    test('a link that is down or gone is an error, and what was committed is not counted', () => {
      using pair = new TestPair();
      const queue = open(pair);
      put(queue, frameOf(60, 1));
      pair.nearRoutes.setUp(pair.nearLink.index, false);
      assert.throws(() => queue.flush(), { name: 'SyscallError', code: 'ENETDOWN' });
      assert.deepEqual([queue.pending, queue.bytes], [1, 0]);
      pair.nearRoutes.setUp(pair.nearLink.index);
      assert.equal(flushAll(queue), 1);
      put(queue, frameOf(60, 2));
      pair.nearRoutes.remove(pair.nearLink.index);
      assert.throws(() => queue.flush(), { name: 'SyscallError', code: 'ENXIO' });
      queue.close();
    });

    for (const length of [9014, 32_000, 65_535]) {
      test(`a frame of ${length} bytes arrives`, () => {
        using pair = new TestPair();
        pair.nearRoutes.setMtu(pair.nearLink.index, 65_535);
        pair.farRoutes.setMtu(pair.farLink.index, 65_535);
        using sink = capture('pg0p', { netns: pair.far, longest: 65_600, slots: 64 });
        const queue = open(pair, { slotLen: length });
        assert.ok(queue.slotLen >= length);
        const sent = Array.from({ length: 20 }, (_, i) => frameOf(length - i, i));
        for (const frame of sent) put(queue, frame);
        assert.equal(flushAll(queue), 20);
        assert.deepEqual(sink.stop(), sent);
        queue.close();
      });
    }

    test('a ring that is closed, or could not be opened, leaves no descriptor and no mapping', () => {
      using pair = new TestPair();
      const before = held();
      for (let n = 0; n < 20; n++) {
        const queue = open(pair, { priority: 3 });
        put(queue, frameOf(60, n));
        assert.equal(queue.flush(), 1);
        assert.notDeepEqual(held(), before);
        queue.close();
        queue.close();
      }
      assert.throws(() => open(pair, { ifindex: 9999 }), { message: /ENODEV/ });
      assert.deepEqual(held(), before);
    });

    test('frames may have the longest length that the link takes: its MTU, the Ethernet header and a VLAN tag', () => {
      using pair = new TestPair();
      const queue = open(pair);
      const job = { link: { mtu: 1500 } } as unknown as TransmitJob;
      const [plain, tagged] = [frameOf(queue.longestFrame(job), 1), frameOf(queue.longestFrame(job), 2)];
      tagged.set([0x81, 0x00, 0x00, 0x05], 12);
      using sink = capture('pg0p', { netns: pair.far });
      put(queue, plain);
      put(queue, tagged);
      assert.equal(flushAll(queue), 2);
      assert.deepEqual(sink.stop(), [plain, tagged]);
      queue.close();
    });

    test('sends into the namespace it was opened for, whatever the thread is in', () => {
      using pair = new TestPair();
      const queue = open(pair);
      put(queue, frameOf(60, 1));
      assert.equal(queue.flush(), 1);
      assert.equal(linkOf(pair.farRoutes, 'pg0p').statistics?.rxPackets, 1);
      queue.close();
    });
  });
}

describe('AF_PACKET ring', { skip: whyNoNetns }, () => {
  const open = (pair: TestPair): FrameQueue => openQueue('AF_PACKET ring, start_xmit', pair);

  test('a link that takes nothing for a while gets each frame once afterwards', () => {
    using pair = new TestPair();
    using sink = capture('pg0p', { netns: pair.far });
    const queue = open(pair);
    pair.farRoutes.setUp(pair.farLink.index, false);
    const sent = Array.from({ length: 200 }, (_, i) => frameOf(60 + i, i));
    for (const frame of sent) put(queue, frame);
    for (let n = 0; n < 50; n++) assert.equal(queue.flush(), 0);
    assert.deepEqual([queue.pending, queue.bytes, queue.drained()], [200, 0, true]);
    pair.farRoutes.setUp(pair.farLink.index);
    assert.equal(flushAll(queue), 200);
    assert.deepEqual(sink.stop(), sent);
    queue.close();
  });

  test('a frame that the link finds too long holds up what is behind it, until it is taken back', () => {
    using pair = new TestPair();
    using sink = capture('pg0p', { netns: pair.far });
    const queue = open(pair);
    const lengths = [60, 1518, 1519, 1900, 61];
    for (const [i, length] of lengths.entries()) put(queue, frameOf(length, i));
    let left = 0;
    for (let n = 0; n < 50; n++) left += queue.flush();
    assert.deepEqual([left, queue.pending, queue.bytes], [2, 3, 60 + 1518]);
    assert.equal(queue.discard(), 3);
    // Their slots serve again.
    put(queue, frameOf(100, 9));
    assert.equal(flushAll(queue), 1);
    assert.deepEqual(sink.stop(), [frameOf(60, 0), frameOf(1518, 1), frameOf(100, 9)]);
    assert.equal(queue.drained(), true);
    queue.close();
  });
});

describe('AF_XDP', { skip: whyNoNetns }, () => {
  test('frames that a link without carrier throws away are counted as that', () => {
    using pair = new TestPair();
    const queue = openQueue('AF_XDP, copying', pair);
    put(queue, frameOf(100, 0));
    assert.equal(flushAll(queue), 1);
    pair.farRoutes.setUp(pair.farLink.index, false);
    for (let i = 1; i <= 20; i++) put(queue, frameOf(60 + i, i));
    assert.equal(flushAll(queue), 0);
    assert.deepEqual([queue.pending, queue.dropped, queue.bytes], [0, 20, 100]);
    pair.farRoutes.setUp(pair.farLink.index);
    put(queue, frameOf(200, 21));
    assert.equal(flushAll(queue), 1);
    assert.deepEqual([queue.dropped, queue.bytes, queue.drained()], [20, 300, true]);
    queue.close();
  });
});
