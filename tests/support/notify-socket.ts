import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { check, declare } from '../../src/linux/libc.ts';
import { unixAddress } from '../../src/linux/sd-notify.ts';

const cSocket = declare('int socket(int domain, int type, int protocol)');
const cBind = declare('int bind(int fd, const void *address, unsigned int length)');
const cRecv = declare('long recv(int fd, _Out_ void *data, size_t length, int flags)');
const cClose = declare('int close(int fd)');

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;

/** The end of $NOTIFY_SOCKET that systemd has. */
export class NotifySocket implements Disposable {
  readonly path: string;
  readonly #fd: number;
  #told = '';

  constructor(path: string) {
    this.path = path;
    this.#fd = check(cSocket(AF_UNIX, SOCK_DGRAM, 0), 'socket');
    const address = unixAddress(path);
    check(cBind(this.#fd, address, address.length), 'bind', path);
  }

  /** All that was told so far, a line each. */
  get told(): string {
    const data = Buffer.alloc(4096);
    for (;;) {
      const length = cRecv(this.#fd, data, data.length, MSG_DONTWAIT) as number;
      if (length < 0) return this.#told;
      this.#told += `${data.toString('utf8', 0, length)}\n`;
    }
  }

  /** Waits until that has been told. */
  async tells(pattern: RegExp): Promise<void> {
    for (const end = Date.now() + 10_000; !pattern.test(this.told); await sleep(10))
      assert.ok(Date.now() < end, `${pattern} is not in ${this.told}`);
  }

  [Symbol.dispose](): void {
    cClose(this.#fd);
    if (this.path.startsWith('/')) rmSync(this.path, { force: true });
  }
}
