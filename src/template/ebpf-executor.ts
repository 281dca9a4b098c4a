import { store } from '../ebpf/code.ts';
import { type Code, type Instruction, type MapName, R6, R7 } from '../ebpf/instruction.ts';
import { ipv4Field } from '../wire/ipv4.ts';
import { ipv6Field } from '../wire/ipv6.ts';
import { pktgenField } from '../wire/pktgen-header.ts';
import { udpField } from '../wire/udp.ts';
import { constantBytes } from './constant-bytes.ts';
import { headerCode } from './ebpf-header.ts';
import { modifierCode } from './ebpf-modifiers.ts';
import { RandomRegisters } from './ebpf-random.ts';
import { sizeCode } from './ebpf-size.ts';
import type { PacketTemplate } from './packet-template.ts';

/** What the code of a packet may rely on. */
export interface PacketCodeOptions {
  readonly template: PacketTemplate;
  /** The device's state: what no modifier changes is taken from it now. */
  readonly state: Uint32Array;
  /** The map whose value is a flow table; only templates with flows need one. */
  readonly flows: MapName;
  /**
   * Bytes that are written for each packet, from its start: headers, and zeros after them where another template's may
   * have been. Memory that was a packet before holds what its receiver made of it.
   */
  readonly whole: number;
}

/** The code that makes a packet. */
export interface PacketCode {
  /**
   * Wants R6 at the frame, R7 at the device's state, and at least `frame.length` bytes that may be written. Leaves the
   * length of the frame in R8, and the state as the JavaScript executor does. Uses R0 to R5 and R9, calls no helper.
   */
  readonly code: Code;
  /** The length of all frames; undefined where it varies. */
  readonly length: number | undefined;
}

/**
 * Compiles the making of a packet to eBPF: the same bytes, state and random draws as the JavaScript executor's. A template
 * knows modifiers only, so whatever can be written as modifiers runs at the speed of the kernel.
 */
export function packetCode({ template, state, flows, whole }: PacketCodeOptions): PacketCode {
  const constant = constantBytes(template, state);
  const view = new DataView(constant.buffer);
  const random = new RandomRegisters();
  const modifiers = template.modifiers.map((modifier) => modifierCode(modifier, random, flows));
  const size = sizeCode(template, state, random);
  const code = [
    constantCode(view, whole, writtenBytes(template)),
    random.drawn ? RandomRegisters.take(R7) : [],
    modifiers,
    size.code,
    random.drawn ? random.put(R7) : [],
    headerCode(template, view, size.length, flows),
  ];
  return { code, length: size.length };
}

/** Writes the constant bytes of a packet's first `length`, as few instructions as can be; leaves out what is written later. */
function constantCode(view: DataView, length: number, written: ReadonlySet<number>): Code {
  const code: Instruction[] = [];
  const isWritten = (at: number, size: number): boolean =>
    Array.from({ length: size }, (_, i) => at + i).every((byte) => written.has(byte));
  const isZero = (at: number): boolean => at >= view.byteLength || view.getUint32(at) === 0;
  for (let at = 0; at < length; ) {
    const rest = length - at;
    if (rest >= 8 && isZero(at) && isZero(at + 4) && !isWritten(at, 4) && !isWritten(at + 4, 4)) {
      code.push(store(R6, at, 'u64', 0));
      at += 8;
    } else if (rest >= 4) {
      if (!isWritten(at, 4)) code.push(store(R6, at, 'u32', at < view.byteLength ? view.getInt32(at, true) : 0));
      at += 4;
    } else {
      const size = rest >= 2 ? 'u16' : 'u8';
      const bytes = rest >= 2 ? 2 : 1;
      const value = at >= view.byteLength ? 0 : bytes === 2 ? view.getUint16(at, true) : view.getUint8(at);
      code.push(store(R6, at, size, value));
      at += bytes;
    }
  }
  return code;
}

/** Bytes that are written for each packet after its constants. */
function writtenBytes({ modifiers, fixups }: PacketTemplate): Set<number> {
  const { ip, l3, l4, payload, timestamp, nsec, udpChecksum } = fixups;
  const spans: [at: number, length: number][] = [
    [l4 + udpField.length, 2],
    [payload + pktgenField.seq, timestamp ? 12 : 4],
  ];
  if (nsec !== undefined) spans.push([nsec, 2]);
  if (udpChecksum) spans.push([l4 + udpField.checksum, 2]);
  if (ip === 6) spans.push([l3 + ipv6Field.payloadLength, 2]);
  else for (const at of [ipv4Field.totalLength, ipv4Field.id, ipv4Field.checksum]) spans.push([l3 + at, 2]);
  for (const modifier of modifiers) {
    if (modifier.kind === 'mac-count') spans.push([modifier.at + 1, 5]);
    else if ('field' in modifier && modifier.field) spans.push([modifier.field.offset, modifier.field.width]);
  }
  return new Set(spans.flatMap(([at, length]) => Array.from({ length }, (_, i) => at + i)));
}
