import { check, declare } from './libc.ts';

const cSocket = declare('int socket(int domain, int type, int protocol)');
const cSendto = declare(
  'long sendto(int fd, const void *data, size_t length, int flags, const void *address, unsigned int length)',
);
const cClose = declare('int close(int fd)');

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const MSG_NOSIGNAL = 0x4000;

/** struct sockaddr_un of linux/un.h; `@` stands for the NUL of an abstract address. */
export function unixAddress(path: string): Uint8Array {
  const abstract = path.startsWith('@');
  return Buffer.concat([
    new Uint8Array(new Uint16Array([AF_UNIX]).buffer),
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
  const socket = check(cSocket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0), 'socket', 'AF_UNIX');
  try {
    const data = Buffer.from(lines.join('\n'));
    const address = unixAddress(path);
    check(cSendto(socket, data, data.length, MSG_NOSIGNAL, address, address.length), 'sendto', path);
  } finally {
    cClose(socket);
  }
}
