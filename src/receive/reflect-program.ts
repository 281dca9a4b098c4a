import { atomic, exit, jump, jumpIf, label, load, mapValue, mov, store } from '../ebpf/code.ts';
import { type Code, R0, R1, R2, R3, R6, R7, R10 } from '../ebpf/instruction.ts';
import { ethernetField } from '../wire/ethernet.ts';
import { ipv4Field } from '../wire/ipv4.ts';
import { ipv6Field } from '../wire/ipv6.ts';
import { udpField } from '../wire/udp.ts';
import { XDP } from './attach-xdp.ts';
import { findHeaderCode } from './find-header-code.ts';

/** What a reflector counts, as 64-bit words of its map `reflected`. */
export const REFLECTED = { returned: 0, others: 1 } as const;
export const REFLECTED_WORDS = 2;

/** Offsets from the end of the stack. */
const STACK = { key: -16, frame: -24, version: -32, ip: -40, udp: -48 } as const;

/** Exchanges two fields of the header whose address is in R6. */
function swap(one: number, other: number, length: number): Code {
  const parts: Code[] = [];
  for (let done = 0; done < length; ) {
    const size = length - done >= 4 ? 'u32' : 'u16';
    parts.push([load(R1, size, R6, one + done), load(R2, size, R6, other + done)]);
    parts.push([store(R6, one + done, size, R2), store(R6, other + done, size, R1)]);
    done += size === 'u32' ? 4 : 2;
  }
  return parts;
}

/**
 * Sends packets of pktgen's back where they came from: addresses and ports change places, so checksums stay right. Frames
 * of others go on to the stack.
 */
export function reflectCode(): Code {
  const [ipv6, udp, other] = [label('IPv6'), label('UDP'), label('not ours')];
  const at = (header: number): Code => [load(R6, 'u64', R10, header)];
  const count = (word: number): Code => [[mapValue(R1, 'reflected'), mov(R2, 1), atomic(R1, word * 8, 'u64', '+', R2)]];
  return [
    [load(R6, 'u32', R1, 0), load(R7, 'u32', R1, 4)],
    findHeaderCode({ truncated: other, fragment: other, foreign: other }, { at: STACK.key, by: [] }, STACK),
    [at(STACK.frame), swap(ethernetField.dst, ethernetField.src, 6)],
    [at(STACK.ip), load(R3, 'u64', R10, STACK.version), jumpIf(R3, '==', 6, ipv6)],
    [swap(ipv4Field.src, ipv4Field.dst, 4), jump(udp)],
    [ipv6, swap(ipv6Field.src, ipv6Field.dst, 16)],
    [udp, at(STACK.udp), swap(udpField.srcPort, udpField.dstPort, 2)],
    [count(REFLECTED.returned), mov(R0, XDP.TX), exit()],
    [other, count(REFLECTED.others), mov(R0, XDP.PASS), exit()],
  ];
}
