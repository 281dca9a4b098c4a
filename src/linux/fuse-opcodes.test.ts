import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuseDirent, fuseInitOut, LITTLE_ENDIAN } from './fuse-abi.ts';
import type { FuseHandler } from './fuse-handler.ts';
import { FUSE_OPCODES, type FuseReply } from './fuse-opcodes.ts';

const INIT = 26;
const READDIR = 28;
const stat = { ino: 7, mode: 0o100600, nlink: 1, uid: 0, gid: 0, size: 0, timeMs: 0 };
const names = Array.from({ length: 100 }, (_, index) => `eth${index}`);

/** Notes each call as `method(arguments)`. */
function noting(): { readonly handler: FuseHandler; readonly calls: string[] } {
  const calls: string[] = [];
  const note = <T>(method: string, args: readonly unknown[], result: T): T => {
    calls.push(`${method}(${args.map((arg) => JSON.stringify(arg)).join(',')})`);
    return result;
  };
  const handler: FuseHandler = {
    lookup: (...args) => note('lookup', args, args[1] === 'gone' ? 'ENOENT' : { node: 9, stat }),
    forget: (...args) => note('forget', args, undefined),
    stat: (...args) => note('stat', args, stat),
    change: (...args) => note('change', args, stat),
    open: (...args) => note('open', args, 3),
    read: (...args) => note('read', args, new Uint8Array(2)),
    write: (handle, data) => note('write', [handle, [...data]], Promise.resolve(-22)),
    release: (...args) => note('release', args, undefined),
    openDirectory: (...args) => note('openDirectory', args, 4),
    listDirectory: (...args) =>
      note(
        'listDirectory',
        args,
        names.map((name) => ({ name, ino: 5, mode: 0o100000 })),
      ),
    releaseDirectory: (...args) => note('releaseDirectory', args, undefined),
    attribute: (...args) => note('attribute', args, new Uint8Array([65, 66])),
    refuseCreate: (...args) => note('refuseCreate', args, 'ENOENT'),
    refuseRemove: (...args) => note('refuseRemove', args, 'EPERM'),
    refuseRename: (...args) => note('refuseRename', args, 'EPERM'),
  };
  return { handler, calls };
}

async function serve(opcode: number, body: Uint8Array, calls = noting()): Promise<FuseReply> {
  const { signal } = new AbortController();
  const request = { node: 6, uid: 0, gid: 0, pid: 1, signal, body: new DataView(body.buffer) };
  const { handler } = calls;
  return FUSE_OPCODES.get(opcode)?.serve(request, {
    handler,
    interrupt: (unique) => calls.calls.push(`interrupt(${unique})`),
  });
}

/** A body: numbers as 32-bit words, texts as they are. */
function bodyOf(...parts: readonly (number | string)[]): Uint8Array {
  const chunks = parts.map((part) =>
    typeof part === 'string' ? new TextEncoder().encode(part) : new Uint8Array(new Uint32Array([part]).buffer),
  );
  return Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
}

