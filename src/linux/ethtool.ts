import koffi from 'koffi';
import { declare } from './libc.ts';
import { Socket } from './socket.ts';

const cIoctl = declare('int ioctl(int fd, unsigned long request, void *argument)');

const SIOCETHTOOL = 0x8946;
const ETHTOOL_GCHANNELS = 0x3c;
const ETHTOOL_SGRO = 0x2c;
/** struct ethtool_channels of linux/ethtool.h, in 32-bit words. */
export const ethtoolChannels = { words: 9, cmd: 0, txCount: 6, combinedCount: 8 } as const;
/** struct ifreq of linux/if.h: the name, then a pointer. */
export const ifreq = { size: 40, name: 0, data: 16 } as const;

/** Asks drivers about links of the network namespace in which it was opened (ethtool(8)). */
export class EthtoolSocket implements Disposable {
  readonly #socket = new Socket('INET', { type: 'DGRAM' });

  /** Transmit queues that a link uses now (real_num_tx_queues); undefined where its driver does not tell. */
  realTxQueues(link: string): number | undefined {
    const channels = new Uint32Array(ethtoolChannels.words);
    channels[ethtoolChannels.cmd] = ETHTOOL_GCHANNELS;
    if (!this.#request(link, channels)) return undefined;
    return (channels[ethtoolChannels.txCount] ?? 0) + (channels[ethtoolChannels.combinedCount] ?? 0) || undefined;
  }

  /** Has a link put received packets together (`ethtool -K LINK gro on`). Wants CAP_NET_ADMIN; false when it is refused. */
  turnOnGro(link: string): boolean {
    return this.#request(link, Uint32Array.of(ETHTOOL_SGRO, 1));
  }

  /** Words in, words out. False when it is refused. */
  #request(link: string, words: Uint32Array): boolean {
    const request = Buffer.alloc(ifreq.size);
    request.write(link, ifreq.name, 'latin1');
    request.writeBigUInt64LE(BigInt(koffi.address(words)), ifreq.data);
    return cIoctl(this.#socket.fd, SIOCETHTOOL, request) === 0;
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
