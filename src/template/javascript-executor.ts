import { IP_PROTOCOL, IPV4_HEADER_LEN, ipv4Field } from '../wire/ipv4.ts';
import { IPV6_HEADER_LEN, ipv6Field } from '../wire/ipv6.ts';
import { PKTGEN_HEADER_LEN, pktgenField } from '../wire/pktgen-header.ts';
import { UDP_HEADER_LEN, udpField } from '../wire/udp.ts';
import { constantBytes, constantSum } from './constant-bytes.ts';
import { STATE } from './device-state.ts';
import type {
  FieldModifier,
  FrameField,
  MacCountModifier,
  RandomBitsModifier,
  RangeModifier,
} from './field-modifier.ts';
import { newFlowSeals, type SealMeans } from './flow-seals.ts';
import { type FlowTable, newFlowTable } from './flow-table.ts';
import { countsPerFlow, HEADER_ROOM, longestFrame, MIN_PAYLOAD, type PacketTemplate } from './packet-template.ts';
import { IMIX_PRECISION } from './size-rule.ts';

/** Writes packets of one template into memory. */
export interface PacketWriter {
  /**
   * Makes `count` packets, the first at `at` and each `stride` bytes further: advances the state and writes what varies.
   * Their frames' lengths come into `lengths`, their transmit queues into `queues` where those vary. Each packet uses up
   * a sequence number. Needs prepared slots.
   */
  readonly write: (at: number, stride: number, count: number, lengths: Uint32Array, queues: Uint16Array) => void;
  /** Lays the constant bytes of the frame, and zeros after them, at `at`: once for each slot that is used again and again. */
  readonly prepare: (at: number) => void;
}

