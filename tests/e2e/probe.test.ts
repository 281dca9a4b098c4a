import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { cannotServe, sh } from '../support/served.ts';
import { Program } from './program.ts';

describe('probe on a link', { skip: cannotServe() ?? false }, () => {
  const netns = `pgtprobe${process.pid}`;
  let program: Program;
  before(() => {
    program = new Program();
    sh(
      `ip netns add ${netns}; ip -n ${netns} link add va type veth peer name vb; ip -n ${netns} link set va up; ip -n ${netns} link set vb up`,
    );
  });
  after(() => {
    sh(`ip netns del ${netns}`);
    program.close();
  });
  const transmitter = async (...args: readonly string[]): Promise<{ name: string; why: string }> => {
    const { status, stdout, stderr } = await program.run(['probe', '--json', '-i', ...args], { netns });
    assert.equal(status, 0, stderr);
    return (JSON.parse(stdout) as { transmitter: { name: string; why: string } }).transmitter;
  };

  test('says what keeps it from the faster transmitter, and with --fix changes that', async () => {
    const slow = await transmitter('va');
    assert.equal(slow.name, 'ring');
    assert.match(slow.why, /ethtool -K PEER gro on/);
    assert.equal((await transmitter('va', '--fix')).name, 'live');
    assert.match(sh(`ip netns exec ${netns} ethtool -k vb`), /^generic-receive-offload: on$/m);
    // Nothing is left to do.
    assert.equal((await transmitter('va', '--fix')).name, 'live');
  });

  test('a link whose other end is elsewhere, and one that is no veth, are left alone', async () => {
    sh(`ip -n ${netns} link add name br0 type bridge; ip -n ${netns} link set br0 up`);
    const { status, stderr } = await program.run(['probe', '-i', 'br0', '--fix'], { netns });
    assert.equal(status, 0);
    assert.match(stderr, /^br0: only links of our own making are changed/);
  });

  test('--fix without a link makes no sense', async () => {
    const { status, stderr } = await program.run(['probe', '--fix'], { netns });
    assert.equal(status, 2);
    assert.match(stderr, /^pktgen: --fix wants -i DEV/);
  });
});
