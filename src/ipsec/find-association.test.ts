import assert from 'node:assert/strict';
import { test } from 'node:test';
import { association, FLOW, fromHex } from '../../tests/support/ipsec.ts';
import { findAssociation } from './find-association.ts';
import type { SecurityAssociation } from './security-association.ts';

const flow4 = { family: 4, ...FLOW[4] } as const;
const flow6 = { family: 6, ...FLOW[6] } as const;
const any4 = new Uint8Array(4);

test('by spi: the first of the family, whatever it is for', () => {
  const list = [
    association(6, { spi: 5 }),
    association(4, { spi: 5, mode: 'tunnel', proto: 'ah', dst: any4, ifId: 3 }),
    association(4, { spi: 5 }),
  ];
  assert.equal(findAssociation(list, flow4, 5), list[1]);
  assert.equal(findAssociation(list, flow6, 5), list[0]);
  assert.equal(findAssociation(list, flow4, 6), undefined);
});

test('without: the first that transport mode ESP to there would take', () => {
  const unfit: Partial<SecurityAssociation>[] = [
    { mode: 'tunnel' },
    { proto: 'ah' },
    { reqid: 1 },
    { mark: { value: 1, mask: 1 } },
    { ifId: 1 },
    { flags: ['wildrecv'] },
    { dst: FLOW[4].src },
    { dst: any4 },
    { src: FLOW[4].dst },
  ];
  const list = [association(6, {}), ...unfit.map((parts) => association(4, parts)), association(4, {})];
  assert.equal(findAssociation(list, flow4, 0), list.at(-1));
  assert.equal(findAssociation(list.slice(0, -1), flow4, 0), undefined);
  assert.equal(findAssociation(list, flow6, 0), list[0]);
});

test('a source that is open on either side, and a mark that asks for nothing', () => {
  const open = association(4, { src: any4, mark: { value: 0, mask: 0xff } });
  assert.equal(findAssociation([open], flow4, 0), open);
  const closed = association(4, {});
  assert.equal(findAssociation([closed], { ...flow4, src: any4 }, 0), closed);
  assert.equal(findAssociation([closed], { ...flow4, src: fromHex('0a090003') }, 0), undefined);
});
