import { alu, alu32, jumpIf, label, load, mov, toBigEndian } from '../ebpf/code.ts';
import { type Code, type MapName, R0, R1, R6, R8, R9 } from '../ebpf/instruction.ts';
import { IP_PROTOCOL, IPV4_HEADER_LEN, ipv4Field } from '../wire/ipv4.ts';
import { IPV6_HEADER_LEN, ipv6Field } from '../wire/ipv6.ts';
import { PKTGEN_HEADER_LEN, pktgenField } from '../wire/pktgen-header.ts';
import { udpField } from '../wire/udp.ts';
import { constantSum } from './constant-bytes.ts';
import { STATE } from './device-state.ts';
import { flowSeqCode } from './ebpf-modifiers.ts';
import { keep, put, putConstant, take } from './ebpf-words.ts';
import type { FieldModifier } from './field-modifier.ts';
import { countsPerFlow, type PacketTemplate } from './packet-template.ts';

/** Folds the sum in R0 to 16 bits; R1 is lost. */
const fold: Code = [0, 1, 2].map(() => [mov(R1, R0), alu(R1, '>>', 16), alu(R0, '&', 0xffff), alu(R0, '+', R1)]);

/** Lengths, counters, time and checksums, from the length in R8, or from a constant one. `flows`: the map of the flow table. */
export function headerCode(template: PacketTemplate, view: DataView, length: number | undefined, flows: MapName): Code {
  const { ip, l3, l4, payload, timestamp, nsec, udpChecksum } = template.fixups;
  const perFlow = countsPerFlow(template);
  const seqAt = payload + pktgenField.seq;
  const end = template.frame.length;
  const shown = shownWords(template.modifiers);
  /** A length that follows from the frame's: the bytes from `from` on. */
  const putLength = (at: number, from: number): Code =>
    length === undefined
      ? [mov(R0, R8), alu32(R0, '-', from), put({ offset: at, width: 2 })]
      : putConstant(at, length - from);
  const putWord = (at: number, state: number): Code => [take(R0, state), put({ offset: at, width: 4 })];
  return [
    putLength(l4 + udpField.length, l4),
    perFlow ? [flowSeqCode(flows), put({ offset: seqAt, width: 4 })] : putWord(seqAt, STATE.seqNum),
    timestamp
      ? [putWord(payload + pktgenField.sec, STATE.timeSec), putWord(payload + pktgenField.usec, STATE.timeUsec)]
      : [],
    nsec === undefined ? [] : [take(R0, STATE.timeNsec), put({ offset: nsec, width: 2 })],
    ip === 4 ? ipv4Code() : putLength(l3 + ipv6Field.payloadLength, l4),
    udpChecksum ? udpCode() : [],
    [take(R0, STATE.seqNum), alu32(R0, '+', 1), keep(STATE.seqNum, R0)],
    length === undefined ? [] : mov(R8, length),
  ];

  /** R0 += the state words that stand in this part of the frame. */
  function addShown(from: number, to: number): Code {
    return [...shown].filter(([at]) => at >= from && at < to).map(([, state]) => [take(R1, state), alu(R0, '+', R1)]);
  }
  function varying(from: number, to: number): number[] {
    return [...shown].flatMap(([at, , width]) => (at >= from && at < to ? (width === 2 ? [at] : [at, at + 2]) : []));
  }
  /** R0 += a length that follows from the frame's, as often as it stands there; as putLength. */
  function addLength(from: number, times: number): Code {
    if (length !== undefined) return [alu(R0, '+', ((length - from) & 0xffff) * times)];
    const add = [mov(R1, R8), alu32(R1, '-', from), alu32(R1, '&', 0xffff)];
    return [add, Array.from({ length: times }, () => alu(R0, '+', R1))];
  }

  function ipv4Code(): Code {
    const end = l3 + IPV4_HEADER_LEN;
    const leaveOut = [l3 + ipv4Field.totalLength, l3 + ipv4Field.id, l3 + ipv4Field.checksum, ...varying(l3, end)];
    return [
      putLength(l3 + ipv4Field.totalLength, l3),
      [take(R9, STATE.ipId), mov(R0, R9), put({ offset: l3 + ipv4Field.id, width: 2 })],
      [mov(R0, R9), alu(R0, '+', constantSum(view, l3, end, new Set(leaveOut)))],
      addLength(l3, 1),
      addShown(l3, end),
      [fold, alu(R0, '^', 0xffff), put({ offset: l3 + ipv4Field.checksum, width: 2 })],
      [alu32(R9, '+', 1), alu32(R9, '&', 0xffff), keep(STATE.ipId, R9)],
    ];
  }

  function udpCode(): Code {
    const nonZero = label('sum is not zero');
    const [from, to] =
      ip === 4 ? [l3 + ipv4Field.src, l3 + IPV4_HEADER_LEN] : [l3 + ipv6Field.src, l3 + IPV6_HEADER_LEN];
    const leaveOut = new Set([l4 + udpField.length, l4 + udpField.checksum, ...varying(from, to), ...varying(l4, end)]);
    for (let at = pktgenField.seq; at < PKTGEN_HEADER_LEN; at += 2) leaveOut.add(payload + at);
    if (nsec !== undefined) leaveOut.add(nsec);
    const base = IP_PROTOCOL.UDP + constantSum(view, from, to, leaveOut) + constantSum(view, l4, end, leaveOut);
    const words = [
      ...(perFlow ? [] : [STATE.seqNum]),
      ...(timestamp ? [STATE.timeSec, STATE.timeUsec] : []),
      ...(nsec === undefined ? [] : [STATE.timeNsec]),
    ];
    return [
      mov(R0, base),
      addLength(l4, 2),
      perFlow ? [load(R1, 'u32', R6, seqAt), toBigEndian(R1, 32), alu(R0, '+', R1)] : [],
      words.map((state) => [take(R1, state), alu(R0, '+', R1)]),
      addShown(from, to),
      addShown(l4, end),
      [fold, alu(R0, '^', 0xffff), jumpIf(R0, '!=', 0, nonZero), mov(R0, 0xffff), nonZero],
      put({ offset: l4 + udpField.checksum, width: 2 }),
    ];
  }
}

/** Fields that modifiers write and that checksums cover: they show their state word as it is. */
function shownWords(modifiers: readonly FieldModifier[]): Set<readonly [at: number, state: number, width: 2 | 4]> {
  const shown = new Set<readonly [number, number, 2 | 4]>();
  for (const modifier of modifiers) {
    if (modifier.kind === 'flow' || modifier.kind === 'mac-count' || modifier.field === undefined) continue;
    shown.add([modifier.field.offset, modifier.state, modifier.field.width]);
  }
  return shown;
}
