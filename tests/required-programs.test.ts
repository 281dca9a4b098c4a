import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { projectRoot } from './support/project.ts';

/** What `npm test` says with this PATH. */
function missingIn(path: string): string {
  const module = pathToFileURL(join(projectRoot, 'scripts/required-programs.js'));
  const code = `import { missingPrograms } from '${module}'; console.log(missingPrograms(process.argv[1]))`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code, path], {
    encoding: 'utf8',
  });
  assert.equal(stderr, '');
  return stdout.trimEnd();
}

test('programs that tests need and that are not there are named in one line, with their packages', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pktgen-path-'));
  try {
    for (const program of ['bash', 'ip', 'tcpdump', 'tshark', 'mount', 'setpriv', 'taskset', 'umount']) {
      writeFileSync(join(folder, program), '');
      chmodSync(join(folder, program), 0o755);
    }
    // It is there, but cannot be run.
    writeFileSync(join(folder, 'ethtool'), '', { mode: 0o644 });
    assert.equal(
      missingIn(`/nonexistent:${folder}`),
      'the tests need programs that are not in PATH: ethtool, tc, unshare; on Debian: apt-get install ethtool iproute2 util-linux',
    );
    for (const program of ['ethtool', 'tc', 'unshare']) {
      writeFileSync(join(folder, program), '');
      chmodSync(join(folder, program), 0o755);
    }
    assert.equal(missingIn(`/nonexistent:${folder}`), 'undefined');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
