import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from './usage-error.ts';
import { netnsChoice } from './wanted-netns.ts';

/** [given, names that there are, what is served, whether each has a directory of its own]. */
const CASES: readonly (readonly [given: string[], named: string[], served: string[], several: boolean])[] = [
  [['blue'], ['blue', 'red'], ['blue at blue'], false],
  [['blue', 'red'], [], ['blue at blue', 'red at red'], true],
  [['/proc/7/ns/net', '12'], [], ['net at /proc/7/ns/net', '12 at 12'], true],
  [['all'], [], [], true],
  [['all'], ['blue', 'red'], ['blue at blue', 'red at red'], true],
  [['all', '/run/netns/red'], ['blue', 'red'], ['red at /run/netns/red', 'blue at blue'], true],
];
for (const [given, named, served, several] of CASES) {
  test(`--netns ${given.join(' --netns ')}, with ${named.join(', ') || 'none'}`, () => {
    const choice = netnsChoice(given);
    assert.deepEqual(
      choice.wanted(named).map(({ name, at }) => `${name} at ${at}`),
      served,
    );
    assert.equal(choice.several, several);
    assert.equal(choice.must, !given.includes('all'));
  });
}

test('two of the same name are refused', () => {
  assert.throws(() => netnsChoice(['blue', '/run/netns/blue']), UsageError);
});
