import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EXAMPLE_LINK, previewPackets } from '../../src/cli/preview.ts';
import { hasCapability } from '../../src/linux/capabilities.ts';
import { wallOffset } from '../../src/linux/clock.ts';
import { flowFigures } from '../../src/receive/flow-figures.ts';
import { keyValues } from '../../src/receive/flow-key.ts';
import { openReceiver } from '../../src/receive/open-receiver.ts';
import { RingQueue } from '../../src/transmit/ring-queue.ts';
import { pktgenField, trailerField } from '../../src/wire/pktgen-header.ts';
import { TestPair, whyNoNetns } from '../support/netns.ts';

const PACKETS = 6000;
const FLOWS = 3;
/** Where the pktgen header of these packets is: behind Ethernet, IPv4 and UDP. */
const HEADER = 42;
/** What the relay does with a packet of a flow: that is the list. The first and the last packet of a flow come as they are. */
type Fate = 'ok' | 'lost' | 'twice' | 'swapped';
const fateOf = (flow: number, number: number): Fate => {
  const last = PACKETS / FLOWS;
  if (number === 1 || number >= last - 1) return 'ok';
  // Each flow has its own share of each.
  if (number % (40 + 7 * flow) === 3) return 'lost';
  if (number % (50 + 9 * flow) === 5) return 'twice';
  return number % (60 + 11 * flow) === 7 && fateOf(flow, number + 1) === 'ok' ? 'swapped' : 'ok';
};
/** What the relay holds packets of a flow back for, ns. */
const DELAYS = [300_000_000, 500_000_123, 900_000_999] as const;

interface Relayed {
  readonly flow: number;
  readonly bytes: Uint8Array;
  /** Packets that left their sender just now, in order: this one and one that it overtakes; none for a copy. */
  readonly left: readonly Uint8Array[];
}
interface Expected {
  packets: number;
  lost: number;
  duplicates: number;
  reordered: number;
}

/** Packets of three flows as they leave the relay, and what a receiver must say of each flow. `first`: the first number. */
function relayed(first: number): { packets: Relayed[]; expected: Expected[] } {
  const lines = ['flow_tag 10', `flows ${FLOWS}`, 'flowlen 4', 'flag FLOW_SEQ', 'timestamp_ns 1', 'count 0'];
  const flows = Array.from({ length: FLOWS }, (): Uint8Array[] => []);
  for (const { bytes } of previewPackets(lines, PACKETS, { ...EXAMPLE_LINK, name: 'pg0' }, 0)) {
    const view = new DataView(bytes.buffer);
    flows[view.getUint16(HEADER + trailerField.flowTag) - 10]?.push(bytes);
    const seq = view.getUint32(HEADER + pktgenField.seq);
    view.setUint32(HEADER + pktgenField.seq, (first + seq - 1) >>> 0);
  }
  const expected = flows.map((): Expected => ({ packets: 0, lost: 0, duplicates: 0, reordered: 0 }));
  const orders = flows.map((packets, flow) => {
    const order: Relayed[] = [];
    const of = expected[flow] as Expected;
    for (let n = 0; n < packets.length; n++) {
      const bytes = packets[n] as Uint8Array;
      const packet = { flow, bytes, left: [bytes] };
      const copy = { flow, bytes, left: [] };
      const fate = fateOf(flow, n + 1);
      if (fate === 'lost') of.lost++;
      else if (fate === 'twice') {
        order.push(packet, copy);
        of.duplicates++;
      } else if (fate === 'swapped') {
        const next = packets[++n] as Uint8Array;
        order.push({ flow, bytes: next, left: [bytes, next] }, copy);
        of.reordered++;
      } else order.push(packet);
    }
    of.packets = order.length;
    return order;
  });
  // The flows take turns, as they do on a wire.
  const longest = Math.max(...orders.map((order) => order.length));
  return {
    packets: Array.from({ length: longest }, (_, i) => orders.flatMap((order) => order[i] ?? [])).flat(),
    expected,
  };
}

/** The time that a packet has that left so long ago: the relay has held it back since. */
function stamp(bytes: Uint8Array, heldBack: number): void {
  const { sec, nsec } = wallOffset();
  const at = process.hrtime.bigint() + BigInt(sec) * 1_000_000_000n + BigInt(nsec) - BigInt(heldBack);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const [whole, rest] = [at / 1_000_000_000n, Number(at % 1_000_000_000n)];
  view.setUint32(HEADER + pktgenField.sec, Number(whole));
  view.setUint32(HEADER + pktgenField.usec, Math.floor(rest / 1000));
  view.setUint16(HEADER + trailerField.nsec, rest % 1000);
}

const RECEIVERS = ['xdp', 'packet'] as const;
for (const choice of RECEIVERS) {
  const needsBpf = choice === 'xdp' && !hasCapability('CAP_BPF') && 'needs root (CAP_BPF)';
  describe(`a link that loses, doubles, swaps and delays packets by list, measured by ${choice}`, {
    skip: whyNoNetns || needsBpf,
  }, () => {
    for (const first of [1, 0xffff_ff00]) {
      test(`every figure of every flow, from number ${first} on`, async () => {
        using pair = new TestPair();
        const { index } = pair.farLink;
        const options = { ifindex: index, flows: 16, by: ['mac', 'tag'], pass: false, capture: 0 } as const;
        using receiver = pair.far.run(() => openReceiver(options, choice)).receiver;
        const queue = pair.near.run(
          () => new RingQueue({ ifindex: pair.nearLink.index, slotLen: 2000, bypassQdisc: true, priority: 0 }),
        );
        const { packets, expected } = relayed(first);
        for (const { flow, bytes, left } of packets) {
          while (queue.reserve(1) === 0) queue.flush();
          for (const packet of left) stamp(packet, DELAYS[flow] ?? 0);
          new Uint8Array(queue.memory).set(bytes, queue.at);
          queue.commit(1, Uint32Array.of(bytes.length));
          queue.flush();
        }
        while (queue.pending > 0) queue.flush();
        queue.close();
        for (let tries = 0; tries < 100 && receiver.totals().ours < packets.length; tries++) {
          await new Promise((resolve) => setTimeout(resolve, 10));
          await receiver.settle();
        }
        const flows = receiver.records().map(flowFigures);
        assert.deepEqual(
          flows.map(({ key }) => keyValues(key, ['tag']).tag),
          [10, 11, 12],
        );
        for (const [i, { packets: came, lost, duplicates, reordered, restarts, old, latency }] of flows.entries()) {
          assert.deepEqual({ packets: came, lost, duplicates, reordered }, expected[i], `flow ${i}`);
          assert.deepEqual([restarts, old, latency?.packets], [0, 0, came]);
          const delay = DELAYS[i] ?? 0;
          for (const name of ['min', 'mean', 'p50'] as const) {
            const measured = latency?.[name] ?? 0;
            assert.ok(Math.abs(measured - delay) < delay / 100, `flow ${i}: ${name} ${measured} ns of ${delay}`);
          }
          assert.ok((latency?.min ?? 0) > delay, 'a packet came before it left');
        }
      });
    }
  });
}
