import { alu, alu32, jump, jumpIf, label, load, mov, mov32, toBigEndian } from '../ebpf/code.ts';
import { type Code, type Label, R1, R2, R6, R7, R8, R9 } from '../ebpf/instruction.ts';
import { ETHERNET_HEADER_LEN, ETHERTYPE, ethernetField } from '../wire/ethernet.ts';
import { IP_PROTOCOL, IPV4_HEADER_LEN, ipv4Field } from '../wire/ipv4.ts';
import { IPV6_HEADER_LEN, ipv6Field } from '../wire/ipv6.ts';
import { MPLS_LABEL_LEN } from '../wire/mpls.ts';
import { PKTGEN_HEADER_LEN, PKTGEN_MAGIC } from '../wire/pktgen-header.ts';
import { UDP_HEADER_LEN } from '../wire/udp.ts';
import { VLAN_TAG_LEN, vlanField } from '../wire/vlan.ts';
import {
  EXTENSIONS,
  FRAGMENT_HEADER,
  HAS_VLAN,
  MOST_EXTENSIONS,
  MOST_LABELS,
  MOST_TAGS,
  MPLS_TYPES,
  TAG_TYPES,
} from './find-header.ts';

/** Where to go with frames that are not ours. */
export interface NotOurs {
  readonly truncated: Label;
  readonly fragment: Label;
  readonly foreign: Label;
}

/** A field of the frame as it is loaded: in the byte order of the machine. */
const raw16 = (value: number): number => ((value & 0xff) << 8) | (value >> 8);
const raw32 = (value: number): number => (raw16(value & 0xffff) << 16) | raw16(value >>> 16);

/** Goes to `short` unless the frame has so many bytes from R6 on. */
const need = (bytes: number, short: Label): Code => [mov(R1, R6), alu(R1, '+', bytes), jumpIf(R1, '>', R7, short)];

/**
 * Does what findHeader() does. Wants R6 at the frame and R7 at its end; leaves R6 at the pktgen header, of which all bytes
 * may be read, and the key in R8. R0 to R2 and R9 are lost.
 */
export function findHeaderCode(to: NotOurs): Code {
  const [ipv4, ipv6, udp] = [label('IPv4'), label('IPv6'), label('UDP')];
  return [
    need(ETHERNET_HEADER_LEN, to.truncated),
    [
      load(R8, 'u32', R6, ethernetField.src),
      load(R1, 'u16', R6, ethernetField.src + 4),
      alu(R1, '<<', 32),
      alu(R8, '|', R1),
    ],
    [load(R9, 'u16', R6, ethernetField.type), alu(R6, '+', ETHERNET_HEADER_LEN)],
    tagsCode(to),
    labelsCode(to, ipv4, ipv6),
    [jumpIf(R9, '==', raw16(ETHERTYPE.IPV4), ipv4), jumpIf(R9, '==', raw16(ETHERTYPE.IPV6), ipv6), jump(to.foreign)],
    [ipv4, ipv4Code(to), jump(udp)],
    [ipv6, ipv6Code(to, udp)],
    [udp, need(UDP_HEADER_LEN + PKTGEN_HEADER_LEN, to.foreign), alu(R6, '+', UDP_HEADER_LEN)],
    [load(R1, 'u32', R6), mov32(R2, raw32(PKTGEN_MAGIC)), jumpIf(R1, '!=', R2, to.foreign)],
  ];
}

/** The outer tag's id becomes part of the key. R9 = type of what is behind the tags. */
function tagsCode({ truncated }: NotOurs): Code {
  const done = label('no more tags');
  return [
    Array.from({ length: MOST_TAGS }, (_, i) => {
      const tag = label('tag');
      const outer: Code = [
        [load(R1, 'u16', R6, vlanField.tci), toBigEndian(R1, 16), alu(R1, '&', 0xfff), alu(R1, '|', HAS_VLAN)],
        [alu(R1, '<<', 48), alu(R8, '|', R1)],
      ];
      return [
        [TAG_TYPES.map((type) => jumpIf(R9, '==', raw16(type), tag)), jump(done), tag],
        need(VLAN_TAG_LEN, truncated),
        i === 0 ? outer : [],
        [load(R9, 'u16', R6, vlanField.type), alu(R6, '+', VLAN_TAG_LEN)],
      ];
    }),
    done,
  ];
}

/** A label stack, and what is behind its bottom by the first four bits. */
function labelsCode({ truncated, foreign }: NotOurs, ipv4: Label, ipv6: Label): Code {
  const [stack, bottom, none] = [label('labels'), label('bottom of the stack'), label('no labels')];
  return [
    [MPLS_TYPES.map((type) => jumpIf(R9, '==', raw16(type), stack)), jump(none), stack],
    Array.from({ length: MOST_LABELS }, () => [
      need(MPLS_LABEL_LEN, truncated),
      [load(R1, 'u8', R6, 2), alu(R6, '+', MPLS_LABEL_LEN), jumpIf(R1, '&', 1, bottom)],
    ]),
    jump(foreign),
    [bottom, need(1, truncated), load(R1, 'u8', R6), alu(R1, '>>', 4)],
    [jumpIf(R1, '==', 4, ipv4), jumpIf(R1, '==', 6, ipv6), jump(foreign), none],
  ];
}

function ipv4Code({ truncated, fragment, foreign }: NotOurs): Code {
  return [
    need(IPV4_HEADER_LEN, truncated),
    [load(R1, 'u8', R6), mov(R2, R1), alu(R2, '>>', 4), jumpIf(R2, '!=', 4, foreign)],
    [alu(R1, '&', 15), alu(R1, '<<', 2), jumpIf(R1, '<', IPV4_HEADER_LEN, foreign)],
    [load(R2, 'u16', R6, ipv4Field.fragment), alu(R2, '&', raw16(0x3fff)), jumpIf(R2, '!=', 0, fragment)],
    [load(R2, 'u8', R6, ipv4Field.protocol), jumpIf(R2, '!=', IP_PROTOCOL.UDP, foreign), alu(R6, '+', R1)],
  ];
}

function ipv6Code({ truncated, fragment, foreign }: NotOurs, udp: Label): Code {
  return [
    need(IPV6_HEADER_LEN, truncated),
    [load(R1, 'u8', R6), alu(R1, '>>', 4), jumpIf(R1, '!=', 6, foreign)],
    [load(R9, 'u8', R6, ipv6Field.nextHeader), alu(R6, '+', IPV6_HEADER_LEN)],
    Array.from({ length: MOST_EXTENSIONS }, () => {
      const [extension, fragments, next] = [label('extension'), label('fragment header'), label('next header')];
      return [
        jumpIf(R9, '==', IP_PROTOCOL.UDP, udp),
        [EXTENSIONS.map((type) => jumpIf(R9, '==', type, extension))],
        [jumpIf(R9, '==', FRAGMENT_HEADER, fragments), jump(foreign)],
        [
          fragments,
          need(8, truncated),
          load(R2, 'u16', R6, 2),
          alu(R2, '&', raw16(0xfff9)),
          jumpIf(R2, '!=', 0, fragment),
        ],
        [load(R9, 'u8', R6), alu(R6, '+', 8), jump(next)],
        [extension, need(8, truncated), load(R9, 'u8', R6), load(R2, 'u8', R6, 1)],
        [alu32(R2, '+', 1), alu32(R2, '<<', 3), alu(R6, '+', R2), next],
      ];
    }),
    jumpIf(R9, '!=', IP_PROTOCOL.UDP, foreign),
  ];
}
