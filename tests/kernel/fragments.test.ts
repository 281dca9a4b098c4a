import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ETHERNET_HEADER_LEN } from '../../src/wire/ethernet.ts';
import { capture } from '../support/capture.ts';
import { openOnPair, writer } from '../support/generator.ts';
import { TestPair, whyNoNetns } from '../support/netns.ts';
import { SkbProbe } from '../support/skb-probe.ts';

/** Ethernet, IPv4, UDP and pktgen header. */
const HEADERS = 58;
/** What the other test files do not send. */
const SIZE = 1311;
const payload = SIZE - HEADERS;
const times = (count: number, bytes: number): number[] => Array.from({ length: count }, () => bytes);

/** [configuration, transmitter chosen, linear bytes of the frame, fragments]: facts of pktgen_finalize_skb. */
const ROWS: readonly (readonly [lines: readonly string[], chosen: string, linear: number, fragments: number[]])[] = [
  [['frags 1'], 'ring', HEADERS, [payload]],
  [['frags 1', 'transmitter xsk'], 'xsk', HEADERS, [payload]],
  [['frags 2'], 'xsk', HEADERS, [626, 627]],
  [['frags 5'], 'xsk', HEADERS, [...times(4, 250), 253]],
  [['frags 17'], 'xsk', HEADERS, [...times(16, 73), 85]],
  [['frags 40'], 'xsk', HEADERS, [...times(16, 73), 85]],
  [['frags 0', 'transmitter xsk'], 'xsk', SIZE, []],
];

describe('fragments of packets, as the driver gets them', { skip: whyNoNetns }, () => {
  for (const [lines, chosen, linear, fragments] of ROWS) {
    test(`${lines.join(', ')}: by ${chosen}`, { timeout: 20_000 }, async () => {
      using pair = new TestPair();
      using sink = capture('pg0p', { netns: pair.far });
      using probe = new SkbProbe(SIZE - ETHERNET_HEADER_LEN);
      await using opened = await openOnPair(pair, ['count 100', `pkt_size ${SIZE}`, ...lines]);
      await opened.generator.pktgen.write('pgctrl', 'start\n', writer);
      assert.equal(opened.device.sending?.transmitter, chosen);
      assert.deepEqual(probe.pieces, { linear: linear - ETHERNET_HEADER_LEN, fragments });
      const frames = sink.stop();
      assert.equal(frames.length, 100);
      for (const frame of frames)
        assert.ok(frame.length === SIZE && frame.subarray(HEADERS).every((byte) => byte === 0));
    });
  }
});
