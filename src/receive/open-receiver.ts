import { ERRNO, SyscallError } from '../linux/errno.ts';
import { PacketReceiver } from './packet-receiver.ts';
import type { Receiver, ReceiverOptions } from './receiver.ts';
import { XdpReceiver } from './xdp-receiver.ts';

/** Ways to receive, fastest first; `auto` takes the first that can be had. */
export const RECEIVER_CHOICES = ['auto', 'xdp', 'packet'] as const;
export type ReceiverChoice = (typeof RECEIVER_CHOICES)[number];

/** A receiver, and why it is not a faster one. */
export interface OpenedReceiver {
  readonly receiver: Receiver;
  readonly why?: string;
}

/** Why there is no program of ours in XDP. */
const REASONS: Readonly<Record<number, string>> = {
  [ERRNO.EPERM]: 'a program in XDP wants the capabilities CAP_BPF and CAP_NET_ADMIN, outside of user namespaces',
  [ERRNO.EOPNOTSUPP]: 'this link takes no program in XDP',
  [ERRNO.EINVAL]: 'this link or kernel takes no program in XDP',
};

/**
 * Opens the fastest receiver there is, or the one that is asked for. Throws SyscallError: EBUSY where another program has
 * the link, which may keep packets from a packet socket too.
 */
export function openReceiver(options: ReceiverOptions, wanted: ReceiverChoice = 'auto'): OpenedReceiver {
  if (wanted === 'packet') return { receiver: new PacketReceiver(options) };
  try {
    const receiver = new XdpReceiver(options);
    return { receiver, ...(receiver.where === 'stack' && { why: 'the driver of this link takes none' }) };
  } catch (error) {
    const why = error instanceof SyscallError ? REASONS[error.errno] : undefined;
    if (wanted === 'xdp' || why === undefined) throw error;
    return { receiver: new PacketReceiver(options), why };
  }
}
