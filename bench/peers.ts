import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PCAP_RECORD_HEADER_LEN, pcapFileHeader, pcapRecordHeader } from '../src/wire/pcap.ts';
import type { VethPair } from './veth-pair.ts';

/** A tool that a person could install instead: sends `packets` of 60 bytes as fast as it can, on one CPU. */
export interface Peer {
  readonly name: string;
  /** Debian's package of it. */
  readonly debian: string;
  /** Its command line. */
  argv(link: string, packets: number, folder: string): readonly string[];
  /** Seconds that it says it took. */
  seconds(output: string): number;
}

/** The packet of 60 bytes, UDP, as trafgen wants it. */
export const TRAFGEN = `{ 0x02,0,0,0,0,0x02, 0x02,0,0,0,0,0x01, const16(0x0800), 0x45, 0, const16(46), drnd(2), 0,0, 32, 17,
  csumip(14,33), 10,9,0,1, 10,9,0,2, const16(9), const16(9), const16(26), const16(0), fill(0,18) }`;

/** A pcap file with one packet. */
function writePcap(path: string): void {
  const frame = new Uint8Array(60);
  frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
  const header = new Uint8Array(PCAP_RECORD_HEADER_LEN);
  pcapRecordHeader(new DataView(header.buffer), 0, 0, 0, frame.length, frame.length);
  writeFileSync(path, Buffer.concat([pcapFileHeader(), header, frame]));
}

const number = (output: string, pattern: RegExp): number => Number(pattern.exec(output)?.[1] ?? Number.NaN);

export const PEERS: readonly Peer[] = [
  {
    name: 'trafgen',
    debian: 'netsniff-ng',
    argv(link, packets, folder) {
      const config = join(folder, 'packet.cfg');
      writeFileSync(config, TRAFGEN);
      return ['trafgen', '-o', link, '-c', config, '-n', String(packets), '-P', '1', '-q'];
    },
    seconds: (output) => number(output, /(\d+) sec/) + number(output, /sec, (\d+) usec/) / 1e6,
  },
  {
    name: 'tcpreplay',
    debian: 'tcpreplay',
    argv(link, packets, folder) {
      const file = join(folder, 'packet.pcap');
      writePcap(file);
      return ['tcpreplay', '-i', link, '--topspeed', '--preload-pcap', `--loop=${packets}`, file];
    },
    seconds: (output) => number(output, /sent in ([\d.]+) seconds/),
  },
  {
    name: 'mausezahn',
    debian: 'netsniff-ng',
    argv: (link, packets) => [
      ...['mausezahn', link, '-c', String(packets), '-p', '18', '-a', '02:00:00:00:00:01', '-b', '02:00:00:00:00:02'],
      ...['-A', '10.9.0.1', '-B', '10.9.0.2', '-t', 'udp', 'sp=9,dp=9'],
    ],
    seconds: (output) => number(output, /([\d.]+) seconds \(/),
  },
];

/** Why a peer cannot run here; undefined when it can. */
export const missing = ({ name, debian }: Peer): string | undefined =>
  spawnSync(name, ['-h']).error && `${name} is not installed (Debian: ${debian})`;

/** Packets per second that arrived, by the peer's own clock. */
export function peerRate(peer: Peer, pair: VethPair, packets: number): number {
  const folder = mkdtempSync(join(tmpdir(), 'pktgen-bench-'));
  try {
    const before = pair.received();
    const [command = '', ...argv] = peer.argv(pair.link, packets, folder);
    const { stdout, stderr } = spawnSync(command, argv, { encoding: 'utf8', timeout: 120_000 });
    const seconds = peer.seconds(stdout + stderr);
    if (!(seconds > 0)) throw new Error(`${peer.name}: ${stdout}${stderr}`);
    return (pair.received() - before) / seconds;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
