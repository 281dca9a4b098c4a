import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { assemble } from '../../src/ebpf/assembler.ts';
import { load, mapValue } from '../../src/ebpf/code.ts';
import { R0, R1 } from '../../src/ebpf/instruction.ts';
import { HashMap, SharedMap } from '../../src/linux/bpf-map.ts';
import { BpfProgram } from '../../src/linux/bpf-program.ts';
import { testRun } from '../../src/linux/bpf-test-run.ts';
import { hasCapability } from '../../src/linux/capabilities.ts';
import { findHeader } from '../../src/receive/find-header.ts';
import { takeArrival } from '../../src/receive/flow-analysis.ts';
import { RECORD, RECORD_WORDS } from '../../src/receive/flow-record.ts';
import { RECORD_LEN, SINK, SINK_WORDS } from '../../src/receive/sink-memory.ts';
import { sinkCode } from '../../src/receive/sink-program.ts';

const FLOWS = 4;
const SEC = 1_700_000_000;
/** Where the tests tell the program the time. */
const CLOCK = SINK_WORDS - 1;

/** Layers of a frame, from the outside in. */
const bytes = (...parts: readonly (readonly number[])[]): Uint8Array => Uint8Array.from(parts.flat());
const be16 = (n: number): number[] => [(n >> 8) & 0xff, n & 0xff];
const be32 = (n: number): number[] => [...be16(n >>> 16), ...be16(n)];
const MACS = (sender: number): number[] => [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, sender];
const pktgen = (seq: number, sec: number, usec: number): number[] => [
  ...be32(0xbe9be955),
  ...be32(seq),
  ...be32(sec),
  ...be32(usec),
];
const udp = (payload: readonly number[]): number[] => [0, 9, 0, 9, ...be16(8 + payload.length), 0, 0, ...payload];
const ipv4 = (payload: readonly number[], options: readonly number[] = [], fragment = 0, protocol = 17): number[] => [
  ...[
    0x45 + options.length / 4,
    0,
    ...be16(20 + options.length + payload.length),
    0,
    0,
    ...be16(fragment),
    32,
    protocol,
    0,
    0,
  ],
  ...[10, 9, 0, 1, 10, 9, 0, 2],
  ...options,
  ...payload,
];
const ipv6 = (next: number, payload: readonly number[]): number[] => [
  ...[0x60, 0, 0, 0, ...be16(payload.length), next, 64],
  ...Array<number>(32).fill(1),
  ...payload,
];
const ours = udp(pktgen(7, SEC, 5));
const plain = (seq: number, us = 0, sender = 1, timed = true): Uint8Array =>
  bytes(
    MACS(sender),
    be16(0x0800),
    ipv4(udp(timed ? pktgen(seq, SEC + Math.floor(us / 1e6), us % 1e6) : pktgen(seq, 0, 0))),
  );

