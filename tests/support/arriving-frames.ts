/** Bytes of parts, one behind the other. */
export const bytes = (...parts: readonly (readonly number[])[]): Uint8Array => Uint8Array.from(parts.flat());
export const be16 = (n: number): number[] => [(n >> 8) & 0xff, n & 0xff];
export const be32 = (n: number): number[] => [...be16(n >>> 16), ...be16(n)];

/** The second to which times in these frames belong. */
export const SEC = 1_700_000_000;
const MACS = (sender: number): number[] => [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, sender];
const zeros = (n: number): number[] => Array<number>(n).fill(0);

/** A pktgen header, and what may stand behind it. */
export const pktgen = (seq: number, sec: number, usec: number, behind: readonly number[] = []): number[] => [
  ...be32(0xbe9be955),
  ...be32(seq),
  ...be32(sec),
  ...be32(usec),
  ...behind,
];
const udp = (payload: readonly number[], length = 8 + payload.length): number[] => [
  ...[0x12, 0x34, 0, 9, ...be16(length), 0, 0],
  ...payload,
];
interface Ipv4Options {
  readonly options?: readonly number[];
  readonly fragment?: number;
  readonly protocol?: number;
}
const ipv4 = (
  payload: readonly number[],
  { options = [], fragment = 0, protocol = 17 }: Ipv4Options = {},
): number[] => [
  ...[0x45 + options.length / 4, 0, ...be16(20 + options.length + payload.length), 0, 0],
  ...[...be16(fragment), 32, protocol, 0, 0],
  ...[10, 9, 0, 1, 10, 9, 0, 2],
  ...options,
  ...payload,
];
const ipv6 = (next: number, payload: readonly number[]): number[] => [
  ...[0x60, 0, 0, 0, ...be16(payload.length), next, 64],
  ...Array.from({ length: 32 }, (_, i) => i),
  ...payload,
];

const ours = udp(pktgen(7, SEC, 5));
const tagged = udp(pktgen(7, SEC, 5, [0xab, 0xcd]));
const timed = udp(pktgen(7, SEC, 5, [0xab, 0xcd, ...be16(999)]));
const ethernet = (type: number, ...parts: readonly (readonly number[])[]): Uint8Array =>
  bytes(MACS(1), be16(type), ...parts);
const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const extension = (next: number, length = 0): number[] => [next, length, ...zeros(6 + 8 * length)];
const fragmentHeader = (next: number, offset: number): number[] => [next, 0, ...be16(offset), 0, 0, 0, 1];

/** An IPv4 packet of a sender: `us` after SEC, or without a time. */
export const plain = (seq: number, us = 0, sender = 1, hasTime = true): Uint8Array => {
  const header = hasTime ? pktgen(seq, SEC + Math.floor(us / 1e6), us % 1e6) : pktgen(seq, 0, 0);
  return bytes(MACS(sender), be16(IPV4), ipv4(udp(header)));
};