/** What a request makes of its body, and what goes back: an errno, a count of bytes, or nothing. */
const cases: readonly (readonly [opcode: number, body: Uint8Array, call: string, reply: FuseReply])[] = [
  [1, bodyOf('pgctrl\0'), 'lookup(6,"pgctrl")', 128],
  [1, bodyOf('gone\0'), 'lookup(6,"gone")', 'ENOENT'],
  [2, bodyOf(3, 0), 'forget(6,3)', undefined],
  [3, bodyOf(0, 0, 0, 0), 'stat(6)', 104],
  [4, bodyOf(1, ...Array(16).fill(0), 0o640, 0, 8, 9, 0), 'change(6,{"mode":416})', 104],
  [4, bodyOf(6, ...Array(16).fill(0), 0o640, 0, 8, 9, 0), 'change(6,{"uid":8,"gid":9})', 104],
  [4, bodyOf(8, ...Array(16).fill(0), 0o640, 0, 8, 9, 0), 'change(6,{})', 104],
  [6, bodyOf('name\0target\0'), 'refuseCreate(6,"name")', 'ENOENT'],
  [8, bodyOf(0, 0, 0, 0, 'name\0'), 'refuseCreate(6,"name")', 'ENOENT'],
  [9, bodyOf(0, 0, 'name\0'), 'refuseCreate(6,"name")', 'ENOENT'],
  [10, bodyOf('name\0'), 'refuseRemove(6,"name")', 'EPERM'],
  [12, bodyOf(2, 0, 'old\0new\0'), 'refuseRename(6,"old",2,"new")', 'EPERM'],
  [45, bodyOf(2, 0, 1, 0, 'old\0new\0'), 'refuseRename(6,"old",2,"new")', 'EPERM'],
  [13, bodyOf(2, 0, 'name\0'), 'refuseCreate(6,"name")', 'ENOENT'],
  [14, bodyOf(2, 0), 'open(6)', 16],
  [15, bodyOf(3, 0, 10, 0, 4096, 0, 0, 0, 0, 0), 'read(3,10,4096)', 2],
  [16, bodyOf(3, 0, 0, 0, 2, 0, 0, 0, 0, 0, 'ab and not this'), 'write(3,[97,98])', -22],
  [18, bodyOf(3, 0, 0, 0, 0, 0), 'release(3)', 0],
  [22, bodyOf(16, 0, 'user.a\0'), 'attribute(6,"user.a")', 2],
  [22, bodyOf(0, 0, 'user.a\0'), 'attribute(6,"user.a")', 8],
  [22, bodyOf(1, 0, 'user.a\0'), 'attribute(6,"user.a")', -34],
  [27, bodyOf(0, 0), 'openDirectory(6)', 16],
  [29, bodyOf(4, 0, 0, 0, 0, 0), 'releaseDirectory(4)', 0],
  [35, bodyOf(0, 0, 0, 0, 'name\0'), 'refuseCreate(6,"name")', 'ENOENT'],
  [36, bodyOf(12, 0), 'interrupt(12)', undefined],
];
for (const [opcode, body, call, expected] of cases) {
  test(`${FUSE_OPCODES.get(opcode)?.name}: ${call} gives ${expected}`, async () => {
    const calls = noting();
    const reply = await serve(opcode, body, calls);
    assert.deepEqual(calls.calls, [call]);
    assert.equal(reply instanceof Uint8Array ? reply.length : reply, expected);
  });
}

test('BATCH_FORGET forgets each', async () => {
  const calls = noting();
  await serve(42, bodyOf(2, 0, 5, 0, 1, 0, 6, 0, 2, 0), calls);
  assert.deepEqual(calls.calls, ['forget(5,1)', 'forget(6,2)']);
});

for (const [kernel, spoken] of [
  [45, 31],
  [31, 31],
  [27, 27],
] as const) {
  test(`INIT: with a kernel of 7.${kernel} we speak 7.${spoken}, and no flag that it has not`, async () => {
    const reply = await serve(INIT, bodyOf(7, kernel, 131072, 1 << 5));
    assert.ok(reply instanceof Uint8Array);
    const view = new DataView(reply.buffer);
    assert.equal(view.getUint32(fuseInitOut.minor, LITTLE_ENDIAN), spoken);
    assert.equal(view.getUint32(fuseInitOut.flags, LITTLE_ENDIAN), 1 << 5);
  });
}

test('READDIR gives all entries once, in pieces that fit', async () => {
  const seen: string[] = [];
  for (let offset = 0, pieces = 0; pieces < 50; pieces++) {
    const reply = await serve(READDIR, bodyOf(4, 0, offset, 0, 200, 0, 0, 0, 0, 0));
    assert.ok(reply instanceof Uint8Array && reply.length <= 200);
    if (reply.length === 0) break;
    const view = new DataView(reply.buffer, 0, reply.length);
    for (let at = 0; at < reply.length; ) {
      const length = view.getUint32(at + fuseDirent.namelen, LITTLE_ENDIAN);
      seen.push(Buffer.from(reply.subarray(at + fuseDirent.size, at + fuseDirent.size + length)).toString());
      offset = Number(view.getBigUint64(at + fuseDirent.off, LITTLE_ENDIAN));
      at += (fuseDirent.size + length + 7) & ~7;
    }
  }
  assert.deepEqual(seen, names);
});
