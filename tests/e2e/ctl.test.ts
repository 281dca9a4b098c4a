import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Bench, cannotServe, sh } from '../support/served.ts';
import { type Ended, Program, type Started } from './program.ts';

const TIMEOUT_MS = 30_000;

describe('ctl, where no file system can be mounted', { skip: cannotServe() ?? false }, () => {
  let bench: Bench;
  let program: Program;
  let daemon: Started;
  let socket: string;
  const ctl = (...args: readonly string[]): Promise<Ended> => program.run(['ctl', '--socket', socket, ...args]);
  const appears = async (path: string): Promise<void> => {
    for (let tries = 0; !existsSync(path); tries++) {
      assert.ok(tries < 200, `no ${path}`);
      await sleep(25);
    }
  };
  /** Waits until the thread says this of its devices. */
  const running = async (begins: string): Promise<void> => {
    for (const end = Date.now() + 5000; !(await ctl('kpktgend_0')).stdout.startsWith(begins); )
      assert.ok(Date.now() < end, `not ${begins}`);
  };

  before(async () => {
    bench = new Bench();
    program = new Program();
    socket = join(program.temporary, 'ctl.sock');
    daemon = program.start(['serve', '--no-mount', '--socket', socket], { netns: bench.near });
    await appears(socket);
  });
  after(async () => {
    daemon.process.kill('SIGTERM');
    const { status } = await daemon.ended;
    assert.equal(status, 0, daemon.stderr);
    await program.leftNothing();
    program.close();
    bench.close();
  });

  test('lists, writes, shows and runs', { timeout: TIMEOUT_MS }, async () => {
    assert.match((await ctl()).stdout, /^pgctrl\nkpktgend_0\n/);
    for (const [file, ...line] of [
      ['kpktgend_0', 'add_device pg0'],
      ['pg0', 'count', '50'],
      ['pg0', 'dst_mac 02:00:00:00:00:02'],
      ['pgctrl', 'start'],
    ] as const) {
      const { status, stderr, stdout } = await ctl(file, ...line);
      assert.deepEqual({ status, stderr, stdout }, { status: 0, stderr: '', stdout: '' });
    }
    const { status, stdout } = await ctl('pg0');
    assert.equal(status, 0);
    assert.match(stdout, /^Params: count 50 .*\nResult: OK: .* usec, 50 \(58byte,0frags\)\n/s);
  });

  /** [what, arguments, what is said]. */
  const refused: readonly (readonly [string, readonly string[], RegExp])[] = [
    [
      'a parameter that there is not',
      ['pg0', 'colour red'],
      /^pktgen: pg0 "colour red": EINVAL \(No such parameter "colour"\)\n$/,
    ],
    [
      'a link that there is not',
      ['kpktgend_0', 'add_device none0'],
      /^pktgen: kpktgend_0 "add_device none0": ENODEV \(ERROR: can not add device none0\)\n$/,
    ],
    ['a file that there is not', ['pg9'], /^pktgen: pg9: no such control file; "pktgen ctl" lists them\n$/],
    ['a command that there is not', ['pgctrl', 'go'], /^pktgen: pgctrl "go": EINVAL\n$/],
    ['a thread command that there is not', ['kpktgend_0', 'dance'], /^pktgen: kpktgend_0 "dance": EINVAL/],
    ['a line for a file that there is not', ['pg9', 'count 5'], /^pktgen: pg9 "count 5": ENOENT\n$/],
    [
      'a device that is there already',
      ['kpktgend_0', 'add_device pg0'],
      /^pktgen: kpktgend_0 "add_device pg0": EBUSY \(ERROR: can not add device pg0\)\n$/,
    ],
    ['a link that is no Ethernet', ['kpktgend_0', 'add_device lo'], /^pktgen: kpktgend_0 "add_device lo": EINVAL /],
    ['a thing that the link cannot do', ['pg0', 'clone_skb 5'], /^pktgen: pg0 "clone_skb 5": EOPNOTSUPP/],
    ['too many sizes', ['pg0', `imix_weights ${'64,1 '.repeat(21)}`], /^pktgen: pg0 "imix_weights .*": E2BIG/],
  ];
  for (const [what, args, says] of refused) {
    test(what, { timeout: TIMEOUT_MS }, async () => {
      const { status, stdout, stderr } = await ctl(...args);
      assert.deepEqual({ status, stdout }, { status: 1, stdout: '' });
      assert.match(stderr, says);
    });
  }

  for (const [signal, says] of [
    ['SIGINT', /^pktgen: interrupted: the daemon was told to end the run\n$/],
    ['SIGTERM', /^pktgen: interrupted: /],
    ['SIGKILL', /^$/],
  ] as const) {
    test(`${signal} ends the run that it has started`, { timeout: TIMEOUT_MS }, async () => {
      assert.equal((await ctl('pg0', 'count 0')).status, 0);
      const start = program.start(['ctl', '--socket', socket, 'pgctrl', 'start']);
      await running('Running: pg0 \nStopped: \n');
      start.signalGroup(signal);
      const ended = await start.ended;
      const how = signal === 'SIGKILL' ? { status: null, signal } : { status: 1, signal: null };
      assert.deepEqual({ status: ended.status, signal: ended.signal }, how);
      assert.match(ended.stderr, says);
      await running('Running: \nStopped: pg0 \n');
    });
  }

  test('others look and stop while one starts', { timeout: TIMEOUT_MS }, async () => {
    assert.equal((await ctl('pg0', 'count 0')).status, 0);
    const start = program.start(['ctl', '--socket', socket, 'pgctrl', 'start']);
    await running('Running: pg0 \nStopped: \n');
    const packets = async (): Promise<number> => Number(/pkts-sofar: (\d+)/.exec((await ctl('pg0')).stdout)?.[1]);
    const [first, second] = [await packets(), await packets()];
    assert.ok(first > 0 && second > first, `${first} packets, then ${second}`);
    assert.equal(start.process.exitCode, null);
    assert.deepEqual(await ctl('pgctrl', 'stop'), { status: 0, signal: null, stdout: '', stderr: '' });
    assert.deepEqual(await start.ended, { status: 0, signal: null, stdout: '', stderr: '' });
    assert.ok((await packets()) >= second);
  });

  test('a daemon that goes away during a start', { timeout: TIMEOUT_MS }, async () => {
    const other = join(program.temporary, 'short.sock');
    const short = program.start(['serve', '--no-mount', '--socket', other], { netns: bench.near });
    await appears(other);
    const to = (...args: readonly string[]): Promise<Ended> => program.run(['ctl', '--socket', other, ...args]);
    assert.equal((await to('kpktgend_0', 'add_device pg1')).status, 0);
    assert.equal((await to('pg1', 'count 0')).status, 0);
    const start = program.start(['ctl', '--socket', other, 'pgctrl', 'start']);
    for (let tries = 0; !(await to('kpktgend_0')).stdout.startsWith('Running: pg1'); tries++) assert.ok(tries < 50);
    short.process.kill('SIGKILL');
    await short.ended;
    const { status, stderr } = await start.ended;
    assert.equal(status, 1);
    assert.match(
      stderr,
      /^pktgen: no daemon answers at .*short\.sock \(.*went away\): start one with "pktgen serve"\n$/,
    );
    // What it left is no daemon either, and the next one takes it over.
    const after = await to();
    assert.equal(after.status, 1);
    assert.match(after.stderr, /^pktgen: no daemon answers at .*short\.sock \(.*ECONNREFUSED.*\): start one/);
    const next = program.start(['serve', '--no-mount', '--socket', other], { netns: bench.near });
    try {
      for (let tries = 0; (await to()).status !== 0; tries++) assert.ok(tries < 50);
      assert.doesNotMatch((await to()).stdout, /pg1/);
    } finally {
      next.process.kill('SIGTERM');
      assert.equal((await next.ended).status, 0);
    }
    assert.ok(!existsSync(other));
  });

  test('several daemons, each with its own devices; its mount shows what ctl shows', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const folder = join(program.temporary, 'mounted');
    const other = program.start(['serve', '--mount', folder], { netns: bench.far });
    try {
      await other.says(/control files in/);
      const there = (...args: readonly string[]): Promise<Ended> =>
        program.run(['ctl', '--socket', `${folder}.sock`, ...args]);
      assert.deepEqual(await there('kpktgend_0', 'add_device pg0p'), {
        status: 0,
        signal: null,
        stdout: '',
        stderr: '',
      });
      assert.match((await there()).stdout, /^pg0p$/m);
      assert.doesNotMatch((await ctl()).stdout, /pg0p/);
      assert.match((await there('kpktgend_0', 'add_device pg0')).stderr, /ENODEV/);
      assert.equal(sh(`printf 'count 77\n' > '${folder}/pg0p'; cat '${folder}/pg0p'`), (await there('pg0p')).stdout);
      assert.match((await there('pg0p')).stdout, /^Params: count 77 /);
      const nobody = await program.run(['ctl', '--socket', `${folder}.sock`], { nobody: true });
      assert.equal(nobody.status, 1);
      assert.match(nobody.stderr, /^pktgen: .*mounted\.sock may not be opened \(EACCES\): only the user who /);
    } finally {
      other.process.kill('SIGTERM');
      assert.equal((await other.ended).status, 0);
    }
    assert.ok(!existsSync(folder) && !existsSync(`${folder}.sock`));
  });

  test('a socket that the control files would cover is refused', { timeout: TIMEOUT_MS }, async () => {
    const folder = join(program.temporary, 'covered');
    const { status, stderr } = await program.run(['serve', '--mount', folder, '--socket', join(folder, 'ctl')]);
    assert.equal(status, 2);
    assert.match(stderr, /^pktgen: --socket .*covered\/ctl: the control files would cover it; give one outside of /);
    assert.ok(!existsSync(folder));
  });

  test('without a daemon it says how to start one', { timeout: TIMEOUT_MS }, async () => {
    const { status, stderr } = await program.run(['ctl', '--socket', join(program.temporary, 'none.sock')]);
    assert.equal(status, 1);
    assert.match(stderr, /^pktgen: no daemon answers at .*none\.sock \(.*\): start one with "pktgen serve"\n$/);
  });
});
