import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { allowedCpus } from '../../src/linux/sched.ts';
import { whyNoNetns } from '../support/netns.ts';
import { projectRoot } from '../support/project.ts';
import { Program } from './program.ts';

const TIMEOUT_MS = 30_000;
const page = readFileSync(join(projectRoot, 'docs/cookbook.md'), 'utf8');
/** Heading and command of each recipe. */
const recipes = [...page.matchAll(/^## (.+?)$.*?^```sh\n(.+?)\n```$/gms)].map(([, title = '', command = '']) => ({
  title,
  command,
}));

describe('the cookbook', { skip: whyNoNetns }, () => {
  let program: Program;
  before(() => {
    program = new Program();
  });
  after(() => program.close());

  test('has all its recipes here', () => {
    assert.equal(recipes.length, page.match(/^## /gm)?.length);
    assert.ok(recipes.length >= 15);
  });

  for (const { title, command } of recipes) {
    const threads = Number(/ -t (\d+)/.exec(command)?.[1] ?? 1);
    const skip = allowedCpus().length < threads && `needs ${threads} CPUs`;
    test(title, { timeout: TIMEOUT_MS, skip }, async () => {
      const shell = ['sh', '-c', command.replace(/^pktgen/, program.shellCommand)];
      const { status, stdout, stderr } = await program.startOther(shell).ended;
      assert.equal(status, 0, stderr);
      const file = / --pcap (\S+)/.exec(command)?.[1];
      await program.leftNothing(file ? [file] : []);
      if (file) rmSync(join(program.temporary, file));
      else if (command.includes('--json')) {
        const { arrived } = JSON.parse(stdout) as { arrived: { lost: number; reordered: number; duplicates: number } };
        assert.deepEqual([arrived.lost, arrived.reordered, arrived.duplicates], [0, 0, 0]);
      } else if (command.startsWith('pktgen run')) {
        // Whoever sees encrypted packets counts them, and no more.
        const arrived = command.includes('IPSEC') ? /^sent .* · lost 0$/m : /^sent .* · lost 0 · p99 latency [^·]*$/m;
        assert.match(stdout, arrived);
      }
    });
  }
});
