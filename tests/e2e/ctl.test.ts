import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Bench, cannotServe } from '../support/served.ts';
import { type Ended, Program, type Started } from './program.ts';

const TIMEOUT_MS = 30_000;

describe('ctl, where no file system can be mounted', { skip: cannotServe() ?? false }, () => {
  let bench: Bench;
  let program: Program;
  let daemon: Started;
  let socket: string;
  const ctl = (...args: readonly string[]): Promise<Ended> => program.run(['ctl', '--socket', socket, ...args]);

  before(async () => {
    bench = new Bench();
    program = new Program();
    socket = join(program.temporary, 'ctl.sock');
    daemon = program.start(['serve', '--no-mount', '--socket', socket], { netns: bench.near });
    for (let tries = 0; !existsSync(socket) && tries < 200; tries++) await sleep(25);
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
    ['a command that there is not', ['pgctrl', 'go'], /^pktgen: pgctrl "go": EINVAL/],
  ];
  for (const [what, args, says] of refused) {
    test(what, { timeout: TIMEOUT_MS }, async () => {
      const { status, stdout, stderr } = await ctl(...args);
      assert.deepEqual({ status, stdout }, { status: 1, stdout: '' });
      assert.match(stderr, says);
    });
  }

  test('^C ends the run that it has started', { timeout: TIMEOUT_MS }, async () => {
    assert.equal((await ctl('pg0', 'count 0')).status, 0);
    const start = program.start(['ctl', '--socket', socket, 'pgctrl', 'start']);
    await sleep(800);
    start.signalGroup('SIGINT');
    assert.equal((await start.ended).status, 1);
    assert.match((await ctl('kpktgend_0')).stdout, /^Running: \nStopped: pg0 \n/);
  });

  test('without a daemon it says how to start one', { timeout: TIMEOUT_MS }, async () => {
    const { status, stderr } = await program.run(['ctl', '--socket', join(program.temporary, 'none.sock')]);
    assert.equal(status, 1);
    assert.match(stderr, /^pktgen: no daemon answers at .*none\.sock \(.*\): start one with "pktgen serve"\n$/);
  });
});
