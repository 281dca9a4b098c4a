import { alu, alu32, jump, jumpIf, label, load, mov, mov32, store, toBigEndian } from '../ebpf/code.ts';
import { type Code, type Label, R1, R2, R6, R7, R8, R9, R10 } from '../ebpf/instruction.ts';
import { ETHERNET_HEADER_LEN, ETHERTYPE, ethernetField } from '../wire/ethernet.ts';
import { IP_PROTOCOL, IPV4_HEADER_LEN, ipv4Field } from '../wire/ipv4.ts';
import { IPV6_HEADER_LEN, ipv6Field } from '../wire/ipv6.ts';
import { MPLS_LABEL_LEN } from '../wire/mpls.ts';
import {
  PKTGEN_HEADER_LEN,
  PKTGEN_MAGIC,
  pktgenField,
  TAGGED_LEN,
  TIMED_LEN,
  trailerField,
} from '../wire/pktgen-header.ts';
import { UDP_HEADER_LEN, udpField } from '../wire/udp.ts';
import { VLAN_TAG_LEN, vlanField } from '../wire/vlan.ts';
import {
  EXTENSIONS,
  FRAGMENT_HEADER,
  MOST_EXTENSIONS,
  MOST_LABELS,
  MOST_NSEC,
  MOST_TAGS,
  MPLS_TYPES,
  TAG_TYPES,
} from './find-header.ts';
import { type FlowField, flowKeyField, HAS_VLAN, IPV4_MAPPED, keyLength } from './flow-key.ts';

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

/** Where the key of the flow is put together, and what it is made of. */
export interface KeyPlace {
  /** Offset of its first byte from the end of the stack. */
  readonly at: number;
  readonly by: readonly FlowField[];
}

/** Where on the stack the addresses of headers are kept, and the version of IP: 8 bytes each. */
export interface HeaderMarks {
  readonly frame: number;
  readonly version: number;
  readonly ip: number;
  readonly udp: number;
}

/**
 * Does what HeaderFinder.find() does. Wants R6 at the frame and R7 at its end; leaves R6 at the pktgen header, of which all
 * bytes may be read, the key on the stack, and what microseconds leave of the time in R8, ns; with `marks` also where the
 * headers are. R1, R2 and R9 are lost.
 */
export function findHeaderCode(to: NotOurs, key: KeyPlace, marks?: HeaderMarks): Code {
  const mark = (header: 'frame' | 'ip' | 'udp'): Code => (marks ? [store(R10, marks[header], 'u64', R6)] : []);
  const version = (number: number): Code =>
    marks ? [mov(R1, number), store(R10, marks.version, 'u64', R1), mark('ip')] : [];
  const [ipv4, ipv6, udp] = [label('IPv4'), label('IPv6'), label('UDP')];
  return [
    [need(ETHERNET_HEADER_LEN, to.truncated), mark('frame')],
    Array.from({ length: keyLength(key.by) / 8 }, (_, i) => store(R10, key.at + 8 * i, 'u64', 0)),
    copyToKey(key, 'mac', 0, ethernetField.src, 6),
    [load(R9, 'u16', R6, ethernetField.type), alu(R6, '+', ETHERNET_HEADER_LEN)],
    tagsCode(to, key),
    labelsCode(to, ipv4, ipv6),
    [jumpIf(R9, '==', raw16(ETHERTYPE.IPV4), ipv4), jumpIf(R9, '==', raw16(ETHERTYPE.IPV6), ipv6), jump(to.foreign)],
    [ipv4, need(IPV4_HEADER_LEN, to.truncated), version(4), ipv4Code(to, key), jump(udp)],
    [ipv6, need(IPV6_HEADER_LEN, to.truncated), version(6), ipv6Code(to, key, udp)],
    [udp, need(UDP_HEADER_LEN + PKTGEN_HEADER_LEN, to.foreign), mark('udp')],
    [load(R1, 'u32', R6, UDP_HEADER_LEN + pktgenField.magic), mov32(R2, raw32(PKTGEN_MAGIC))],
    jumpIf(R1, '!=', R2, to.foreign),
    [copyToKey(key, 'sport', 0, udpField.srcPort, 2), copyToKey(key, 'dport', 0, udpField.dstPort, 2)],
    [load(R9, 'u16', R6, udpField.length), toBigEndian(R9, 16), alu(R6, '+', UDP_HEADER_LEN)],
    trailerCode(key),
  ];
}

