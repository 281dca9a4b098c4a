import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { newProgram } from '../../src/cli/program.ts';
import { parsePlainYaml, type Yaml } from '../support/plain-yaml.ts';
import { projectRoot } from '../support/project.ts';

const read = (file: string): Yaml => parsePlainYaml(readFileSync(join(projectRoot, 'packaging', file), 'utf8'));

/** What lies at a path of keys and indexes. */
function at(yaml: Yaml, ...path: readonly string[]): Yaml {
  return path.reduce<Yaml>((value, key) => {
    assert.ok(typeof value === 'object', `nothing at ${path.join('.')}`);
    const next = (value as Readonly<Record<string, Yaml>>)[key];
    assert.ok(next !== undefined, `no ${key} of ${path.join('.')}`);
    return next;
  }, yaml);
}

/** The options of a command that a container is started with must be there. */
function knows(args: Yaml): void {
  assert.ok(Array.isArray(args));
  const [name, ...options] = args.map(String);
  const command = newProgram(() => {}).commands.find((one) => one.name() === name);
  assert.ok(command, name);
  for (const option of options) {
    const long = option.split('=')[0];
    assert.ok(
      command.options.some((one) => one.long === long),
      `${name} has no ${option}`,
    );
  }
}

describe('manifests for Kubernetes', () => {
  test('the DaemonSet: mounts what it names, and selects its own pods', () => {
    const set = read('pktgen-daemonset.yaml');
    assert.deepEqual([at(set, 'apiVersion'), at(set, 'kind')], ['apps/v1', 'DaemonSet']);
    assert.deepEqual(at(set, 'spec', 'selector', 'matchLabels'), at(set, 'spec', 'template', 'metadata', 'labels'));
    const pod = at(set, 'spec', 'template', 'spec');
    const container = at(pod, 'containers', '0');
    knows(at(container, 'args'));
    const mounts = at(container, 'volumeMounts');
    const volumes = at(pod, 'volumes');
    assert.ok(Array.isArray(mounts) && Array.isArray(volumes));
    assert.deepEqual(
      mounts.map((mount) => at(mount, 'name')),
      volumes.map((volume) => at(volume, 'name')),
    );
    for (const [i, volume] of volumes.entries())
      assert.equal(at(volume, 'hostPath', 'path'), at(mounts[i] ?? '', 'mountPath'));
    // Kubernetes refuses Bidirectional to others.
    assert.equal(at(mounts[0] ?? '', 'mountPropagation'), 'Bidirectional');
    assert.equal(at(container, 'securityContext', 'privileged'), 'true');
    const probe = at(container, 'readinessProbe', 'exec', 'command');
    assert.ok(Array.isArray(probe));
    assert.deepEqual(probe.slice(0, 2), ['pktgen', 'ctl']);
  });

  test('the Pod: no more capabilities than sending takes', () => {
    const pod = read('pktgen-pod.yaml');
    assert.deepEqual([at(pod, 'apiVersion'), at(pod, 'kind')], ['v1', 'Pod']);
    const container = at(pod, 'spec', 'containers', '0');
    knows(at(container, 'args'));
    const unit = readFileSync(join(projectRoot, 'packaging/pktgen.service'), 'utf8');
    const granted = /^AmbientCapabilities=(.*)$/m.exec(unit)?.[1]?.split(' ') ?? [];
    const { add, drop } = at(container, 'securityContext', 'capabilities') as { add: string[]; drop: string[] };
    assert.deepEqual(drop, ['ALL']);
    // All of the service's but the one that it mounts with.
    assert.deepEqual([...add, 'SYS_ADMIN'].map((name) => `CAP_${name}`).sort(), [...granted].sort());
  });

  test('a slip is found', () => {
    for (const text of ['a:\n', 'a: 1\na: 2\n', 'a: 1\n  b: 2\n', 'a\n', 'a:\n\tb: 1\n'])
      assert.throws(() => parsePlainYaml(text), SyntaxError, text);
  });
});
