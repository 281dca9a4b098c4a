import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { projectRoot } from './support/project.ts';

const inFolder = (folder: string): string[] =>
  readdirSync(join(projectRoot, folder))
    .filter((file) => file.endsWith('.md'))
    .map((file) => join(folder, file));
const pages = [...inFolder('.'), ...inFolder('docs'), ...inFolder('examples'), ...inFolder('tests/golden')];

/** Targets of links to files, from the page on. */
const linked = (text: string): string[] =>
  [...text.matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g)].map(([, target = '']) => target);
/** Files that are named, from the project's folder on. */
const named = (text: string): string[] =>
  [...text.matchAll(/`((?:src|tests|docs|bench|examples|scripts|packaging)\/[\w./-]+)`/g)].map(([, file = '']) => file);

for (const page of pages) {
  test(`${page}: the files that it links to or names are there`, () => {
    const text = readFileSync(join(projectRoot, page), 'utf8');
    const files = [...linked(text).map((target) => join(dirname(page), target)), ...named(text)];
    assert.deepEqual(
      files.filter((file) => !existsSync(join(projectRoot, file))),
      [],
    );
  });
}

test('the comparison in the README has tests for its claims', () => {
  const section = /^## Compared with others\n(.*?)^## /ms.exec(readFileSync(join(projectRoot, 'README.md'), 'utf8'));
  const tests = linked(section?.[1] ?? '').filter((target) => target.endsWith('.test.ts'));
  assert.ok(tests.length >= 7, tests.join(', '));
});
