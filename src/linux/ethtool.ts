import koffi from 'koffi';
import { declare } from './libc.ts';

const cSocket = declare('int socket(int domain, int type, int protocol)');
const cIoctl = declare('int ioctl(int fd, unsigned long request, void *argument)');
const cClose = declare('int close(int fd)');

const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const SIOCETHTOOL = 0x8946;
const ETHTOOL_GCHANNELS = 0x3c;
/** struct ethtool_channels of linux/ethtool.h, in 32-bit words. */
export const ethtoolChannels = { words: 9, cmd: 0, txCount: 6, combinedCount: 8 } as const;
/** struct ifreq of linux/if.h: the name, then a pointer. */
export const ifreq = { size: 40, name: 0, data: 16 } as const;

/** Transmit queues that a link uses now (real_num_tx_queues); undefined where its driver does not tell. */
export function realTxQueues(link: string): number | undefined {
  const fd: number = cSocket(AF_INET, SOCK_DGRAM_CLOEXEC, 0);
  if (fd < 0) return undefined;
  try {
    const channels = new Uint32Array(ethtoolChannels.words);
    channels[ethtoolChannels.cmd] = ETHTOOL_GCHANNELS;
    const request = Buffer.alloc(ifreq.size);
    request.write(link, ifreq.name, 'latin1');
    request.writeBigUInt64LE(BigInt(koffi.address(channels)), ifreq.data);
    if (cIoctl(fd, SIOCETHTOOL, request) !== 0) return undefined;
    return (channels[ethtoolChannels.txCount] ?? 0) + (channels[ethtoolChannels.combinedCount] ?? 0) || undefined;
  } finally {
    cClose(fd);
  }
}
