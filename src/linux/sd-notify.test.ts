import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { NotifySocket } from '../../tests/support/notify-socket.ts';
import { SyscallError } from './errno.ts';
import { notifySystemd } from './sd-notify.ts';

test('tells it in one datagram, by path and by abstract address', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pktgen-notify-'));
  for (const path of [join(folder, 'notify'), `@pktgen-test-${process.pid}`]) {
    using socket = new NotifySocket(path);
    notifySystemd(['READY=1', 'STATUS=well'], path);
    assert.equal(socket.told, 'READY=1\nSTATUS=well\n');
  }
  rmSync(folder, { recursive: true });
});

test('does nothing where nobody asks, or by another kind of socket', () => {
  notifySystemd(['READY=1'], undefined);
  notifySystemd(['READY=1'], 'vsock:2:1234');
});

test('what the kernel says when nobody listens', () => {
  assert.throws(() => notifySystemd(['READY=1'], '/nonexistent/notify'), SyscallError);
});
