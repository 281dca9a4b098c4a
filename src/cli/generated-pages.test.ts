import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectRoot } from '../../tests/support/project.ts';
import { FLAG_NAMES } from '../pktgen/flags.ts';
import { PARAM_ROWS } from '../pktgen/params.ts';
import { generatedPages } from './generated-pages.ts';
import { EXAMPLE_LINK, previewPackets } from './preview.ts';

for (const [path, text] of Object.entries(generatedPages())) {
  test(`${path} is what the program makes of itself: else "npm run docs"`, () => {
    assert.equal(readFileSync(join(projectRoot, path), 'utf8'), text);
  });
}

test('every parameter has an example that sets it, and differs from the default where packets can', () => {
  for (const [name, { example }] of PARAM_ROWS) {
    assert.ok(
      example.some((line) => line.startsWith(`${name} `)),
      `the example of ${name} does not set it`,
    );
    assert.ok(previewPackets(example, 2, EXAMPLE_LINK, 0).length > 0, name);
  }
});

test('every flag and every parameter is on the page', () => {
  const page = generatedPages()['docs/parameters.md'] ?? '';
  for (const name of PARAM_ROWS.keys()) assert.ok(page.includes(`\n### ${name}\n`), name);
  for (const name of FLAG_NAMES) assert.ok(page.includes(`- \`${name}\`: `), name);
});

const whyNoMan = spawnSync('man', ['--version']).error === undefined ? false : 'needs man (Debian: man-db)';
test('the manual page has no mistakes that man knows of', { skip: whyNoMan }, () => {
  const man = spawnSync('man', ['--warnings', '-l', join(projectRoot, 'docs/pktgen.1')], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C.UTF-8', MANWIDTH: '100' },
  });
  assert.deepEqual([man.status, man.stderr], [0, '']);
  assert.match(man.stdout, /pktgen sink/);
});
