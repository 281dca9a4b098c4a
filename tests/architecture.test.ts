import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { test } from 'node:test';
import { projectRoot } from './support/project.ts';

/** folder: the folders it may import. A folder that is not named here may not exist. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  wire: [],
  linux: [],
  ebpf: [],
  ipsec: ['wire'],
  template: ['wire', 'ebpf', 'ipsec'],
  pktgen: ['wire', 'ipsec', 'template'],
  transmit: ['wire', 'ipsec', 'template', 'pktgen', 'ebpf', 'linux'],
  receive: ['wire', 'template', 'ebpf', 'linux'],
  procfs: ['pktgen', 'linux'],
  lab: ['linux', 'ebpf'],
  cli: ['wire', 'ipsec', 'template', 'pktgen', 'transmit', 'receive', 'procfs', 'lab', 'linux', 'daemon.ts'],
  'daemon.ts': ['pktgen', 'transmit', 'linux', 'wire', 'ipsec'],
};
/** These import no node: module and no package. */
const PURE = new Set(['wire', 'ebpf', 'ipsec', 'template', 'pktgen']);
/** Packages and the only folder that may import them. */
const PACKAGES: Record<string, string> = { koffi: 'linux', commander: 'cli' };

const src = join(projectRoot, 'src');
const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
const isTest = (file: string): boolean => file.endsWith('.test.ts');
/** The folder of a file under src, or the file itself where it lies in src. */
const roomOf = (file: string): string => file.split('/')[0] ?? file;

const imports = files.flatMap((file) => {
  const text = readFileSync(join(src, file), 'utf8');
  return [...text.matchAll(/(?:^|\n)(?:import|export)\b[^;'"]*?from\s+'([^']+)'|\bimport\('([^']+)'\)/g)].map(
    (match) => ({
      file,
      target: match[1] ?? match[2] ?? '',
    }),
  );
});

test('the folders of src are those of the table', () => {
  assert.deepEqual([...new Set(files.map(roomOf))].sort(), Object.keys(MAY_IMPORT).sort());
});

test('imports go the way the table says', () => {
  const wrong = imports.filter(({ file, target }) => {
    if (!target.startsWith('.') || isTest(file)) return false;
    const to = relative(src, normalize(join(src, dirname(file), target)));
    const [from, room] = [roomOf(file), roomOf(to)];
    return from !== room && !MAY_IMPORT[from]?.includes(room);
  });
  assert.deepEqual(wrong, []);
});

test('pure folders import no node: module and no package', () => {
  const wrong = imports.filter(
    ({ file, target }) => PURE.has(roomOf(file)) && !isTest(file) && !target.startsWith('.'),
  );
  assert.deepEqual(wrong, []);
});

test('a package is imported in its own folder only', () => {
  const wrong = imports.filter(({ file, target }) => {
    if (target.startsWith('.') || target.startsWith('node:') || isTest(file)) return false;
    return PACKAGES[target] !== roomOf(file);
  });
  assert.deepEqual(wrong, []);
});

test('pure folders have no clock and no chance of their own', () => {
  const wrong = files.filter(
    (file) =>
      PURE.has(roomOf(file)) &&
      !isTest(file) &&
      /\bMath\.random\b|\bDate[.(]|\bperformance\.|\bprocess\.|\bsetTimeout\b/.test(
        readFileSync(join(src, file), 'utf8'),
      ),
  );
  assert.deepEqual(wrong, []);
});

test('no default exports, no barrels, no vague names', () => {
  const vague = /(^|\/)(index|utils?|helpers?|types|common|misc)\.ts$/;
  assert.deepEqual(
    files.filter((file) => vague.test(file) || /\nexport default\b/.test(readFileSync(join(src, file), 'utf8'))),
    [],
  );
});

test('no test runs alone or is left to be written', () => {
  const tests = readdirSync(join(projectRoot, 'tests'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('architecture.test.ts'))
    .map((file) => join(projectRoot, 'tests', file));
  const all = [...tests, ...files.filter(isTest).map((file) => join(src, file))];
  assert.deepEqual(
    all.filter((file) => /\.(only|todo)\(/.test(readFileSync(file, 'utf8'))),
    [],
  );
});