/** Frames of all sorts: ours, foreign ones, fragments, malformed ones. */
export const FRAMES: readonly (readonly [what: string, frame: Uint8Array])[] = [
  ['IPv4', plain(1)],
  ['IPv4, padded', bytes([...plain(1)], zeros(2))],
  ['IPv4, padded with what would be a tag', bytes([...plain(1)], [1, 2, 3, 4])],
  ['IPv4 without a time', plain(1, 0, 1, false)],
  ['IPv4 with a flow tag', ethernet(IPV4, ipv4(tagged))],
  ['IPv4 with a flow tag and nanoseconds', ethernet(IPV4, ipv4(timed))],
  ['nanoseconds and no time', ethernet(IPV4, ipv4(udp(pktgen(1, 0, 0, [0, 1, 0, 9]))))],
  ['more nanoseconds than a microsecond has', ethernet(IPV4, ipv4(udp(pktgen(1, SEC, 5, [0, 1, ...be16(1000)]))))],
  ['more microseconds than a second has', ethernet(IPV4, ipv4(udp(pktgen(1, SEC, 4_000_000_000))))],
  ['a datagram that says it is empty', ethernet(IPV4, ipv4(udp(pktgen(1, SEC, 5, [1, 2, 3, 4]), 0)))],
  ['a datagram that says it is longer', ethernet(IPV4, ipv4(udp(pktgen(1, SEC, 5, [1, 2, 3, 4]), 65535)))],
  ['IPv4 with options', ethernet(IPV4, ipv4(ours, { options: [1, 1, 1, 1, 1, 1, 1, 0] }))],
  ['IPv4 with as many options as there can be', ethernet(IPV4, ipv4(ours, { options: zeros(40) }))],
  ['a fragment', ethernet(IPV4, ipv4(ours, { fragment: 0x2000 }))],
  ['a later fragment', ethernet(IPV4, ipv4(ours, { fragment: 5 }))],
  ['the reserved bit', ethernet(IPV4, ipv4(ours, { fragment: 0x8000 }))],
  ['do not fragment', ethernet(IPV4, ipv4(ours, { fragment: 0x4000 }))],
  ...[0, 1, 2, 4, 6, 41, 47, 50, 51, 132, 255].map(
    (protocol) => [`IPv4 protocol ${protocol}`, ethernet(IPV4, ipv4(ours, { protocol }))] as const,
  ),
  ...[0, 1, 2, 3, 4].map(
    (words) => [`IPv4 header of ${words} words`, ethernet(IPV4, [0x40 + words], ipv4(ours).slice(1))] as const,
  ),
  ['an IPv4 header of 15 words in a short packet', ethernet(IPV4, [0x4f], ipv4(ours).slice(1))],
  ...[0, 5, 6, 15].map(
    (version) => [`IPv4 that says it is ${version}`, ethernet(IPV4, [version * 16 + 5], ipv4(ours).slice(1))] as const,
  ),
  ['another magic', ethernet(IPV4, ipv4(udp([1, 2, 3, 4, ...pktgen(7, 0, 0).slice(4)])))],
  ['the magic backwards', ethernet(IPV4, ipv4(udp([0x55, 0xe9, 0x9b, 0xbe, ...pktgen(7, 0, 0).slice(4)])))],
  ['DNS', ethernet(IPV4, ipv4(udp([0x12, 0x34, 1, 0, 0, 1, ...zeros(20)])))],
  ['an empty datagram', ethernet(IPV4, ipv4(udp([])))],
  ['a tag', ethernet(0x8100, be16(0x6005), be16(IPV4), ipv4(ours))],
  ['a tag of VLAN 0', ethernet(0x8100, be16(0xe000), be16(IPV4), ipv4(ours))],
  ['a service tag', ethernet(0x88a8, be16(0x0fff), be16(IPV6), ipv6(17, timed))],
  ['two tags', ethernet(0x88a8, be16(9), be16(0x8100), be16(5), be16(IPV4), ipv4(tagged))],
  ['two service tags', ethernet(0x88a8, be16(9), be16(0x88a8), be16(5), be16(IPV4), ipv4(ours))],
  ['three tags', ethernet(0x8100, be16(9), be16(0x8100), be16(5), be16(0x8100), be16(4), be16(IPV4), ipv4(ours))],
  ['the old QinQ type', ethernet(0x9100, be16(9), be16(IPV4), ipv4(ours))],
  ['labels', ethernet(0x8847, be32(0x10_0000), be32(0x10_0100), ipv4(ours))],
  ['labels behind a tag', ethernet(0x8100, be16(3), be16(0x8847), be32(0x10_0100), ipv4(timed))],
  ['labels before IPv6', ethernet(0x8848, be32(0x10_0100), ipv6(17, ours))],
  ['labels before something else', ethernet(0x8847, be32(0x10_0100), [0x10], ours)],
  ['16 labels', ethernet(0x8847, Array.from({ length: 16 }, (_, i) => be32(i === 15 ? 0x100 : 0)).flat(), ipv4(ours))],
  ['17 labels', ethernet(0x8847, Array.from({ length: 17 }, (_, i) => be32(i === 16 ? 0x100 : 0)).flat(), ipv4(ours))],
  ['IPv6', ethernet(IPV6, ipv6(17, ours))],
  ['IPv6 with a flow tag and nanoseconds', ethernet(IPV6, ipv6(17, timed))],
  ['IPv6 that says it is 4', ethernet(IPV6, [0x40], ipv6(17, ours).slice(1))],
  [
    'IPv6 with extension headers',
    ethernet(IPV6, ipv6(0, [...extension(60), ...extension(43, 1), ...extension(17, 2), ...ours])),
  ],
  ['an IPv6 extension header that is too long', ethernet(IPV6, ipv6(0, [17, 255, ...zeros(6), ...ours]))],
  ['IPv6 with a fragment header of a whole datagram', ethernet(IPV6, ipv6(44, [...fragmentHeader(17, 0), ...ours]))],
  [
    'IPv6 with an odd fragment header of a whole datagram',
    ethernet(IPV6, ipv6(44, [...fragmentHeader(17, 6), ...ours])),
  ],
  ['an IPv6 fragment', ethernet(IPV6, ipv6(44, [...fragmentHeader(17, 1), ...ours]))],
  ['a later IPv6 fragment', ethernet(IPV6, ipv6(44, [...fragmentHeader(17, 8), ...ours]))],
  [
    'a fragment header behind an extension',
    ethernet(IPV6, ipv6(0, [...extension(44), ...fragmentHeader(17, 0), ...ours])),
  ],
  ['6 extension headers', ethernet(IPV6, ipv6(0, [0, 0, 0, 0, 0, 17].flatMap((next) => extension(next)).concat(ours)))],
  [
    '7 extension headers',
    ethernet(IPV6, ipv6(0, [0, 0, 0, 0, 0, 0, 17].flatMap((next) => extension(next)).concat(ours))),
  ],
  ...[1, 4, 6, 41, 50, 51, 58, 59, 135, 255].map(
    (next) => [`IPv6 next header ${next}`, ethernet(IPV6, ipv6(next, ours))] as const,
  ),
  ...[0x0000, 0x0026, 0x0600, 0x0806, 0x8035, 0x8137, 0x8863, 0x8864, 0x888e, 0x88cc, 0x88f7, 0x8902, 0xffff].map(
    (type) => [`EtherType 0x${type.toString(16)}`, ethernet(type, ipv4(ours))] as const,
  ),
  ['zeros', bytes(zeros(60))],
  ['ones', bytes(Array<number>(60).fill(255))],
];
