import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { MeasuredLink, type MeasuredRun } from '../support/measured-link.ts';
import { whyNoNetns } from '../support/netns.ts';
import { projectRoot } from '../support/project.ts';
import { TRANSMITTER_CASES, type TransmitterCase } from '../support/transmitter-cases.ts';
import { COLUMNS, type Column, deviationOf, type MeasuredRow, transmitterPage } from '../support/transmitter-page.ts';

const TIMEOUT_MS = 30_000;
const PAGE = join(projectRoot, 'docs/transmitters.md');

/** Older kernels do not tell whether a link takes live frames, so that the table is another one there. */
const [major = 0, minor = 0] = release().split('.').map(Number);
const tooOld = major < 6 || (major === 6 && minor < 3) ? 'needs Linux 6.3: XDP features of links' : false;

/** Runs with a delay want the CPU for themselves; the others go on at the same time. */
const isPaced = ({ lines }: TransmitterCase): boolean => lines.some((line) => /^(delay|ratep?) /.test(line));

describe('what each transmitter does', { skip: whyNoNetns || tooOld }, () => {
  const links = new Map<Column, MeasuredLink>();
  const rows: MeasuredRow[] = [];
  before(async () => {
    for (const column of COLUMNS) links.set(column, await MeasuredLink.open());
  });
  after(async () => {
    for (const link of links.values()) await link[Symbol.asyncDispose]();
  });

  async function measure(about: TransmitterCase): Promise<MeasuredRow> {
    const runs: [Column, MeasuredRun][] = [];
    const run = async (column: Column): Promise<void> => {
      const measured = await links.get(column)?.run(about.lines, column);
      if (measured) runs.push([column, measured]);
    };
    if (isPaced(about)) for (const column of COLUMNS) await run(column);
    else await Promise.all(COLUMNS.map(run));
    return { about, runs: Object.fromEntries(runs) as Record<Column, MeasuredRun> };
  }

  for (const about of TRANSMITTER_CASES) {
    test(`${about.name}: exact, or the program says what is not`, { timeout: TIMEOUT_MS }, async () => {
      const row = await measure(about);
      rows.push(row);
      for (const column of COLUMNS) {
        const { by, why, differences } = row.runs[column];
        if (by === undefined) assert.notEqual(why, '', `${column} refuses, and says nothing`);
        else if (differences.length > 0) {
          assert.notEqual(deviationOf(row.runs[column]), '', `${column}: ${differences.join('\n')}`);
        }
      }
    });
  }

  test('docs/transmitters.md is what was measured: else WRITE_DOCS=1', () => {
    const page = transmitterPage(rows);
    if (process.env.WRITE_DOCS) writeFileSync(PAGE, page);
    assert.equal(readFileSync(PAGE, 'utf8'), page);
  });
});
