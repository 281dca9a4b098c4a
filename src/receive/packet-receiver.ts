import { PacketRxRing, RX_STATUS, tpacket3Hdr, tpacketBlock } from '../linux/packet-rx-ring.ts';
import { ethernetField } from '../wire/ethernet.ts';
import { VLAN_TAG_LEN } from '../wire/vlan.ts';
import { dropFromStack } from './drop-from-stack.ts';
import { type FrameKind, HeaderFinder } from './find-header.ts';
import { FlowAnalysis } from './flow-analysis.ts';
import { type FlowField, keyLength } from './flow-key.ts';
import type { KeptPacket, Receiver, ReceiverOptions, ReceiverTotals } from './receiver.ts';

/** The ring: what comes in some tenths of a second at a million packets per second. */
const BLOCK_SIZE = 1 << 20;
const BLOCKS = 64;
/** A block that does not fill is handed over after so long, ms. */
const RETIRE_MS = 4;
/** From one look at the ring to the next, ms, where there is nothing to do. */
const IDLE_MS = 1;
/** After so long, ms, others may run in between. */
const LONGEST_LOOK_MS = 20;

const word = (offset: number): number => offset / 4;

/** Our packets and those of others, as they are counted. */
type Counts = { -readonly [K in keyof ReceiverTotals]: number };

/**
 * Measures in user space what a packet socket sees: where the kernel lets us load no program. It takes from the ring
 * between what else this thread does, so that must not take long. These are copies: packets go on to the stack, unless it
 * is let throw them away there.
 */
export class PacketReceiver implements Receiver {
  readonly how = 'a packet socket';
  readonly by: readonly FlowField[];
  readonly #ring: PacketRxRing;
  readonly #drop: Disposable | undefined;
  readonly #view: DataView;
  readonly #words: Uint32Array;
  readonly #finder: HeaderFinder;
  readonly #key: Buffer;
  readonly #room: number;
  readonly #capture: number;
  readonly #latency: boolean;
  readonly #flows = new Map<string, FlowAnalysis>();
  /** The flow of the packet before: the next one is often of the same. */
  #last: FlowAnalysis | undefined;
  readonly #lastKey: Uint32Array;
  readonly #keyWords: Uint32Array;
  readonly #kept: KeptPacket[] = [];
  readonly #counts: Counts = { ours: 0, foreign: 0, truncated: 0, fragment: 0, overflow: 0, busy: 0, missed: 0 };
  /** The block that is handed over next. */
  #block = 0;
  #timer: NodeJS.Timeout | NodeJS.Immediate | undefined;
  /** The packet at hand. */
  readonly #arrival = { seq: 0, sec: 0, nsec: 0, bytes: 0, atSec: 0, atNsec: 0 };

  constructor({ ifindex, flows, by, capture, pass, latency = true }: ReceiverOptions) {
    this.#latency = latency;
    this.by = by;
    this.#room = flows;
    this.#capture = capture;
    this.#finder = new HeaderFinder(by);
    const length = keyLength(by);
    this.#key = Buffer.from(this.#finder.key.buffer, 0, length);
    this.#keyWords = new Uint32Array(this.#finder.key.buffer, 0, length / 4);
    this.#lastKey = new Uint32Array(length / 4);
    this.#ring = new PacketRxRing({ ifindex, blockSize: BLOCK_SIZE, blocks: BLOCKS, retireMs: RETIRE_MS });
    this.#drop = pass ? undefined : dropFromStack(ifindex);
    this.#view = new DataView(this.#ring.memory);
    this.#words = new Uint32Array(this.#ring.memory);
    this.#lookAgain(false);
  }

  get passes(): boolean {
    return this.#drop === undefined;
  }

  refresh(): void {}

