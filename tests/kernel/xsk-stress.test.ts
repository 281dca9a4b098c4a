import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { XskQueue } from '../../src/transmit/xsk-queue.ts';
import { until } from '../support/generator.ts';
import { TestPair, whyNoNetns } from '../support/netns.ts';
import { NUMBER_AT, OrderCheck } from '../support/order-check.ts';

const FRAMES = 300_000;
const MOST_AT_ONCE = 48;
const HEADERS = 58;

/** Numbers that look random, the same ones each time. */
function newDraw(): (below: number) => number {
  let state = 12345;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe('AF_XDP rings that go round and round', { skip: whyNoNetns }, () => {
  for (const { queues, frags } of [
    { queues: [0], frags: 0 },
    { queues: [0, 1, 2, 3], frags: 0 },
    { queues: [1, 3], frags: 3 },
  ]) {
    test(`${FRAMES} frames on ${queues.length} queues, ${frags} fragments: each arrives once, in order`, {
      timeout: 60_000,
    }, async () => {
      using pair = new TestPair({ queues: 4 });
      using check = new OrderCheck(pair);
      const { index } = pair.nearLink;
      const queue = pair.near.run(
        () => new XskQueue({ ifindex: index, queues, slotLen: 1514, frags, headers: HEADERS }),
      );
      const view = new DataView(queue.memory);
      const [lengths, to] = [new Uint32Array(MOST_AT_ONCE), new Uint16Array(MOST_AT_ONCE)];
      const draw = newDraw();
      let [made, left] = [0, 0];
      while (made < FRAMES || queue.pending > 0) {
        const room = made < FRAMES ? queue.reserve(Math.min(1 + draw(MOST_AT_ONCE), FRAMES - made)) : 0;
        for (let n = 0; n < room; n++) {
          view.setUint32(queue.at + n * queue.stride + NUMBER_AT, ++made);
          lengths[n] = HEADERS + 2 + draw(1400);
          to[n] = queues[draw(queues.length)] ?? 0;
        }
        queue.commit(room, lengths, to);
        // Now and then only: more of the rings is in use then.
        if (draw(4) === 0 || room === 0) left += queue.flush();
      }
      assert.deepEqual([left, queue.dropped], [FRAMES, 0]);
      await until('all frames', () => check.arrived.packets >= FRAMES);
      assert.deepEqual(check.arrived, { packets: FRAMES, sum: (FRAMES * (FRAMES + 1)) / 2, disorder: 0 });
      await until('all slots are free', () => queue.drained());
      queue.close();
    });
  }
});
