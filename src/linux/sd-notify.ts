import { AF, Socket } from './socket.ts';

/** struct sockaddr_un of linux/un.h; `@` stands for the NUL of an abstract address. */
export function unixAddress(path: string): Uint8Array {
  const abstract = path.startsWith('@');
  return Buffer.concat([
    new Uint8Array(new Uint16Array([AF.UNIX]).buffer),
    Buffer.from(abstract ? `\0${path.slice(1)}` : `${path}\0`),
  ]);
}

/**
 * Tells systemd how a service of Type=notify is (sd_notify(3)): lines such as READY=1. A datagram of its own, as Node has
 * no such sockets, and systemd-notify would be another process, from which systemd takes it only with NotifyAccess=all. Does
 * nothing where systemd does not ask, which is where there is no $NOTIFY_SOCKET. Throws SyscallError.
 */
export function notifySystemd(lines: readonly string[], path = process.env.NOTIFY_SOCKET): void {
  if (path === undefined || !/^[/@]/.test(path)) return;
  using socket = new Socket('UNIX', { type: 'DGRAM' });
  socket.send(Buffer.from(lines.join('\n')), path, unixAddress(path));
}
