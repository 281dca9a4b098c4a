// Builds, then runs the tests: all of them, or those whose compiled path contains one of the given words.
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { missingPrograms } from './required-programs.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const words = process.argv.slice(2);

// An ordinary user's tests do without them.
const missing = process.geteuid() === 0 ? missingPrograms(process.env.PATH ?? '') : undefined;
if (missing !== undefined) {
  process.stderr.write(`${missing}\n`);
  process.exit(1);
}

// A file that was renamed or removed must not go on being tested.
rmSync(dist, { recursive: true, force: true });
const tsc = join(root, 'node_modules/typescript/bin/tsc');
const built = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
if (built.status !== 0) process.exit(built.status ?? 1);

const files = readdirSync(dist, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.js'))
  .map((file) => relative(root, join(dist, file)))
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  .sort();
if (files.length === 0) {
  process.stderr.write(`no test matches ${words.join(' ')}\n`);
  process.exit(1);
}
// One file at a time: tests measure time, and make links and namespaces. One that hangs is ended, and has failed.
const FILE_TIMEOUT_MS = 300_000;
const options = ['--test', '--test-concurrency=1', `--test-timeout=${FILE_TIMEOUT_MS}`];
const run = spawnSync(process.execPath, [...options, ...files], { cwd: root, stdio: 'inherit' });
process.exit(run.status ?? 1);
