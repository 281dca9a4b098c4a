import { AH_HEADER_LEN, parseAh } from './ah.ts';
import { foldChecksum } from './checksum.ts';
import { ESP_HEADER_LEN, ESP_UDP_PORT, parseEsp } from './esp.ts';
import { ETHERNET_HEADER_LEN, ETHERTYPE, parseEthernet } from './ethernet.ts';
import { IP_PROTOCOL, IPV4_FRAGMENT, IPV4_HEADER_LEN, parseIpv4 } from './ipv4.ts';
import { IPV6_HEADER_LEN, parseIpv6 } from './ipv6.ts';
import { describeLayer, type Layer } from './layer.ts';
import { MPLS_LABEL_LEN, parseMpls } from './mpls.ts';
import { PKTGEN_HEADER_LEN, parsePktgen } from './pktgen-header.ts';
import { parseUdp, pseudoHeaderSum4, pseudoHeaderSum6, UDP_HEADER_LEN, udpChecksum } from './udp.ts';
import { parseVlan, VLAN_TAG_LEN } from './vlan.ts';

/** What a frame holds, outermost layer first. */
export interface Dissection {
  readonly frameLen: number;
  readonly layers: readonly Layer[];
}

/** What a header says about the next one. */
interface Step {
  readonly parse: Parser;
  readonly at: number;
  /** Where the packet around ends by its own length field, if that is before the end of the bytes here. */
  readonly end?: number;
  readonly pseudoSum?: (udpLength: number) => number;
}

/** Reads one header of `frame`, which ends where the packet around it ends; undefined when none follows. */
type Parser = (frame: DataView, step: Step, layers: Layer[]) => Step | undefined;

/** Reads a frame down to the pktgen header. Never throws: what is cut or malformed is said in the layers. */
export function dissect(frame: Uint8Array): Dissection {
  const layers: Layer[] = [];
  const padding: Layer[] = [];
  let view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  let step: Step | undefined = { parse: ethernet, at: 0 };
  while (step) {
    if (step.end !== undefined && step.end < view.byteLength) {
      const of = layers.at(-1)?.name === 'udp' ? 'UDP' : 'IP';
      padding.unshift({ name: 'padding', of, offset: step.end, length: view.byteLength - step.end });
      view = new DataView(view.buffer, view.byteOffset, step.end);
    }
    step = step.parse(view, step, layers);
  }
  return { frameLen: frame.length, layers: [...layers, ...padding] };
}

/** One line for each layer, as `pktgen preview` prints them. */
export const describe = ({ layers }: Dissection): string[] => layers.map(describeLayer);

/** By EtherType; what is not here is payload. */
const BY_TYPE: Record<number, Parser> = {
  [ETHERTYPE.IPV4]: ipv4,
  [ETHERTYPE.IPV6]: ipv6,
  [ETHERTYPE.VLAN]: tag('vlan'),
  [ETHERTYPE.SVLAN]: tag('svlan'),
  [ETHERTYPE.MPLS]: mpls,
};

/** By IP protocol; what is not here is payload. */
const BY_PROTOCOL: Record<number, Parser> = {
  [IP_PROTOCOL.UDP]: udp,
  [IP_PROTOCOL.ESP]: esp,
  [IP_PROTOCOL.AH]: ah,
  [IP_PROTOCOL.IPIP]: ipv4,
  [IP_PROTOCOL.IPV6]: ipv6,
};

function ethernet(frame: DataView, { at }: Step, layers: Layer[]): Step | undefined {
  const header = parseEthernet(frame, at);
  if (!header) return malformed('Ethernet', ETHERNET_HEADER_LEN, frame, at, layers);
  layers.push({ name: 'ethernet', offset: at, length: ETHERNET_HEADER_LEN, header });
  return { parse: BY_TYPE[header.type] ?? payload, at: at + ETHERNET_HEADER_LEN };
}

function tag(name: 'vlan' | 'svlan'): Parser {
  return (frame, { at }, layers) => {
    const header = parseVlan(frame, at);
    if (!header) return malformed(name === 'vlan' ? '802.1Q tag' : '802.1ad tag', VLAN_TAG_LEN, frame, at, layers);
    layers.push({ name, offset: at, length: VLAN_TAG_LEN, header });
    return { parse: BY_TYPE[header.type] ?? payload, at: at + VLAN_TAG_LEN };
  };
}

/** What follows a label stack is not said in it; routers look at the first four bits, too. */
function mpls(frame: DataView, { at }: Step, layers: Layer[]): Step | undefined {
  const header = parseMpls(frame, at);
  if (!header)
    return malformed('MPLS stack', MPLS_LABEL_LEN, frame, at, layers, 'the frame ends before its last label');
  const length = header.length * MPLS_LABEL_LEN;
  layers.push({ name: 'mpls', offset: at, length, header });
  const next = at + length;
  const version = next < frame.byteLength ? frame.getUint8(next) >>> 4 : 0;
  return { parse: version === 4 ? ipv4 : version === 6 ? ipv6 : payload, at: next };
}

