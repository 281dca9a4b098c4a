import { formatIpv4 } from '../wire/ipv4-address.ts';
import { formatIpv6 } from '../wire/ipv6-address.ts';
import { formatMac } from '../wire/mac.ts';

/** Fields that packets of a flow may have in common, and where a key has them; in the byte order of the frame. */
export const flowKeyField = {
  /** Source MAC address. */
  mac: 0,
  /** The outer VLAN's id with HAS_VLAN above it; 0 without a tag. */
  vlan: 6,
  /** Flow tag behind the pktgen header; 0 without one. */
  tag: 8,
  sport: 10,
  dport: 12,
  /** IP addresses, those of IPv4 as IPv4-mapped IPv6 addresses (RFC 4291, 2.5.5.2). */
  src: 16,
  dst: 32,
} as const;

export type FlowField = keyof typeof flowKeyField;
export const FLOW_FIELDS = Object.keys(flowKeyField) as readonly FlowField[];
/** What makes a flow where nothing else is asked for: the sender, and what it calls a flow itself. */
export const SENDER_FIELDS: readonly FlowField[] = ['mac', 'vlan', 'tag'];

/** Bytes of a key; what is not chosen is zero. */
export const FLOW_KEY_LEN = 48;
/** Marks a key whose flow has an outer VLAN, above the twelve bits of its id. */
export const HAS_VLAN = 0x1000;
/** What stands before an IPv4 address in the 16 bytes of one of IPv6: ten zeros, and this. */
export const IPV4_MAPPED = { at: 10, mark: 0xffff, address: 12 } as const;

/** Bytes of a key that may differ between flows: a table looks at these only. */
export const keyLength = (by: readonly FlowField[]): 16 | 48 =>
  by.includes('src') || by.includes('dst') ? FLOW_KEY_LEN : 16;

/** The fields of a key, for people and programs. */
export type FlowKeyValues = { readonly [F in FlowField]?: string | number };

/** Reads the fields that were chosen; a VLAN and a tag only where there are. */
export function keyValues(key: Uint8Array, by: readonly FlowField[]): FlowKeyValues {
  const view = new DataView(key.buffer, key.byteOffset, FLOW_KEY_LEN);
  const word = (field: 'vlan' | 'tag' | 'sport' | 'dport'): number => view.getUint16(flowKeyField[field]);
  const vlan = word('vlan');
  const tag = word('tag');
  const read: { readonly [F in FlowField]: () => string | number | undefined } = {
    mac: () => formatMac(key.subarray(flowKeyField.mac, flowKeyField.mac + 6)),
    vlan: () => (vlan & HAS_VLAN ? vlan & 0xfff : undefined),
    tag: () => (tag === 0 ? undefined : tag),
    sport: () => word('sport'),
    dport: () => word('dport'),
    src: () => address(view, flowKeyField.src),
    dst: () => address(view, flowKeyField.dst),
  };
  const values = FLOW_FIELDS.filter((field) => by.includes(field)).map((field) => [field, read[field]()] as const);
  return Object.fromEntries(values.filter(([, value]) => value !== undefined));
}

function address(view: DataView, at: number): string {
  const isIpv4 =
    view.getUint32(at) === 0 &&
    view.getUint32(at + 4) === 0 &&
    view.getUint16(at + 8) === 0 &&
    view.getUint16(at + IPV4_MAPPED.at) === IPV4_MAPPED.mark;
  if (isIpv4) return formatIpv4(view.getUint32(at + IPV4_MAPPED.address));
  return formatIpv6(new Uint8Array(view.buffer, view.byteOffset + at, 16));
}

/** How the fields are called where a flow is named. */
const LABEL: { readonly [F in FlowField]: string } = {
  mac: '',
  vlan: 'VLAN ',
  tag: 'tag ',
  src: '',
  dst: '> ',
  sport: 'port ',
  dport: '> port ',
};

/** A flow's name: `02:00:00:00:00:01 VLAN 7 tag 3`. */
export const flowName = (key: Uint8Array, by: readonly FlowField[]): string =>
  Object.entries(keyValues(key, by))
    .map(([field, value]) => `${LABEL[field as FlowField]}${value}`)
    .join(' ') || 'all';
