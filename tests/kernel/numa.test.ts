import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SharedMap } from '../../src/linux/bpf-map.ts';
import { Mapping } from '../../src/linux/mmap.ts';
import { nodeOfCpu, nodePossible, nodesOf, onNode } from '../../src/linux/numa.ts';
import { openOnPair, writer } from '../support/generator.ts';
import { TestPair, whyNoNetns } from '../support/netns.ts';

/** No machine has it. */
const NO_NODE = 1000;

describe('NUMA nodes', { skip: whyNoNetns }, () => {
  test('the node of a CPU is one that can be', () => {
    assert.ok(nodePossible(nodeOfCpu(0)));
    assert.equal(nodePossible(NO_NODE), false);
  });

  test('memory that is touched meanwhile lies on the node', () => {
    const node = nodeOfCpu(0);
    using mapping = onNode(node, () => Mapping.anonymous(1 << 20));
    assert.deepEqual(nodesOf(mapping), new Map([[node, 256]]));
  });

  test('a node that is not there is refused, and the policy is as it was', () => {
    assert.throws(() => onNode(NO_NODE, () => assert.fail('was done')), {
      message: `set_mempolicy NUMA node ${NO_NODE}: EINVAL`,
    });
    using mapping = Mapping.anonymous(4096);
    assert.equal(nodesOf(mapping).size, 1);
    assert.throws(() => new SharedMap(4096, 'test_node', NO_NODE), /EINVAL/);
    using map = new SharedMap(4096, 'test_node', nodeOfCpu(0));
    assert.equal(map.memory.byteLength, 4096);
  });

  for (const transmitter of ['live', 'xsk', 'ring']) {
    test(`flag NODE with node ${nodeOfCpu(0)}: ${transmitter}`, async () => {
      using pair = new TestPair();
      await using opened = await openOnPair(pair, [
        ...['count 100', `transmitter ${transmitter}`, `node ${nodeOfCpu(0)}`, 'flag NODE', 'flows 2'],
      ]);
      if (transmitter === 'live') await opened.write('pg0', 'transmitter auto');
      await opened.generator.pktgen.write('pgctrl', 'start\n', writer);
      assert.equal(opened.device.figures().packets, 100);
      assert.deepEqual(
        opened.log.filter((line) => /WARNING|ERROR/.test(line)),
        [],
      );
    });
  }
});
