import fc from 'fast-check';
import { formatIpv4 } from '../../src/wire/ipv4-address.ts';
import { formatIpv6 } from '../../src/wire/ipv6-address.ts';

const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });
const pair = (name: string, most: number) =>
  maybe(fc.tuple(fc.nat(most), fc.nat(most)).map(([a, b]) => [`${name}_min ${a}`, `${name}_max ${b}`]));
const ipv4 = fc.oneof(
  fc.nat(0xffff_ffff).map((n) => n >>> 0),
  fc.constantFrom(0, 1, 0x7f00_0000, 0xdfff_fffe, 0xe000_0000, 0xffff_fffe, 0xffff_ffff),
);
const addresses = (name: string) =>
  maybe(
    fc
      .tuple(ipv4, fc.oneof(fc.nat(9), fc.nat(0xffff_ffff)))
      .map(([from, span]) => [
        `${name}_min ${formatIpv4(from)}`,
        `${name}_max ${formatIpv4(Math.min(from + span, 0xffff_ffff))}`,
      ]),
  );
const ipv6 = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => formatIpv6(bytes));
const mac = fc
  .uint8Array({ minLength: 6, maxLength: 6 })
  .map((bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':'));
const hexByte = fc.nat(255).map((n) => n.toString(16).padStart(2, '0'));
const size = fc.integer({ min: 1, max: 1500 });
const flag = (name: string) => maybe(fc.constant(`flag ${name}`));
const label = fc.nat(0xffff_ffff).map((n) => (n >>> 0).toString(16).padStart(8, '0'));
const imix = fc
  .array(fc.tuple(size, fc.integer({ min: 1, max: 100 })), { minLength: 1, maxLength: 20 })
  .map((entries) => `imix_weights ${entries.map(([bytes, weight]) => `${bytes},${weight}`).join(' ')}`);

/** Configurations of all kinds, as lines for a device file. */
export const configuration: fc.Arbitrary<string[]> = fc
  .tuple(
    pair('udp_src', 65535),
    pair('udp_dst', 65535),
    addresses('src'),
    addresses('dst'),
    maybe(
      fc.oneof(
        fc.tuple(size, size).map(([a, b]) => [`min_pkt_size ${a}`, `max_pkt_size ${b}`]),
        imix,
        size.map((n) => `pkt_size ${n}`),
      ),
    ),
    maybe(
      fc.oneof(
        fc
          .tuple(fc.nat(4095), fc.nat(7), fc.nat(1))
          .map(([id, p, cfi]) => [`vlan_id ${id}`, `vlan_p ${p}`, `vlan_cfi ${cfi}`]),
        fc
          .tuple(fc.nat(4095), fc.nat(4095), fc.nat(7))
          .map(([id, svlan, p]) => [`vlan_id ${id}`, `svlan_id ${svlan}`, `svlan_p ${p}`]),
        fc.array(label, { minLength: 1, maxLength: 15 }).map((labels) => `mpls ${labels.join(',')}`),
      ),
    ),
    maybe(
      fc.oneof(
        ipv6.map((address) => [`dst6 ${address}`]),
        ipv6.map((address) => [`src6 ${address}`]),
        fc.tuple(ipv6, ipv6).map(([a, b]) => [`dst6_min ${a}`, `dst6_max ${b}`]),
      ),
    ),
    maybe(fc.tuple(fc.oneof(fc.nat(8), fc.nat(65536)), fc.nat(9)).map(([a, b]) => [`flows ${a}`, `flowlen ${b}`])),
    maybe(fc.tuple(mac, mac).map(([src, dst]) => [`src_mac ${src}`, `dst_mac ${dst}`])),
    maybe(
      fc
        .tuple(fc.oneof(fc.nat(300), fc.nat(0x7fff_ffff)), fc.nat(300))
        .map(([a, b]) => [`src_mac_count ${a}`, `dst_mac_count ${b}`]),
    ),
    maybe(fc.tuple(hexByte, hexByte).map(([tos, traffic]) => [`tos ${tos}`, `traffic_class ${traffic}`])),
    maybe(fc.tuple(fc.nat(65535), fc.nat(1)).map(([tag, ns]) => [`flow_tag ${tag}`, `timestamp_ns ${ns}`])),
    pair('queue_map', 9),
    fc.tuple(
      ...['IPSRC_RND', 'IPDST_RND', 'UDPSRC_RND', 'UDPDST_RND', 'TXSIZE_RND', 'MACSRC_RND', 'MACDST_RND'].map(flag),
    ),
    fc.tuple(...['VID_RND', 'SVID_RND', 'MPLS_RND', 'FLOW_SEQ', 'UDPCSUM', 'NO_TIMESTAMP', 'QUEUE_MAP_RND'].map(flag)),
  )
  .map((parts) => parts.flat(2).filter((line) => line !== undefined));
