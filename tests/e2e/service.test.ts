import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { projectRoot } from '../support/project.ts';
import { Bench, cannotServe, sh } from '../support/served.ts';
import { Program } from './program.ts';

const TIMEOUT_MS = 30_000;
const UNIT = join(projectRoot, 'packaging/pktgen.service');
const unit = readFileSync(UNIT, 'utf8');
const setting = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1] ?? '';
const capabilities = setting('AmbientCapabilities').split(' ');

/** Starts a program with these capabilities and no others, whoever it is. */
const having = (names: readonly string[]): string[] => {
  const set = `-all,${names.map((name) => `+${name.replace('CAP_', '').toLowerCase()}`).join(',')}`;
  return ['setpriv', '--bounding-set', set, '--inh-caps', set, '--ambient-caps', set];
};

const whyNoVerify =
  spawnSync('systemd-analyze', ['--version']).error === undefined
    ? false
    : 'needs systemd-analyze (Debian: systemd), which knows what units look like';

describe('the unit of systemd', () => {
  test('grants what it limits to', () => {
    assert.equal(setting('CapabilityBoundingSet'), setting('AmbientCapabilities'));
  });
  test('systemd finds no mistake in it', { skip: whyNoVerify }, () => {
    const { stderr } = spawnSync('systemd-analyze', ['verify', UNIT], { encoding: 'utf8' });
    // The program and its user are not installed here.
    const own = stderr.split('\n').filter((line) => line.includes('pktgen.service') && !/not executable/.test(line));
    assert.deepEqual(own, []);
  });
});

describe('the daemon with just the capabilities of its unit', { skip: cannotServe() ?? false }, () => {
  let bench: Bench;
  let program: Program;
  before(() => {
    bench = new Bench();
    program = new Program();
  });
  after(() => {
    program.close();
    bench.close();
  });

  /** Serves with some of them, and sends to the pair through the socket. */
  async function sends(names: readonly string[], args: readonly string[]): Promise<string> {
    const socket = join(program.temporary, 'socket');
    const daemon = program.startOther([...having(names), ...program.argv('serve', '--socket', socket, ...args)], {
      netns: bench.near,
    });
    await daemon.says(/Version/);
    const ctl = async (...argv: readonly string[]): Promise<void> => {
      const { status, stderr } = await program.run(['ctl', '--socket', socket, ...argv], { netns: bench.near });
      assert.equal(status, 0, stderr);
    };
    for (let tries = 0; tries < 50 && spawnSync('test', ['-S', socket]).status !== 0; tries++) sh('sleep 0.1');
    await ctl('kpktgend_0', 'add_device pg0');
    for (const line of ['count 1000', 'dst_mac 02:00:00:00:00:02']) await ctl('pg0', line);
    await ctl('pgctrl', 'start');
    daemon.process.kill('SIGTERM');
    const { status, stdout, stderr } = await daemon.ended;
    assert.equal(status, 0, stderr);
    return stdout;
  }

  test('sends, and mounts its control files', { timeout: TIMEOUT_MS }, async () => {
    const log = await sends(capabilities, ['--mount', join(program.temporary, 'control')]);
    assert.match(log, /control files in .*control\n/);
    assert.match(log, /pg0: transmitter (live|ring)/);
    await program.leftNothing();
  });

  test('without CAP_SYS_ADMIN it does everything but mount', { timeout: TIMEOUT_MS }, async () => {
    const fewer = capabilities.filter((name) => name !== 'CAP_SYS_ADMIN');
    assert.match(await sends(fewer, ['--no-mount']), /pg0: transmitter (live|ring)/);
    await program.leftNothing();
  });
});
