import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Daemon, sh, temporaryDirectory, whyNoFuse } from './procfs-process.ts';

const NOBODY = 'setpriv --reuid 65534 --regid 65534 --clear-groups';

describe('control files', { skip: whyNoFuse }, () => {
  const directory = temporaryDirectory();
  const at = directory.path;
  let daemon: Daemon;

  before(async () => {
    daemon = new Daemon(at);
    await daemon.saw('ready');
    assert.deepEqual(await sh(`echo add pg0 > ${at}/pgctrl`), { status: 0, out: '' });
  });
  after(async () => {
    assert.match(await daemon.exit('SIGTERM'), /\nended\n$/);
    directory.remove();
  });

  /** What a shell says in the directory. The recordings of the real kernel have the same answers. */
  const cases: readonly (readonly [command: string, out: string | RegExp, status?: number])[] = [
    ['ls', 'kpktgend_0\npg0\npgctrl\n'],
    [
      'stat -c "%A %a %U %s %n" . *',
      'dr-xr-xr-x 555 root 0 .\n-rw------- 600 root 0 kpktgend_0\n-rw------- 600 root 0 pg0\n-rw------- 600 root 0 pgctrl\n',
    ],
    ['cat pgctrl', 'text of pgctrl\n'],
    ['wc -c < pg0', '24000\n'],
    ['dd if=pg0 bs=7 count=2 2>/dev/null', 'fresh\nfresh\nfr'],
    ['dd if=pg0 bs=1 skip=10 count=8 2>/dev/null', 'h\nfresh\n'],
    ['echo x >> pg0; echo $?; : > pg0; echo $?; truncate -s 0 pg0; echo $?; cat pg0', '0\n0\n0\nx\n'],
    ['printf "count 5\\ncount 6\\n" > pg0; cat pg0', 'count 5\ncount 6\n'],
    ['head -c 100000 /dev/zero | dd of=pg0 bs=100000 iflag=fullblock 2>/dev/null; wc -c < pg0', '100000\n'],
    ['printf "a\\377b" > pg0; od -An -tx1 pg0', ' 61 ff 62\n'],
    ['rm -f pg0', /Operation not permitted/, 1],
    ['touch new', /No such file or directory/, 1],
    ['echo x > new', /No such file|nonexistent/, 2],
    ['mkdir new', /No such file or directory/, 1],
    ['ln -s x new', /No such file or directory/, 1],
    ['mv pg0 new', /No such file or directory/, 1],
    ['mv -f pg0 pgctrl', /Operation not permitted/, 1],
    ['rmdir pg0', /Not a directory/, 1],
    ['cat new', /No such file or directory/, 1],
    ['touch pg0', ''],
    ['echo fail | tee pg0', /Invalid argument/, 1],
    ['echo 524 | tee pg0', /Input\/output error/, 1],
    ['echo short > pg0; cat pg0', 'rt\n'],
    [`${NOBODY} cat pgctrl`, /Permission denied/, 1],
    ['chmod 666 pgctrl; stat -c %a pgctrl', '666\n'],
    [`echo stop | ${NOBODY} tee pgctrl`, /stop\ntee: pgctrl: Operation not permitted/, 1],
    [
      `echo stop | ${NOBODY} unshare --user --map-root-user tee pgctrl`,
      /stop\ntee: pgctrl: Operation not permitted/,
      1,
    ],
    ['chmod 600 pgctrl; chown 1:2 pg0; stat -c "%a %u %g" pgctrl pg0; chown 0:0 pg0', '600 0 0\n600 1 2\n'],
    ['chmod 777 .', /Operation not permitted/, 1],
  ];
  for (const [command, out, status = 0] of cases) {
    test(command, async () => {
      const outcome = await sh(`cd ${at}; ${command}`);
      if (out instanceof RegExp) assert.match(outcome.out, out);
      else assert.equal(outcome.out, out);
      assert.equal(outcome.status, status);
    });
  }

  test('one write(2) is one write', async () => {
    const seen = daemon.output.length;
    await sh(`printf "pkt_size 60\\ncount 7\\n" > ${at}/kpktgend_0`);
    await daemon.saw('{"file":"kpktgend_0","data":"pkt_size 60\\ncount 7\\n","capable":true}', seen);
  });

  test('a reader goes on in the text it began with', async () => {
    const outcome = await sh(
      `cd ${at}; printf "old text" > pg0; exec 3< pg0; dd bs=4 count=1 <&3 2>/dev/null; printf "NEW TEXT" > pg0; cat <&3; cat pg0`,
    );
    assert.equal(outcome.out, 'old textNEW TEXT');
  });

  test('start waits; files can be used, and stop gets past it', async () => {
    const seen = daemon.output.length;
    const start = sh(`echo start > ${at}/pgctrl; echo $?`);
    await daemon.saw('started', seen);
    assert.equal((await sh(`cat ${at}/pgctrl; ls ${at}`)).out, 'text of pgctrl\nkpktgend_0\npg0\npgctrl\n');
    assert.equal((await sh(`echo stop > ${at}/pgctrl`)).status, 0);
    assert.equal((await start).out, '0\n');
    await daemon.saw('"stopped"', seen);
  });

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
    test(`${signal} to the writer of start ends the wait`, async () => {
      const seen = daemon.output.length;
      const writer = spawn('/bin/sh', ['-c', `echo start > ${at}/pgctrl`]);
      const exit = new Promise((resolve) => writer.on('exit', (_, by) => resolve(by)));
      await daemon.saw('started', seen);
      writer.kill(signal);
      assert.equal(await exit, signal);
      await daemon.saw('"interrupted"', seen);
    });
  }

  test('a trapped signal ends the write with what the handler gives', async () => {
    const seen = daemon.output.length;
    const shell = spawn('/bin/sh', ['-c', `trap 'echo trapped' INT; echo start > ${at}/pgctrl; echo status $?`]);
    let out = '';
    shell.stdout.on('data', (chunk) => {
      out += String(chunk);
    });
    const closed = new Promise((resolve) => shell.on('close', resolve));
    await daemon.saw('started', seen);
    shell.kill('SIGINT');
    await closed;
    assert.equal(out, 'trapped\nstatus 0\n');
  });

  test('an open file of a vanished device gives EIO, also when there is a new device of that name', async () => {
    const vanished = await sh(
      `cd ${at}; exec 3<> pg0; echo remove pg0 > pgctrl; cat <&3; echo x | tee /dev/fd/3 2>&1 | tail -1; echo x >&3; ls`,
    );
    assert.match(vanished.out, /Input\/output error|I\/O error/);
    assert.match(vanished.out, /kpktgend_0\npgctrl\n$/);
    const replaced = await sh(
      `cd ${at}; echo add pg0 > pgctrl; exec 3< pg0; echo remove pg0 > pgctrl; echo add pg0 > pgctrl; cat <&3; wc -c < pg0`,
    );
    assert.match(replaced.out, /Input\/output error\n24000\n$/);
  });

  test('a mode is that of the device, not of its name', async () => {
    const { out } = await sh(
      `cd ${at}; chmod 640 pg0; stat -c %a pg0; echo remove pg0 > pgctrl; echo add pg0 > pgctrl; stat -c %a pg0`,
    );
    assert.equal(out, '640\n600\n');
  });

  test('300 rounds of devices coming and going leave no descriptor open', async () => {
    const open = daemon.descriptors();
    const { status } = await sh(
      `cd ${at}; for i in $(seq 300); do echo add d$i > pgctrl && cat d$i > /dev/null && echo remove d$i > pgctrl || exit 1; done`,
    );
    assert.equal(status, 0);
    await sleep(50);
    assert.equal(daemon.descriptors(), open);
  });
});
