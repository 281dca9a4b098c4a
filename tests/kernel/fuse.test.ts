import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, test } from 'node:test';
import { mountAt } from '../../src/linux/mount.ts';
import type { ControlFiles } from '../../src/pktgen/control-files.ts';
import { serveControlFiles } from '../../src/procfs/serve-control-files.ts';
import { Daemon, sh, temporaryDirectory, whyNoFuse } from './procfs-process.ts';

const oneFile = (name: string): ControlFiles => ({
  list: () => [name],
  read: (file) => (file === name ? `text of ${name}\n` : undefined),
  write: async (_file, data) => data.length,
  identity: (file) => (file === name ? 0 : undefined),
});
const openDescriptors = (): number => readdirSync('/proc/self/fd').length;

describe('a FUSE session', { skip: whyNoFuse }, () => {
  test('two mounts are served at once, and closing leaves nothing', async () => {
    const [first, second] = [temporaryDirectory(), temporaryDirectory()];
    const before = openDescriptors();
    const one = await serveControlFiles(oneFile('one'), first.path);
    const two = await serveControlFiles(oneFile('two'), second.path);
    assert.equal((await sh(`cat ${first.path}/one ${second.path}/two`)).out, 'text of one\ntext of two\n');
    await one.close();
    assert.equal((await sh(`ls ${first.path} ${second.path}/two`)).out.trim(), `${second.path}/two\n\n${first.path}:`);
    await two.close();
    await two.close();
    assert.equal(openDescriptors(), before);
    first.remove();
    second.remove();
  });

  test('closes while someone is in the directory, and what is open fails', async () => {
    const directory = temporaryDirectory();
    const session = await serveControlFiles(oneFile('file'), directory.path);
    const user = sh(
      `cd ${directory.path}; exec 3< file; while [ -e ../${directory.path.split('/').pop()}/file ]; do sleep 0.02; done; cat <&3`,
    );
    await sh('sleep 0.2');
    await session.close();
    assert.equal(mountAt(directory.path), undefined);
    assert.match((await user).out, /not connected|No such device/);
    directory.remove();
  });

  test('umount from outside ends the session', async () => {
    const directory = temporaryDirectory();
    const session = await serveControlFiles(oneFile('file'), directory.path);
    assert.deepEqual(await sh(`umount ${directory.path}`), { status: 0, out: '' });
    await session.ended;
    await session.close();
    directory.remove();
  });

  test('a pending write gets EINTR when the daemon ends', async () => {
    const directory = temporaryDirectory();
    const daemon = new Daemon(directory.path);
    await daemon.saw('ready');
    await sh(`echo add pg0 > ${directory.path}/pgctrl`);
    const writer = sh(`cd ${directory.path}; echo hang | tee pg0`);
    await daemon.saw('hang');
    await daemon.exit('SIGTERM');
    assert.match((await writer).out, /Interrupted system call/);
    directory.remove();
  });

  test('a killed daemon fails its users, and the next one serves over its stale mount', async () => {
    const directory = temporaryDirectory();
    const killed = new Daemon(directory.path);
    await killed.saw('ready');
    const writer = sh(`echo start | tee ${directory.path}/pgctrl`);
    await killed.saw('started');
    await killed.exit('SIGKILL');
    assert.match((await writer).out, /Software caused connection abort|not connected/);
    assert.match((await sh(`ls ${directory.path}`)).out, /Transport endpoint is not connected/);
    const next = new Daemon(directory.path);
    await next.saw('ready');
    assert.equal((await sh(`cat ${directory.path}/pgctrl`)).out, 'text of pgctrl\n');
    assert.match(await next.exit('SIGTERM'), /ended/);
    assert.equal(mountAt(directory.path), undefined);
    directory.remove();
  });

  test('a second daemon is told who serves', async () => {
    const directory = temporaryDirectory();
    const first = new Daemon(directory.path);
    await first.saw('ready');
    const second = new Daemon(directory.path);
    assert.equal(
      await second.exit(),
      `FuseUnavailable: a pktgen daemon already serves ${directory.path}, pid ${first.process.pid}: use that one, end it, or serve elsewhere\n`,
    );
    assert.equal((await sh(`cat ${directory.path}/pgctrl`)).out, 'text of pgctrl\n');
    await first.exit('SIGTERM');
    directory.remove();
  });

  test('process.exit() unmounts and does not hang', async () => {
    const directory = temporaryDirectory();
    const { href } = new URL('../../src/procfs/serve-control-files.js', import.meta.url);
    const program = `import { serveControlFiles } from '${href}';
      await serveControlFiles({ list: () => [], read() {}, write: async () => 0, identity() {} }, '${directory.path}');
      setTimeout(() => process.exit(3), 50);`;
    assert.deepEqual(await sh(`'${process.execPath}' --input-type=module -e "${program}"`), { status: 3, out: '' });
    assert.equal(mountAt(directory.path), undefined);
    directory.remove();
  });

  const refused: readonly (readonly [what: string, prepare: string, path: string, message: RegExp])[] = [
    ['a missing mount point', 'true', '/nosuch', /does not exist: make it with "mkdir -p/],
    ['a missing parent', 'true', '/nosuch/deeper', /does not exist: make it with "mkdir -p/],
    ['a file', 'touch file', '/file', /is no directory/],
  ];
  for (const [what, prepare, path, message] of refused) {
    test(`${what} is refused`, async () => {
      const directory = temporaryDirectory();
      await sh(`cd ${directory.path}; ${prepare}`);
      await assert.rejects(serveControlFiles(oneFile('file'), directory.path + path), {
        name: 'FuseUnavailable',
        message,
      });
      await sh(`rm -f ${directory.path}/file`);
      directory.remove();
    });
  }

  test('without CAP_SYS_ADMIN, or without the device, the message says what is missing', async () => {
    const directory = temporaryDirectory();
    const run = (wrapper: string) =>
      sh(
        `${wrapper} '${process.execPath}' '${new URL('./procfs-daemon.js', import.meta.url).pathname}' ${directory.path}`,
      );
    assert.match((await run('setpriv --bounding-set -sys_admin --inh-caps -sys_admin')).out, /needs CAP_SYS_ADMIN/);
    const hidden = 'unshare --mount sh -c \'mount -t tmpfs none /dev; exec "$@"\' sh';
    assert.match((await run(hidden)).out, /there is no \/dev\/fuse: .*modprobe fuse.*--device \/dev\/fuse/);
    directory.remove();
  });

  test('works in an unprivileged user namespace that may open the device', async () => {
    const directory = temporaryDirectory();
    const program = new URL('./procfs-daemon.js', import.meta.url).pathname;
    const { out, status } = await sh(
      `unshare --user --map-root-user --mount '${process.execPath}' '${program}' ${directory.path} sh -c 'cat /proc/net/pktgen/pgctrl; echo add x > /proc/net/pktgen/pgctrl; ls /proc/net/pktgen'`,
    );
    assert.match(out, /text of pgctrl\n.*"capable":true.*\nkpktgend_0\npgctrl\nx\n/);
    assert.equal(status, 0);
    directory.remove();
  });
});
