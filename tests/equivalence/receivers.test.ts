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
import { HeaderFinder } from '../../src/receive/find-header.ts';
import { FlowAnalysis } from '../../src/receive/flow-analysis.ts';
import { keyOf } from '../../src/receive/flow-figures.ts';
import { FLOW_FIELDS, type FlowField, keyLength, SENDER_FIELDS } from '../../src/receive/flow-key.ts';
import { RECORD, RECORD_LEN, RECORD_WORDS } from '../../src/receive/flow-record.ts';
import { SINK, SINK_WORDS } from '../../src/receive/sink-memory.ts';
import { sinkCode } from '../../src/receive/sink-program.ts';
import { bytes, FRAMES, plain, SEC } from '../support/arriving-frames.ts';

const FLOWS = 4;
/** Where the tests tell the program the time. */
const CLOCK = SINK_WORDS - 1;
/** A test run takes no frame shorter than an Ethernet header. */
const SHORTEST = 14;
const OTHERS = ['foreign', 'truncated', 'fragment'] as const;
const VERDICT = { drop: 1, pass: 2 } as const;

interface Arriving {
  readonly frame: Uint8Array;
  /** When it comes, ns of the wall clock. */
  readonly at: bigint;
}

/** A receiver's program, without a link. */
class Receiver implements Disposable {
  readonly words: BigUint64Array;
  readonly records: BigUint64Array;
  readonly #sink = new SharedMap(SINK_WORDS * 8, 'test_sink');
  readonly #flows = new SharedMap(FLOWS * RECORD_LEN, 'test_flows');
  readonly #index: HashMap;
  readonly #program: BpfProgram;
  readonly #keyLen: number;

  constructor(by: readonly FlowField[]) {
    this.words = new BigUint64Array(this.#sink.memory, 0, SINK_WORDS);
    this.records = new BigUint64Array(this.#flows.memory, 0, FLOWS * RECORD_WORDS);
    this.#keyLen = keyLength(by);
    this.#index = new HashMap(FLOWS * 2, this.#keyLen, 'test_index');
    const clock = [mapValue(R1, 'sink'), load(R0, 'u64', R1, CLOCK * 8)];
    const maps = { sink: this.#sink.fd, flows: this.#flows.fd, index: this.#index.fd };
    const code = sinkCode({ flows: FLOWS, pass: false, by, clock });
    this.#program = new BpfProgram('XDP', assemble(code, maps), 'test_sink');
  }

  /** Gives frames to a receiver that knows nothing yet. Their verdicts. */
  take(frames: readonly Arriving[]): number[] {
    // What an earlier test has left.
    for (let i = 0; i < FLOWS; i++) this.#index.delete(keyOf(this.record(i)).subarray(0, this.#keyLen));
    this.words.fill(0n);
    this.records.fill(0n);
    return frames.map(({ frame, at }) => {
      this.words[CLOCK] = at;
      return testRun(this.#program.fd, frame).verdict;
    });
  }
  record = (flow: number): BigUint64Array => this.records.slice(flow * RECORD_WORDS, (flow + 1) * RECORD_WORDS);
  get kindSeen(): string | undefined {
    if (this.records[RECORD.packets] === 1n) return 'ours';
    return OTHERS.find((kind) => this.words[SINK[kind]] === 1n);
  }

  [Symbol.dispose](): void {
    for (const owner of [this.#program, this.#index, this.#sink, this.#flows]) owner[Symbol.dispose]();
  }
}

const CHOICES: readonly (readonly [what: string, by: readonly FlowField[]])[] = [
  ['the sender', SENDER_FIELDS],
  ['addresses and ports', ['src', 'dst', 'sport', 'dport', 'vlan']],
  ['one address', ['src']],
  ['everything', FLOW_FIELDS],
  ['nothing', []],
];

for (const [what, by] of CHOICES) {
  describe(`the XDP receiver sees what the TypeScript receiver sees, by ${what}`, {
    skip: !hasCapability('CAP_BPF') && 'needs root (CAP_BPF)',
  }, () => {
    let receiver: Receiver;
    before(() => {
      receiver = new Receiver(by);
    });
    after(() => receiver[Symbol.dispose]());
    const finder = new HeaderFinder(by);
    const find = (frame: Uint8Array) =>
      finder.find(new DataView(frame.buffer, frame.byteOffset, frame.byteLength), 0, frame.byteLength);

    /** A single frame: the same kind, the same record, and nobody else's frame is taken. */
    function same(frame: Uint8Array, note: string): void {
      const at = BigInt(SEC) * 1_000_000_000n + 6321n;
      const kind = find(frame);
      const [verdict] = receiver.take([{ frame, at }]);
      assert.equal(receiver.kindSeen, kind, note);
      assert.equal(verdict, kind === 'ours' ? VERDICT.drop : VERDICT.pass, note);
      const expected = kind === 'ours' ? analysed([{ frame, at }])[0] : new BigUint64Array(RECORD_WORDS);
      assert.deepEqual(receiver.record(0), expected, note);
    }

    /** What the TypeScript receiver makes of frames of ours. */
    function analysed(frames: readonly Arriving[]): BigUint64Array[] {
      const flows = new Map<string, FlowAnalysis>();
      for (const { frame, at } of frames) {
        assert.equal(find(frame), 'ours');
        const key = finder.key.toString();
        const flow = flows.get(key) ?? new FlowAnalysis(finder.key);
        if (flows.size < FLOWS) flows.set(key, flow);
        const { seq, sec, nsec } = finder;
        const [atSec, atNsec] = [Number(at / 1_000_000_000n), Number(at % 1_000_000_000n)];
        if (flows.has(key)) flow.take({ seq, sec, nsec, bytes: frame.length, atSec, atNsec });
      }
      return [...flows.values()].map((flow) => flow.record());
    }

    for (const [name, frame] of FRAMES) {
      test(`${name}, whole and cut off anywhere`, () => {
        for (let length = frame.length; length >= SHORTEST; length -= length > 120 ? 7 : 1) {
          same(frame.subarray(0, length), `${length} bytes`);
        }
      });
    }

    test('whatever the bytes are', () => {
      const changed = fc
        .tuple(
          fc.constantFrom(...FRAMES.map(([, frame]) => frame)),
          fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 4 }),
          fc.uint8Array({ maxLength: 8 }),
        )
        .map(([whole, changes, more]) => {
          const frame = bytes([...whole], [...more]);
          for (const [at, value] of changes) frame[at % frame.length] = value;
          return frame;
        });
      fc.assert(
        fc.property(fc.oneof(changed, fc.uint8Array({ minLength: SHORTEST, maxLength: 200 })), (frame) =>
          same(frame, ''),
        ),
        { numRuns: Number(process.env.EQUIVALENCE_RUNS ?? 1000) },
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
          const frames = packets.map(({ seq: number, us, ns, sender, timed }) => ({
            frame: plain(number, us, sender, timed),
            at: BigInt(SEC) * 1_000_000_000n + BigInt(us) * 1000n + BigInt(ns) - 500n,
          }));
          const expected = analysed(frames);
          receiver.take(frames);
          for (const [i, record] of expected.entries()) assert.deepEqual(receiver.record(i), record, `flow ${i}`);
          const counted = expected.reduce((sum, record) => sum + (record[RECORD.packets] ?? 0n), 0n);
          const { words } = receiver;
          assert.deepEqual([words[SINK.overflow], words[SINK.busy]], [BigInt(packets.length) - counted, 0n]);
        }),
        { numRuns: 200 },
      );
    });
  });
}
