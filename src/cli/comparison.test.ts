import assert from 'node:assert/strict';
import { test } from 'node:test';
import { comparisonText } from './comparison.ts';

const FIGURES = {
  measured: '2026-11-23T10:00:00.000Z',
  machine: { kernel: '6.18.1' },
  figures: [{ name: 'other' }, { name: 'peers', pps: { 'live frames': 5_180_000, trafgen: 580_000 } }],
};

test('what was measured is told in one line', () => {
  assert.equal(
    comparisonText(() => JSON.stringify(FIGURES)),
    'For comparison, Mpps side by side on one core of Linux 6.18.1 (2026-11-23, npm run bench): live frames 5.18, trafgen 0.58.\n',
  );
});

test('without figures there is nothing to tell', () => {
  assert.equal(
    comparisonText(() => {
      throw new Error('ENOENT');
    }),
    undefined,
  );
  assert.equal(
    comparisonText(() => 'no JSON'),
    undefined,
  );
  assert.equal(
    comparisonText(() => JSON.stringify({ ...FIGURES, figures: [] })),
    undefined,
  );
});