/** Where an executor writes: memory of a frame queue. */
export interface FrameMemory {
  readonly buffer: ArrayBufferLike;
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** Writers made so far. */
let writers = 0;

/**
 * Makes the writer of a template: JavaScript is generated for just this template, because a packet may cost some
 * nanoseconds only. What no modifier changes is taken from the state now and becomes part of the constant bytes.
 */
export function newPacketWriter(
  template: PacketTemplate,
  state: Uint32Array,
  memory: FrameMemory,
  flows: FlowTable = newFlowTable(template.modifiers.some((m) => m.kind === 'flow') ? undefined : 1),
  means?: SealMeans,
): PacketWriter {
  const view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
  const bytes = new Uint8Array(memory.buffer, memory.byteOffset, memory.byteLength);
  const constant = constantBytes(template, state);
  const source = writerSource(template, new DataView(constant.buffer), state);
  const room = Math.min(HEADER_ROOM, memory.byteLength);
  const prepare = (at: number): void => bytes.set(room < HEADER_ROOM ? constant.subarray(0, room) : constant, at);
  const seals = template.seal && newFlowSeals({ ...template, seal: template.seal }, state, bytes, required(means));
  const longest = longestFrame(template, state[STATE.curPktSize] ?? 0);
  /** Makes a slot anew whose last frame was sealed: nothing of it is as it was laid. */
  const renew = (at: number): void => {
    bytes.fill(0, at + room, Math.min(at + longest, bytes.length));
    prepare(at);
  };
  const make = new Function('s', 'view', 'flow', 'seals', 'renew', source);
  return { write: make(state, view, flows, seals, renew) as PacketWriter['write'], prepare };
}

function required(means: SealMeans | undefined): SealMeans {
  if (!means) throw new TypeError('a template that seals packets needs the means to do so');
  return means;
}

/** Words of the random source. A packet takes them into variables, draws, and puts them back: STATE.random. */
const [X, Y, Z, W] = [STATE.random, STATE.random + 1, STATE.random + 2, STATE.random + 3];
const TAKE_RANDOM = `let x = s[${X}], y = s[${Y}], z = s[${Z}], w = s[${W}], t = 0, r = 0;`;
const PUT_RANDOM = `s[${X}] = x; s[${Y}] = y; s[${Z}] = z; s[${W}] = w;`;
/** One draw (xorshift128, Marsaglia 2003); leaves it in `r` as an unsigned number. */
const DRAW = 't = x ^ (x << 11); t ^= t >>> 8; x = y; y = z; z = w; w ^= (w >>> 19) ^ t; r = w >>> 0;';

/** A number below `n` from `r`: the high word of their product, exact (prandom_u32_max). */
const below = (n: number): string =>
  n <= 2 ** 21
    ? `((r * ${n} * ${2 ** -32}) >>> 0)`
    : `((((r >>> 16) * ${n} + Math.floor((r & 0xffff) * ${n} * ${2 ** -16})) * ${2 ** -16}) >>> 0)`;

const put = ({ offset, width }: FrameField, value: string): string =>
  `view.setUint${width * 8}(at + ${offset}, ${value});`;

function rangeSource({ state, field, bits, min, max, order, includesMax, unicast, perFlow }: RangeModifier): string {
  const wrap = bits === 16 ? '& 0xffff' : '>>> 0';
  const past = includesMax.walk ? '>' : '>=';
  const span = max - min + (includesMax.random ? 1 : 0);
  const walk = `v = (s[${state}] + 1) ${wrap}; if (v ${past} ${max}) v = ${min};`;
  const draw = `${DRAW} v = (${below(span)} + ${min}) ${wrap};`;
  // A range with nothing but addresses that may not be drawn would draw for ever, as the kernel's does; 64 tries end it.
  const again = `let tries = 64; do { ${draw} } while (--tries > 0 && ((v >>> 28) === 14 || (v >>> 24) === 127 || (v >>> 24) === 0 || v === 0xffffffff));`;
  const advance = order === 'walk' ? walk : unicast ? again : draw;
  const keep = perFlow
    ? `if (flow.begun[f]) v = flow.dstAddr[f]; else { ${min < max ? advance : `v = s[${state}];`}
       flow.begun[f] = 1; flow.dstAddr[f] = v; s[${STATE.flowsSeen}]++; }`
    : advance;
  const show = field ? put(field, 'v') : state === STATE.curQueueMap ? 'queues[n] = v;' : '';
  return `{ let v; ${keep} s[${state}] = v; ${show} }`;
}

/** The count is added to the lower four bytes; their carry goes into byte 1 and is lost there. */
function macCountSource({ state, at, base, count, order }: MacCountModifier): string {
  const [, second = 0, ...lower] = base;
  const low = lower.reduce((sum, byte) => sum * 256 + byte, 0);
  const pick =
    order === 'random'
      ? `${DRAW} const m = ${below(count)};`
      : `const m = s[${state}]; s[${state}] = m + 1 >= ${count} ? 0 : m + 1;`;
  return `{ ${pick} const sum = ${low} + m; view.setUint32(at + ${at + 2}, sum >>> 0);
    view.setUint8(at + ${at + 1}, sum > 0xffffffff ? ${(second + 1) & 0xff} : ${second}); }`;
}

const randomBitsSource = ({ state, field, set, keep, mark, clear, add }: RandomBitsModifier): string =>
  `{ ${DRAW} const v = (((r | ${set}) & ${keep}) | ${mark}) >>> 0; s[${state}] = v; ${put(field, `((v & ${~clear}) | ${add}) >>> 0`)} }`;

function modifierSource(modifier: FieldModifier): string {
  switch (modifier.kind) {
    case 'flow':
      return modifier.order === 'walk'
        ? `f = s[${STATE.curFlow}]; if (flow.count[f] >= ${modifier.flowLen}) { flow.count[f] = 0; flow.begun[f] = 0;
             f = f + 1 >= ${modifier.flows} ? 0 : f + 1; s[${STATE.curFlow}] = f; } flow.count[f]++;`
        : `${DRAW} f = ${below(modifier.flows)}; s[${STATE.curFlow}] = f;
             if (flow.count[f] > ${modifier.flowLen}) { flow.count[f] = 0; flow.begun[f] = 0; } flow.count[f]++;`;
    case 'flow-tag': {
      const { state, field, first } = modifier;
      return `{ const v = (${first} + f) & 0xffff; s[${state}] = v; ${put(field, 'v')} } shown = ++flow.seq[f];`;
    }
    case 'range':
      return rangeSource(modifier);
    case 'mac-count':
      return macCountSource(modifier);
    case 'random-bits':
      return randomBitsSource(modifier);
  }
}

/** Statements that leave the packet's size in `size` and in the state. */
function sizeSource(template: PacketTemplate, state: Uint32Array): string {
  const rule = template.size;
  const word = `s[${STATE.curPktSize}]`;
  switch (rule.kind) {
    case 'fixed':
      return `const size = ${(state[STATE.curPktSize] ?? 0) | 0};`;
    case 'walk':
      return `let size = ((${word} | 0) + 1) | 0; if (size > ${rule.max}) size = ${rule.min}; ${word} = size;`;
    case 'random':
      return `${DRAW} const size = ${below(rule.max - rule.min)} + ${rule.min}; ${word} = size;`;
    case 'imix': {
      const cases = rule.sizes.map((size, i) => `case ${i}: size = ${size}; break;`).join(' ');
      return `${DRAW} const e = IMIX[${below(IMIX_PRECISION)}]; let size = 0; switch (e) { ${cases} } ${word} = size;
        if (++s[${STATE.imixCounts} + 2 * e] === 0) s[${STATE.imixCounts} + 2 * e + 1]++;`;
    }
  }
}

/** Reads the words at these offsets back from the frame being written and adds them. */
const sumOf = (words: Iterable<number>): string => [...words].map((at) => ` + view.getUint16(at + ${at})`).join('');

const fold = (name: string): string =>
  `${name} = (${name} & 0xffff) + (${name} >>> 16); ${name} = (${name} & 0xffff) + (${name} >>> 16);`;

/** Offsets of the 16-bit words that modifiers write. */
function writtenWords(modifiers: readonly FieldModifier[]): Set<number> {
  const words = new Set<number>();
  for (const modifier of modifiers) {
    if (modifier.kind === 'flow' || modifier.kind === 'mac-count' || modifier.field === undefined) continue;
    for (let at = 0; at < modifier.field.width; at += 2) words.add(modifier.field.offset + at);
  }
  return words;
}

/** The body of the writer: modifiers, size, header fields that count or follow, checksums. */
function writerSource(template: PacketTemplate, constant: DataView, state: Uint32Array): string {
  const { fixups, modifiers, overhead } = template;
  const { ip, l3, l4, payload, nsec } = fixups;
  const perFlow = countsPerFlow(template);
  /** The sequence number that the packet shows. */
  const seq = perFlow ? 'shown' : 'q';
  const end = template.frame.length;
  const written = writtenWords(modifiers);
  const within = (from: number, to: number): number[] => [...written].filter((at) => at >= from && at < to);
  const lines = modifiers.map(modifierSource);
  if (template.seal) lines.push(`if (flow.count[f] === 1 || !seals.isKnown(f)) seals.look(f);`);
  lines.push(sizeSource(template, state));
  const taken = template.seal ? `${overhead} - seals.overhead` : `${overhead}`;
  lines.push(`const data = size - ${taken} < ${MIN_PAYLOAD} ? ${MIN_PAYLOAD} : size - ${taken};`);
  lines.push(`const udp = (data + ${UDP_HEADER_LEN}) & 0xffff;`);
  lines.push(`view.setUint16(at + ${l4 + udpField.length}, udp);`);
  lines.push(`view.setUint32(at + ${payload + pktgenField.seq}, ${seq});`);
  if (fixups.timestamp) {
    lines.push(
      `view.setUint32(at + ${payload + pktgenField.sec}, sec); view.setUint32(at + ${payload + pktgenField.usec}, usec);`,
    );
  }
  if (nsec !== undefined) lines.push(`view.setUint16(at + ${nsec}, nsec);`);
  lines.push(ip === 4 ? ipv4Source() : `view.setUint16(at + ${l3 + ipv6Field.payloadLength}, udp);`);
  if (fixups.udpChecksum) lines.push(udpSource());
  const imix = template.size.kind === 'imix' ? `const IMIX = new Uint8Array([${template.size.table.join(',')}]);` : '';
  const body = lines.join('\n');
  const [take, put] = body.includes(DRAW) ? [TAKE_RANDOM, PUT_RANDOM] : ['', ''];
  const time = `const sec = s[${STATE.timeSec}], usec = s[${STATE.timeUsec}], nsec = s[${STATE.timeNsec}];`;
  // The number keeps the engine from sharing code between writers: each is compiled for its own memory.
  return `${imix} return function write(at, stride, count, lengths, queues) { // ${++writers}
    let q = s[${STATE.seqNum}], id = s[${STATE.ipId}], f = 0, shown = 0; ${time} ${take}
    for (let n = 0; n < count; n++) {
      ${template.seal ? 'renew(at);' : ''} ${body}
      lengths[n] = ${template.seal ? `seals.seal(f, at, ${payload} + data)` : `${payload} + data`}; q = (q + 1) >>> 0; at += stride;
    }
    s[${STATE.seqNum}] = q; s[${STATE.ipId}] = id; ${put} }`;

  function ipv4Source(): string {
    const follows = [l3 + ipv4Field.totalLength, l3 + ipv4Field.id, l3 + ipv4Field.checksum];
    const varying = within(l3, l3 + IPV4_HEADER_LEN);
    const base = constantSum(constant, l3, l3 + IPV4_HEADER_LEN, new Set([...follows, ...varying]));
    return `const total = (data + ${IPV4_HEADER_LEN + UDP_HEADER_LEN}) & 0xffff;
      view.setUint16(at + ${l3 + ipv4Field.totalLength}, total); view.setUint16(at + ${l3 + ipv4Field.id}, id);
      let c = ${base} + id + total${sumOf(varying)}; ${fold('c')}
      view.setUint16(at + ${l3 + ipv4Field.checksum}, ~c & 0xffff); id = (id + 1) & 0xffff;`;
  }

  function udpSource(): string {
    const [from, to] =
      ip === 4 ? [l3 + ipv4Field.src, l3 + IPV4_HEADER_LEN] : [l3 + ipv6Field.src, l3 + IPV6_HEADER_LEN];
    const follows = [l4 + udpField.length, l4 + udpField.checksum];
    for (let at = pktgenField.seq; at < PKTGEN_HEADER_LEN; at += 2) follows.push(payload + at);
    if (nsec !== undefined) follows.push(nsec);
    const varying = [...within(from, to), ...within(l4, end)];
    const leaveOut = new Set([...follows, ...varying]);
    const base = IP_PROTOCOL.UDP + constantSum(constant, from, to, leaveOut) + constantSum(constant, l4, end, leaveOut);
    const time = fixups.timestamp ? ' + (sec >>> 16) + (sec & 0xffff) + (usec >>> 16) + (usec & 0xffff)' : '';
    const rest = nsec === undefined ? '' : ' + nsec';
    return `let u = ${base} + udp + udp + (${seq} >>> 16) + (${seq} & 0xffff)${time}${rest}${sumOf(varying)}; ${fold('u')}
      u = ~u & 0xffff; view.setUint16(at + ${l4 + udpField.checksum}, u === 0 ? 0xffff : u);`;
  }
}
