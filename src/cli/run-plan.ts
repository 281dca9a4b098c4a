import { formatIpv4, inAton } from '../wire/ipv4-address.ts';
import type { ParamLine } from './param-options.ts';
import { checkValue } from './strict-value.ts';
import { UsageError } from './usage-error.ts';

/** The letters of the kernel's sample scripts, as they were given. */
export interface SampleOptions {
  /** -s: frame size. */
  readonly size?: string;
  /** -d: destination address, or a block of them. */
  readonly dest?: string;
  /** -m: destination MAC. */
  readonly mac?: string;
  /** -p: destination port, or a range. */
  readonly port?: string;
  /** -t: threads. */
  readonly threads?: string;
  /** -f: first thread. */
  readonly first?: string;
  /** -c: clone_skb. */
  readonly clone?: string;
  /** -n: packets of each thread. */
  readonly number?: string;
  /** -b: burst. */
  readonly bursts?: string;
  /** -w: delay, ns. */
  readonly wait?: string;
  /** -6: the destination is an IPv6 address. */
  readonly ipv6?: boolean;
  /** -k: UDP checksum. */
  readonly checksum?: boolean;
}

/** A device to add and what to write to its file. */
export interface PlannedDevice {
  readonly cpu: number;
  readonly name: string;
  readonly lines: readonly string[];
}

/** Reads a whole number within bounds. */
export function wholeNumber(option: string, value: string, least: number, most: number): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < least || number > most) {
    throw new UsageError(`${option} ${JSON.stringify(value)}: wants a number from ${least} to ${most}`);
  }
  return number;
}

/** The lines that the letters stand for, in the order of the sample scripts. */
export function sampleLines(options: SampleOptions): string[] {
  const simple: [string, string, string | undefined][] = [
    ['-n', 'count', options.number],
    ['-c', 'clone_skb', options.clone],
    ['-b', 'burst', options.bursts],
    ['-s', 'pkt_size', options.size],
    ['-w', 'delay', options.wait],
    ['-m', 'dst_mac', options.mac],
  ];
  const lines = simple.flatMap(([option, name, value]) => {
    if (value === undefined) return [];
    checkValue(option, name, value);
    return [`${name} ${value}`];
  });
  if (options.dest !== undefined) lines.push(...destination(options.dest, options.ipv6 === true));
  else if (options.ipv6) throw new UsageError('-6: wants an IPv6 destination, -d ADDRESS');
  if (options.port !== undefined) lines.push(...ports(options.port));
  if (options.checksum) lines.push('flag UDPCSUM');
  return lines;
}

/** `10.0.0.1`, `198.18.0.0/15` or an IPv6 address. */
function destination(dest: string, ipv6: boolean): string[] {
  if (ipv6 || dest.includes(':')) {
    checkValue('-d', 'dst6', dest);
    return [`dst6 ${dest}`];
  }
  const [address = '', prefix] = dest.split('/');
  checkValue('-d', 'dst', address);
  if (prefix === undefined) return [`dst_min ${address}`, `dst_max ${address}`];
  const bits = wholeNumber('-d, the prefix length', prefix, 0, 32);
  const host = 2 ** (32 - bits) - 1;
  const first = (inAton(address) & ~host) >>> 0;
  return [`dst_min ${formatIpv4(first)}`, `dst_max ${formatIpv4((first | host) >>> 0)}`];
}

/** `433` or `433-444`. */
function ports(range: string): string[] {
  const [first = '', last = first, more] = range.split('-');
  if (more !== undefined) throw new UsageError(`-p ${JSON.stringify(range)}: wants a port or a range such as 433-444`);
  checkValue('-p', 'udp_dst_min', first);
  checkValue('-p', 'udp_dst_max', last);
  if (Number(last) < Number(first))
    throw new UsageError(`-p ${JSON.stringify(range)}: the last port is below the first`);
  return [`udp_dst_min ${first}`, `udp_dst_max ${last}`];
}

/** Size of a packet whose rate is given in bits and whose size is not: the shortest Ethernet frame. */
const SHORTEST = 60;

/** `rate` goes by the packet size as it is when it is written, so it is written last, and there must be a size. */
function rateLast(lines: readonly string[]): string[] {
  const isRate = (line: string): boolean => line.startsWith('rate ');
  const rates = lines.filter(isRate);
  if (rates.length === 0) return [...lines];
  const sized = lines.some((line) => /^(pkt_size|min_pkt_size) /.test(line));
  return [...(sized ? [] : [`pkt_size ${SHORTEST}`]), ...lines.filter((line) => !isRate(line)), ...rates];
}

/** What a run's devices send to. */
export interface PlannedLink {
  readonly name: string;
  readonly txQueues: number;
}

/** Each of several threads has a transmit queue of its own, as in the sample scripts; it comes round where there are fewer. */
const queueLines = (cpu: number, { txQueues }: PlannedLink): string[] =>
  txQueues > 1 ? ['min', 'max'].map((end) => `queue_map_${end} ${cpu % txQueues}`) : [];

/** Which devices to add, and what to write to each: one for each thread, `eth0@N` when there are several. */
export function planDevices(
  link: PlannedLink,
  options: SampleOptions,
  params: readonly ParamLine[],
  defaults: readonly string[],
  cpus: readonly number[],
): PlannedDevice[] {
  const most = Math.max(...cpus);
  const first = options.first === undefined ? (cpus[0] ?? 0) : wholeNumber('-f', options.first, 0, most);
  const threads = options.threads === undefined ? 1 : wholeNumber('-t', options.threads, 1, cpus.length);
  const chosen = cpus.filter((cpu) => cpu >= first).slice(0, threads);
  if (chosen.length < threads) {
    throw new UsageError(`-f ${first} -t ${threads}: there are only CPUs ${cpus.join(', ')}`);
  }
  const lines = rateLast([...defaults, ...sampleLines(options), ...params.map((param) => param.line)]);
  if (threads === 1) return chosen.map((cpu) => ({ cpu, name: link.name, lines }));
  const isChosen = lines.some((line) => line.startsWith('queue_map_'));
  const queues = (cpu: number): string[] => (isChosen ? [] : queueLines(cpu, link));
  return chosen.map((cpu) => ({ cpu, name: `${link.name}@${cpu}`, lines: [...queues(cpu), ...lines] }));
}