  async settle(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 2 * RETIRE_MS));
    while (this.#takeBlocks()) await new Promise((resolve) => setImmediate(resolve));
  }

  records(): BigUint64Array[] {
    return [...this.#flows.values()].map((flow) => flow.record());
  }

  totals(): ReceiverTotals {
    this.#counts.missed += this.#ring.takeDrops();
    return { ...this.#counts };
  }

  captured(): KeptPacket[] {
    return this.#kept;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer as NodeJS.Timeout);
    clearImmediate(this.#timer as NodeJS.Immediate);
    this.#drop?.[Symbol.dispose]();
    this.#ring[Symbol.dispose]();
  }

  #lookAgain(soon: boolean): void {
    const look = (): void => this.#lookAgain(this.#takeBlocks());
    this.#timer = soon ? setImmediate(look) : setTimeout(look, IDLE_MS);
  }

  /** Takes what the kernel has handed over. True when there may be more. */
  #takeBlocks(): boolean {
    const until = performance.now() + LONGEST_LOOK_MS;
    for (;;) {
      const at = this.#block * BLOCK_SIZE;
      const status = word(at + tpacketBlock.status);
      if ((Atomics.load(this.#words, status) & RX_STATUS.USER) === 0) return false;
      this.#takeBlock(at);
      Atomics.store(this.#words, status, RX_STATUS.KERNEL);
      this.#block = (this.#block + 1) % BLOCKS;
      if (performance.now() > until) return true;
    }
  }

  #takeBlock(block: number): void {
    const words = this.#words;
    const packets = words[word(block + tpacketBlock.numPkts)] ?? 0;
    let at = block + (words[word(block + tpacketBlock.offsetToFirstPkt)] ?? 0);
    for (let n = 0; n < packets; n++) {
      this.#takeFrame(at);
      at += words[word(at + tpacket3Hdr.nextOffset)] ?? 0;
    }
  }

  /** The frame whose tpacket3_hdr is at `at`. */
  #takeFrame(at: number): void {
    const words = this.#words;
    const from = at + this.#view.getUint16(at + tpacket3Hdr.mac, true);
    const end = from + (words[word(at + tpacket3Hdr.snaplen)] ?? 0);
    const isTagged = ((words[word(at + tpacket3Hdr.status)] ?? 0) & RX_STATUS.VLAN_VALID) !== 0;
    const kind: FrameKind = isTagged
      ? this.#finder.find(this.#view, from, end, words[word(at + tpacket3Hdr.vlanTci)])
      : this.#finder.find(this.#view, from, end);
    if (kind !== 'ours') {
      this.#counts[kind]++;
      return;
    }
    const flow = this.#flow();
    if (!flow) {
      this.#counts.overflow++;
      return;
    }
    const arrival = this.#arrival;
    const finder = this.#finder;
    arrival.seq = finder.seq;
    arrival.sec = this.#latency ? finder.sec : 0;
    arrival.nsec = this.#latency ? finder.nsec : 0;
    arrival.bytes = (words[word(at + tpacket3Hdr.len)] ?? 0) + (isTagged ? VLAN_TAG_LEN : 0);
    arrival.atSec = words[word(at + tpacket3Hdr.sec)] ?? 0;
    arrival.atNsec = words[word(at + tpacket3Hdr.nsec)] ?? 0;
    flow.take(arrival);
    this.#counts.ours++;
    if (this.#kept.length < this.#capture) this.#keep(at, from, end, isTagged);
  }

  /** The flow of the key that was found; undefined when there is no room for another one. */
  #flow(): FlowAnalysis | undefined {
    if (this.#last && sameWords(this.#keyWords, this.#lastKey)) return this.#last;
    const name = this.#key.toString('latin1');
    let flow = this.#flows.get(name);
    if (!flow) {
      if (this.#flows.size >= this.#room) return undefined;
      flow = new FlowAnalysis(this.#finder.key);
      this.#flows.set(name, flow);
    }
    this.#last = flow;
    this.#lastKey.set(this.#keyWords);
    return flow;
  }

  /** Keeps a copy of the packet at hand; a tag that the kernel has taken out is put back. */
  #keep(header: number, from: number, end: number, isTagged: boolean): void {
    const { atSec, atNsec, bytes: length } = this.#arrival;
    const at = BigInt(atSec) * 1_000_000_000n + BigInt(atNsec);
    const frame = new Uint8Array(this.#ring.memory, from, end - from);
    if (!isTagged) {
      this.#kept.push({ at, length, bytes: frame.slice() });
      return;
    }
    const bytes = new Uint8Array(frame.length + VLAN_TAG_LEN);
    bytes.set(frame.subarray(0, ethernetField.type));
    const tag = new DataView(bytes.buffer, ethernetField.type);
    tag.setUint16(0, this.#view.getUint16(header + tpacket3Hdr.vlanTpid, true));
    tag.setUint16(2, this.#view.getUint16(header + tpacket3Hdr.vlanTci, true));
    bytes.set(frame.subarray(ethernetField.type), ethernetField.type + VLAN_TAG_LEN);
    this.#kept.push({ at, length, bytes });
  }
}

function sameWords(one: Uint32Array, other: Uint32Array): boolean {
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false;
  return true;
}