function ipv4(frame: DataView, { at }: Step, layers: Layer[]): Step | undefined {
  const header = parseIpv4(frame, at);
  if (!header) return malformed('IPv4', IPV4_HEADER_LEN, frame, at, layers, 'bad version or length');
  const { headerLen, totalLength, protocol, fragment, src, dst } = header;
  const end = at + totalLength;
  const missing = Math.max(0, end - frame.byteLength);
  const checksum = header.checksum === header.rightChecksum ? 'ok' : 'bad';
  layers.push({ name: 'ipv4', offset: at, length: headerLen, header, checksum, missing });
  const isFirst = (fragment & IPV4_FRAGMENT.OFFSET) === 0;
  const pseudoSum = (length: number): number => pseudoHeaderSum4(src, dst, length);
  return { parse: (isFirst && BY_PROTOCOL[protocol]) || payload, at: at + headerLen, end, pseudoSum };
}

function ipv6(frame: DataView, { at }: Step, layers: Layer[]): Step | undefined {
  const header = parseIpv6(frame, at);
  if (!header) return malformed('IPv6', IPV6_HEADER_LEN, frame, at, layers, 'bad version');
  const { payloadLength, nextHeader, src, dst } = header;
  const end = at + IPV6_HEADER_LEN + payloadLength;
  const missing = Math.max(0, end - frame.byteLength);
  layers.push({ name: 'ipv6', offset: at, length: IPV6_HEADER_LEN, header, missing });
  const pseudoSum = (length: number): number => pseudoHeaderSum6(src, dst, length);
  return { parse: BY_PROTOCOL[nextHeader] ?? payload, at: at + IPV6_HEADER_LEN, end, pseudoSum };
}

function udp(frame: DataView, { at, pseudoSum }: Step, layers: Layer[]): Step | undefined {
  const header = parseUdp(frame, at);
  if (!header) return malformed('UDP', UDP_HEADER_LEN, frame, at, layers, 'bad length');
  const end = at + header.length;
  const missing = Math.max(0, end - frame.byteLength);
  const found = { name: 'udp', offset: at, length: UDP_HEADER_LEN, header, missing } as const;
  layers.push({ ...found, ...udpChecksumState(frame, at, header, missing, pseudoSum?.(header.length) ?? 0) });
  const isEsp = header.srcPort === ESP_UDP_PORT || header.dstPort === ESP_UDP_PORT;
  return { parse: isEsp ? pktgenOrEsp : pktgen, at: at + UDP_HEADER_LEN, end };
}

function udpChecksumState(
  frame: DataView,
  at: number,
  { length, checksum }: { readonly length: number; readonly checksum: number },
  missing: number,
  pseudoSum: number,
) {
  if (checksum === 0) return { checksum: 'none' } as const;
  if (missing > 0) return { checksum: 'unknown' } as const;
  const rightChecksum = udpChecksum(frame, at, length, pseudoSum);
  if (checksum === rightChecksum) return { checksum: 'ok' } as const;
  const isPseudoSum = checksum === (~foldChecksum(pseudoSum) & 0xffff);
  return { checksum: isPseudoSum ? 'partial' : 'bad', rightChecksum } as const;
}

function pktgen(frame: DataView, { at }: Step, layers: Layer[]): Step | undefined {
  const header = parsePktgen(frame, at);
  if (!header) return { parse: payload, at };
  layers.push({ name: 'pktgen', offset: at, length: PKTGEN_HEADER_LEN, header });
  return { parse: payload, at: at + PKTGEN_HEADER_LEN };
}

/** Behind port 4500; a first word of 0 would be the key exchange (RFC 3948, section 2.2). */
function pktgenOrEsp(frame: DataView, { at }: Step): Step {
  const isEsp = !parsePktgen(frame, at) && (parseEsp(frame, at)?.spi ?? 0) !== 0;
  return { parse: isEsp ? esp : pktgen, at };
}

function esp(frame: DataView, { at }: Step, layers: Layer[]): Step | undefined {
  const header = parseEsp(frame, at);
  if (!header) return malformed('ESP', ESP_HEADER_LEN, frame, at, layers);
  layers.push({ name: 'esp', offset: at, length: ESP_HEADER_LEN, header });
  return { parse: payload, at: at + ESP_HEADER_LEN };
}

function ah(frame: DataView, { at, pseudoSum }: Step, layers: Layer[]): Step | undefined {
  const header = parseAh(frame, at);
  if (!header) return malformed('AH', AH_HEADER_LEN, frame, at, layers, 'bad length');
  const length = AH_HEADER_LEN + header.icv.length;
  layers.push({ name: 'ah', offset: at, length, header });
  const next = { parse: BY_PROTOCOL[header.nextHeader] ?? payload, at: at + length };
  return pseudoSum ? { ...next, pseudoSum } : next;
}

function payload(frame: DataView, { at }: Step, layers: Layer[]): undefined {
  const length = frame.byteLength - at;
  if (length > 0) layers.push({ name: 'payload', offset: at, length });
}

function malformed(
  expected: string,
  headerLen: number,
  frame: DataView,
  at: number,
  layers: Layer[],
  otherReason = '',
): undefined {
  const length = frame.byteLength - at;
  const reason = length < headerLen ? `cut, ${length} of ${headerLen} bytes` : otherReason;
  layers.push({ name: 'malformed', expected, reason, offset: at, length });
}
