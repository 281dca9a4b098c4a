import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { completionScript } from './completion-command.ts';
import { newProgram } from './program.ts';

const script = completionScript(
  newProgram(() => {}),
  'bash',
);

/** What bash offers for the last of these words. */
function offered(...words: readonly string[]): string[] {
  const ask = `COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _pktgen; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { status, stdout, stderr } = spawnSync('bash', ['-c', `${script}${ask}`, 'bash', ...words], {
    encoding: 'utf8',
  });
  assert.deepEqual([status, stderr], [0, '']);
  return stdout.trimEnd().split('\n');
}

/** [words, what is among the offers]. */
const ROWS: readonly (readonly [words: readonly string[], offer: string])[] = [
  [['pktgen', 'si'], 'sink'],
  [['pktgen', ''], 'run'],
  [['pktgen', 'run', '--max-l'], '--max-latency'],
  [['pktgen', 'sink', '--receiver', 'p'], 'packet'],
  [['pktgen', 'run', '-i', 'l'], 'lo'],
];
for (const [words, offer] of ROWS) {
  test(`${words.join(' ')}: ${offer}`, () => {
    const offers = offered(...words);
    assert.ok(offers.includes(offer), offers.join(' '));
    const last = words.at(-1) ?? '';
    assert.ok(offers.every((one) => one.startsWith(last)));
  });
}

test('an option of another command is not offered', () => {
  assert.ok(!offered('pktgen', 'sink', '--ma').includes('--max-loss'));
});
