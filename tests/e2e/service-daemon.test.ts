import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { NotifySocket } from '../support/notify-socket.ts';
import { Bench, cannotServe, sh } from '../support/served.ts';
import { type Ended, Program, type Started } from './program.ts';

const TIMEOUT_MS = 60_000;
const whyNoTerminal = spawnSync('script', ['--version']).error ? 'needs the program script (Debian: bsdutils)' : false;

describe('the daemon as a service', { skip: cannotServe() ?? false, timeout: 4 * TIMEOUT_MS }, () => {
  let bench: Bench;
  let program: Program;
  let socket: string;
  let mount: string;
  before(() => {
    bench = new Bench();
    program = new Program();
    socket = join(program.temporary, 'socket');
    mount = join(program.temporary, 'control');
  });
  after(() => {
    program.close();
    bench.close();
  });
  afterEach(() => program.leftNothing());

  const ctl = (...args: readonly string[]): Promise<Ended> => program.run(['ctl', '--socket', socket, ...args]);
  const tell = async (...args: readonly string[]): Promise<string> => {
    const { status, stdout, stderr } = await ctl(...args);
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const serve = (...args: readonly string[]): Started =>
    program.start(['serve', '--socket', socket, '--mount', mount, ...args]);
  async function end(daemon: Started): Promise<string> {
    daemon.process.kill('SIGTERM');
    const { status, stdout, stderr } = await daemon.ended;
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
    return stdout;
  }
  const hangUp = async (daemon: Started, times: number): Promise<void> => {
    daemon.process.kill('SIGHUP');
    await daemon.says(new RegExp(`(^reloaded$.*){${times}}`, 'ms'));
  };

  test('serves several namespaces, each with its own devices', { timeout: TIMEOUT_MS }, async () => {
    const { near, far } = bench;
    const daemon = serve('--netns', near, '--netns', `/run/netns/${far}`);
    await daemon.says(new RegExp(`^${far}: control files in .*/control/${far}$`, 'm'));
    assert.deepEqual(readdirSync(mount).sort(), [near, far].sort());
    for (const [name, link] of [
      [near, 'pg0'],
      [far, 'pg0p'],
    ] as const) {
      sh(`echo 'add_device ${link}' > ${mount}/${name}/kpktgend_0; echo 'count 500' > ${mount}/${name}/${link}`);
      await tell('--netns', name, link, 'dst_mac 02:00:00:00:00:09');
      sh(`echo start > ${mount}/${name}/pgctrl`);
      assert.match(sh(`cat ${mount}/${name}/${link}`), /pkts-sofar: 500 /);
      assert.ok(!existsSync(join(mount, name === near ? far : near, link)));
    }
    assert.match(await tell('--netns', far), /^pgctrl\n.*\npg0p\n$/s);
    const both = await ctl('pgctrl');
    assert.deepEqual(
      [both.status, both.stderr],
      [1, `pktgen: which namespace? --netns NAME: the daemon serves ${near}, ${far}\n`],
    );
    const none = await ctl('--netns', 'none', 'pgctrl');
    assert.match(none.stderr, /^pktgen: no namespace none: the daemon serves /);
    assert.match(await end(daemon), new RegExp(`^${far}: pktgen: pg0p: OK: .* 500 `, 'm'));
  });

  test('SIGHUP looks again which namespaces there are, and ends no run', { timeout: TIMEOUT_MS }, async () => {
    const name = `${bench.near}r`;
    sh(`ip netns add ${name}`);
    try {
      const daemon = serve('--netns', bench.near, '--netns', name);
      await daemon.says(new RegExp(`^${name}: control files in `, 'm'));
      await tell('--netns', bench.near, 'kpktgend_0', 'add_device pg0');
      await tell('--netns', bench.near, 'pg0', 'count 0');
      await tell('--netns', bench.near, 'pg0', 'ratep 1000');
      const run = tell('--netns', bench.near, 'pgctrl', 'start');
      await daemon.says(/transmitter/);
      await hangUp(daemon, 1);
      assert.ok(existsSync(join(mount, name)));
      sh(`ip netns del ${name}`);
      await hangUp(daemon, 2);
      assert.match(daemon.stdout, new RegExp(`^${name}: the namespace is gone, and no longer served$`, 'm'));
      assert.ok(!existsSync(join(mount, name)));
      // Another one of that name.
      sh(
        `ip netns add ${name}; ip -n ${name} link add veth0 type veth peer name veth1; ip -n ${name} link set veth0 up`,
      );
      await hangUp(daemon, 3);
      await tell('--netns', name, 'kpktgend_0', 'add_device veth0');
      assert.match(await tell('--netns', bench.near, 'kpktgend_0'), /^Running: pg0 /);
      await tell('--netns', bench.near, 'pgctrl', 'stop');
      await run;
      await end(daemon);
    } finally {
      sh(`ip netns del ${name} 2>/dev/null || :`);
    }
  });

  test('a namespace that has lost its name stays while its devices run', { timeout: TIMEOUT_MS }, async () => {
    const name = `${bench.near}r`;
    sh(
      `ip netns add ${name}; ip -n ${name} link add veth0 type veth peer name veth1; ip -n ${name} link set veth0 up; ip -n ${name} link set veth1 up`,
    );
    const daemon = serve('--netns', name);
    await daemon.says(/^control files in /m);
    await tell('kpktgend_0', 'add_device veth0');
    await tell('veth0', 'count 0');
    await tell('veth0', 'ratep 1000');
    const run = tell('pgctrl', 'start');
    await daemon.says(/transmitter/);
    sh(`ip netns del ${name}`);
    await hangUp(daemon, 1);
    assert.match(daemon.stdout, /WARNING: the namespace has lost its name, but devices run in it/);
    assert.match(await tell('veth0'), /^Current:\n {5}pkts-sofar: [1-9]/m);
    await tell('pgctrl', 'stop');
    await run;
    await hangUp(daemon, 2);
    assert.equal((await ctl('veth0')).stderr, 'pktgen: the daemon serves no namespace now\n');
    await end(daemon);
  });

  test('a namespace that is not there is a mistake', { timeout: TIMEOUT_MS }, async () => {
    const { status, stderr } = await serve('--netns', bench.near, '--netns', 'none0').ended;
    assert.equal(status, 1);
    assert.match(stderr, /^pktgen: no network namespace none0: /);
  });

  test('--log json: an object a line, about device and thread', { timeout: TIMEOUT_MS }, async () => {
    const daemon = serve('--netns', bench.near, '--log', 'json');
    await daemon.says(/control files in/);
    await ctl('kpktgend_0', 'add_device none0');
    await tell('kpktgend_0', 'add_device pg0');
    await tell('pg0', 'count 10');
    await tell('pgctrl', 'start');
    const lines = (await end(daemon))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, string>);
    for (const { time } of lines) assert.ok(Math.abs(Date.now() - Date.parse(time ?? '')) < TIMEOUT_MS);
    const about = (event: string) => {
      const { level, thread, device } = lines.find((line) => line.event === event) ?? {};
      return [level, thread, device];
    };
    assert.deepEqual(about('version'), ['info', undefined, undefined]);
    assert.deepEqual(about('service'), ['info', undefined, undefined]);
    assert.deepEqual(about('command'), ['error', 'kpktgend_0', undefined]);
    assert.deepEqual(about('transmitter'), ['info', 'kpktgend_0', 'pg0']);
    assert.deepEqual(about('result'), ['info', 'kpktgend_0', 'pg0']);
  });

  test('systemd is told when it is ready, reloads and ends', { timeout: TIMEOUT_MS }, async () => {
    using notified = new NotifySocket(join(program.folder, 'notify'));
    const daemon = program.startOther(
      ['env', `NOTIFY_SOCKET=${notified.path}`, ...program.argv('serve', '--no-mount', '--socket', socket)],
      { netns: bench.near },
    );
    await notified.tells(/^READY=1\n$/);
    await tell();
    await hangUp(daemon, 1);
    await notified.tells(/^READY=1\nRELOADING=1\nMONOTONIC_USEC=\d+\nREADY=1\n$/);
    await end(daemon);
    await notified.tells(/\nSTOPPING=1\n$/);
  });

  test('a CPU that goes, and comes back', { timeout: TIMEOUT_MS }, async (t) => {
    const daemon = serve('--netns', bench.near);
    await daemon.says(/control files in/);
    const cpus = (await tell()).match(/(?<=kpktgend_)\d+/g) ?? [];
    const [kept, ...others] = cpus;
    if (others.length === 0) t.skip('needs two CPUs');
    else {
      const { pid } = daemon.process;
      await tell(`kpktgend_${others[0]}`, 'add_device pg0');
      const thread = sh(
        `for tries in $(seq 50); do grep -lx kpktgend_${others[0]} /proc/${pid}/task/*/comm && break; sleep 0.1; done`,
      ).replace(/\/comm\n$/, '');
      // The first thread looks after CPUs; the other one has been moved by the kernel.
      sh(`taskset -p -c ${kept} ${pid}; taskset -p -c ${kept} ${thread.replace(/.*\//, '')}`);
      await daemon.says(new RegExp(`WARNING: kpktgend_${others[0]}: CPU ${others[0]} is gone`));
      assert.deepEqual((await tell()).match(/(?<=kpktgend_)\d+/g), cpus);
      sh(`taskset -p -c ${cpus.join(',')} ${daemon.process.pid}`);
      await daemon.says(new RegExp(`kpktgend_${others[0]}: CPU ${others[0]} is back`));
      for (let tries = 0; tries < 50; tries++, await sleep(20))
        if (sh(`cat ${thread}/status`).includes(`\nCpus_allowed_list:\t${others[0]}\n`)) break;
      assert.match(sh(`cat ${thread}/status`), new RegExp(`^Cpus_allowed_list:\\t${others[0]}$`, 'm'));
    }
    await end(daemon);
  });

  test('on a terminal it ends with it', { timeout: TIMEOUT_MS, skip: whyNoTerminal }, async () => {
    const argv = program.argv('serve', '--socket', socket, '--no-mount', '--netns', bench.near);
    const terminal = program.startOther(['script', '-qec', `exec ${argv.join(' ')}`, '/dev/null']);
    await terminal.says(/Version/);
    for (let tries = 0; tries < 100 && !existsSync(socket); tries++) await sleep(50);
    terminal.process.kill('SIGKILL');
    await terminal.ended;
  });

  test('control files that somebody unmounts: its end', { timeout: TIMEOUT_MS }, async () => {
    const daemon = serve('--netns', bench.near);
    await daemon.says(/control files in/);
    for (let tries = 0; tries < 20 && daemon.process.exitCode === null; tries++, await sleep(100))
      sh(`umount ${mount} 2>/dev/null || :`);
    assert.equal((await daemon.ended).status, 0);
  });
});