/** Frames of all sorts. */
const FRAMES: readonly (readonly [what: string, frame: Uint8Array])[] = [
  ['IPv4', plain(1)],
  ['IPv4 with options', bytes(MACS(1), be16(0x0800), ipv4(ours, [1, 1, 1, 1, 1, 1, 1, 0]))],
  ['a fragment', bytes(MACS(1), be16(0x0800), ipv4(ours, [], 0x2000))],
  ['a later fragment', bytes(MACS(1), be16(0x0800), ipv4(ours, [], 5))],
  ['do not fragment', bytes(MACS(1), be16(0x0800), ipv4(ours, [], 0x4000))],
  ['TCP', bytes(MACS(1), be16(0x0800), ipv4(ours, [], 0, 6))],
  ['IPv4 whose header is too short', bytes(MACS(1), be16(0x0800), [0x44], ipv4(ours).slice(1))],
  ['IPv4 that says it is 6', bytes(MACS(1), be16(0x0800), [0x65], ipv4(ours).slice(1))],
  ['another magic', bytes(MACS(1), be16(0x0800), ipv4(udp([1, 2, 3, 4, ...pktgen(7, 0, 0).slice(4)])))],
  ['a tag', bytes(MACS(1), be16(0x8100), be16(0x6005), be16(0x0800), ipv4(ours))],
  ['two tags', bytes(MACS(1), be16(0x88a8), be16(9), be16(0x8100), be16(5), be16(0x0800), ipv4(ours))],
  [
    'three tags',
    bytes(MACS(1), be16(0x8100), be16(9), be16(0x8100), be16(5), be16(0x8100), be16(4), be16(0x0800), ipv4(ours)),
  ],
  ['labels', bytes(MACS(1), be16(0x8847), be32(0x10_0000), be32(0x10_0100), ipv4(ours))],
  ['labels before IPv6', bytes(MACS(1), be16(0x8848), be32(0x10_0100), ipv6(17, ours))],
  ['labels before something else', bytes(MACS(1), be16(0x8847), be32(0x10_0100), [0x10], ours)],
  ['17 labels', bytes(MACS(1), be16(0x8847), Array.from({ length: 17 }, () => be32(0x10_0000)).flat(), ipv4(ours))],
  ['IPv6', bytes(MACS(1), be16(0x86dd), ipv6(17, ours))],
  [
    'IPv6 with extension headers',
    bytes(MACS(1), be16(0x86dd), ipv6(0, [60, 0, 0, 0, 0, 0, 0, 0, 17, 1, ...Array<number>(14).fill(0), ...ours])),
  ],
  [
    'IPv6 with a fragment header of a whole datagram',
    bytes(MACS(1), be16(0x86dd), ipv6(44, [17, 0, 0, 0, 0, 0, 0, 1, ...ours])),
  ],
  ['an IPv6 fragment', bytes(MACS(1), be16(0x86dd), ipv6(44, [17, 0, 0, 1, 0, 0, 0, 1, ...ours]))],
  [
    'too many extension headers',
    bytes(
      MACS(1),
      be16(0x86dd),
      ipv6(0, [...Array.from({ length: 7 }, () => [0, 0, 0, 0, 0, 0, 0, 0]).flat(), ...ours]),
    ),
  ],
  ['ICMPv6', bytes(MACS(1), be16(0x86dd), ipv6(58, ours))],
  ['ARP', bytes(MACS(1), be16(0x0806), Array<number>(46).fill(0))],
];

