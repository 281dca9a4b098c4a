// Writes the pages that are made from the program itself. Wants a build; `npm run docs` does both.
import { mkdirSync, writeFileSync } from 'node:fs';
import { generatedPages } from '../dist/src/cli/generated-pages.js';

for (const [path, text] of Object.entries(generatedPages())) {
  const file = new URL(`../${path}`, import.meta.url);
  mkdirSync(new URL('.', file), { recursive: true });
  writeFileSync(file, text);
}