/** Copies bytes of the frame, from an offset of R6, into a field of the key, where that is one of it. R1 is lost. */
function copyToKey({ at, by }: KeyPlace, field: FlowField, into: number, from: number, length: number): Code {
  if (!by.includes(field)) return [];
  const parts: Code[] = [];
  for (let done = 0; done < length; ) {
    const [size, bytes] = length - done >= 4 ? (['u32', 4] as const) : (['u16', 2] as const);
    const to = at + flowKeyField[field] + into + done;
    parts.push([load(R1, size, R6, from + done), store(R10, to, size, R1)]);
    done += bytes;
  }
  return parts;
}

/** What may stand behind the pktgen header at R6; R9 is the length of the datagram with its header. */
function trailerCode(key: KeyPlace): Code {
  const done = label('no more behind the header');
  return [
    mov(R8, 0),
    [jumpIf(R9, '<', UDP_HEADER_LEN + TAGGED_LEN, done), need(TAGGED_LEN, done)],
    copyToKey(key, 'tag', 0, trailerField.flowTag, 2),
    [jumpIf(R9, '<', UDP_HEADER_LEN + TIMED_LEN, done), need(TIMED_LEN, done)],
    [load(R1, 'u16', R6, trailerField.nsec), toBigEndian(R1, 16), jumpIf(R1, '>=', MOST_NSEC, done), mov(R8, R1)],
    done,
  ];
}

/** The outer tag's id becomes part of the key. R9 = type of what is behind the tags. */
function tagsCode({ truncated }: NotOurs, { at, by }: KeyPlace): Code {
  const done = label('no more tags');
  const outer: Code = [
    [load(R1, 'u16', R6, vlanField.tci), alu(R1, '&', raw16(0xfff)), alu(R1, '|', raw16(HAS_VLAN))],
    store(R10, at + flowKeyField.vlan, 'u16', R1),
  ];
  return [
    Array.from({ length: MOST_TAGS }, (_, i) => {
      const tag = label('tag');
      return [
        [TAG_TYPES.map((type) => jumpIf(R9, '==', raw16(type), tag)), jump(done), tag],
        need(VLAN_TAG_LEN, truncated),
        i === 0 && by.includes('vlan') ? outer : [],
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

function ipv4Code({ fragment, foreign }: NotOurs, key: KeyPlace): Code {
  const address = (field: 'src' | 'dst'): Code =>
    key.by.includes(field)
      ? [
          store(R10, key.at + flowKeyField[field] + IPV4_MAPPED.at, 'u16', IPV4_MAPPED.mark),
          copyToKey(key, field, IPV4_MAPPED.address, ipv4Field[field], 4),
        ]
      : [];
  return [
    [load(R9, 'u8', R6), mov(R2, R9), alu(R2, '>>', 4), jumpIf(R2, '!=', 4, foreign)],
    [alu(R9, '&', 15), alu(R9, '<<', 2), jumpIf(R9, '<', IPV4_HEADER_LEN, foreign)],
    [load(R2, 'u16', R6, ipv4Field.fragment), alu(R2, '&', raw16(0x3fff)), jumpIf(R2, '!=', 0, fragment)],
    [load(R2, 'u8', R6, ipv4Field.protocol), jumpIf(R2, '!=', IP_PROTOCOL.UDP, foreign)],
    [address('src'), address('dst'), alu(R6, '+', R9)],
  ];
}

function ipv6Code({ truncated, fragment, foreign }: NotOurs, key: KeyPlace, udp: Label): Code {
  return [
    [load(R1, 'u8', R6), alu(R1, '>>', 4), jumpIf(R1, '!=', 6, foreign)],
    [copyToKey(key, 'src', 0, ipv6Field.src, 16), copyToKey(key, 'dst', 0, ipv6Field.dst, 16)],
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