describe('the XDP receiver sees what the TypeScript receiver sees', {
  skip: !hasCapability('CAP_BPF') && 'needs root (CAP_BPF)',
}, () => {
  let sink: SharedMap;
  let flows: SharedMap;
  let words: BigUint64Array;
  let records: BigUint64Array;
  let index: HashMap;
  let program: BpfProgram;
  before(() => {
    sink = new SharedMap(SINK_WORDS * 8, 'test_sink');
    flows = new SharedMap(FLOWS * RECORD_LEN, 'test_flows');
    words = new BigUint64Array(sink.memory, 0, SINK_WORDS);
    records = new BigUint64Array(flows.memory, 0, FLOWS * RECORD_WORDS);
    index = new HashMap(FLOWS * 2, 'test_index');
    const code = sinkCode({
      flows: FLOWS,
      pass: false,
      clock: [mapValue(R1, 'sink'), load(R0, 'u64', R1, CLOCK * 8)],
    });
    program = new BpfProgram('XDP', assemble(code, { sink: sink.fd, flows: flows.fd, index: index.fd }), 'test_sink');
  });
  after(() => {
    program[Symbol.dispose]();
    index[Symbol.dispose]();
    sink[Symbol.dispose]();
    flows[Symbol.dispose]();
  });

  /** Gives frames to a receiver that knows nothing yet: each with the time at which it comes. Their verdicts. */
  function inEbpf(frames: readonly { readonly frame: Uint8Array; readonly at: bigint }[]): number[] {
    // What an earlier test has left.
    for (let at = RECORD.key; at < records.length; at += RECORD_WORDS) index.delete(records[at] ?? 0n);
    words.fill(0n);
    records.fill(0n);
    return frames.map(({ frame, at }) => {
      words[CLOCK] = at;
      return testRun(program.fd, frame).verdict;
    });
  }
  const KINDS = ['ours', 'foreign', 'truncated', 'fragment'] as const;
  const kindSeen = (): string | undefined => KINDS.find((kind) => words[SINK[kind]] === 1n);

  /** A test run takes no frame shorter than an Ethernet header. */
  const SHORTEST = 14;
  for (const [what, frame] of FRAMES) {
    test(`${what}, whole and cut off anywhere`, () => {
      for (let length = frame.length; length >= SHORTEST; length -= length > 80 ? 3 : 1) {
        const cut = frame.subarray(0, length);
        const found = findHeader(cut);
        const [verdict] = inEbpf([{ frame: cut, at: 0n }]);
        assert.equal(kindSeen(), found.kind, `${length} bytes`);
        assert.equal(verdict, found.kind === 'ours' ? 1 : 2);
        if (found.kind === 'ours')
          assert.deepEqual([records[RECORD.key], records[RECORD.base]], [found.key, BigInt(found.seq)]);
      }
    });
  }

  test('whatever the bytes are: the same kind, and nobody else’s frame is taken', () => {
    const [, whole] = FRAMES[9] ?? [];
    assert.ok(whole);
    const changed = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 4 }).map((changes) => {
      const frame = whole.slice();
      for (const [at, value] of changes) frame[at] = value;
      return frame;
    });
    fc.assert(
      fc.property(fc.oneof(changed, fc.uint8Array({ minLength: SHORTEST, maxLength: 200 })), (frame) => {
        const found = findHeader(frame);
        const [verdict] = inEbpf([{ frame, at: 0n }]);
        assert.equal(kindSeen(), found.kind);
        assert.equal(verdict, found.kind === 'ours' ? 1 : 2);
      }),
      { numRuns: 500 },
    );
  });

  const seq = fc.oneof(
    fc.nat(40),
    fc.nat(40).map((n) => (0xffff_ffec + n) >>> 0),
    fc.nat(5000),
    fc.nat(0xffff_ffff),
  );
  const packet = fc.record({
    seq,
    us: fc.nat(5_000_000),
    ns: fc.oneof(fc.nat(2000), fc.nat(2_000_000_000)),
    sender: fc.nat(4),
    timed: fc.boolean(),
  });
  test('whatever comes in whatever order: every word of every record', () => {
    fc.assert(
      fc.property(fc.array(packet, { minLength: 1, maxLength: 120 }), (packets) => {
        const expected = new Map<number, BigUint64Array>();
        let overflow = 0n;
        const frames = packets.map(({ seq: number, us, ns, sender, timed }) => {
          const frame = plain(number, us, sender, timed);
          const at = BigInt(SEC) * 1_000_000_000n + BigInt(us) * 1000n + BigInt(ns) - 500n;
          const record = expected.get(sender) ?? (expected.size < FLOWS ? new BigUint64Array(RECORD_WORDS) : undefined);
          const found = findHeader(frame);
          assert.ok(found.kind === 'ours');
          if (record) {
            expected.set(sender, record);
            record[RECORD.key] = found.key;
            takeArrival(record, { ...found, bytes: frame.length, at });
          } else overflow++;
          return { frame, at };
        });
        inEbpf(frames);
        for (const [i, record] of [...expected.values()].entries()) {
          assert.deepEqual(records.slice(i * RECORD_WORDS, (i + 1) * RECORD_WORDS), record, `flow ${i}`);
        }
        assert.deepEqual(
          [words[SINK.ours], words[SINK.overflow], words[SINK.busy]],
          [BigInt(packets.length) - overflow, overflow, 0n],
        );
      }),
      { numRuns: 300 },
    );
  });
});
