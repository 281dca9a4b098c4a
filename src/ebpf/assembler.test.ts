import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { assemble, instructionsOf } from './assembler.ts';
import {
  alu,
  alu32,
  atomic,
  call,
  exit,
  jump,
  jumpIf,
  jumpIf32,
  label,
  load,
  mapAddress,
  mapValue,
  mov,
  mov32,
  movHalves,
  movWide,
  not32,
  store,
  toBigEndian,
} from './code.ts';
import { disassemble } from './disassembler.ts';
import { type Code, R0, R1, R2, R6, R10 } from './instruction.ts';

const hex = (code: Code, maps?: Record<string, number>): string => Buffer.from(assemble(code, maps)).toString('hex');

/** [code, its bytes as RFC 9669 has them, as the kernel's verifier shows it]. */
const INSTRUCTIONS: readonly (readonly [code: Code, bytes: string, text: string])[] = [
  [[mov(R0, 1)], 'b700000001000000', 'r0 = 1'],
  [[mov(R1, -2)], 'b7010000feffffff', 'r1 = -2'],
  [[mov(R1, R2)], 'bf21000000000000', 'r1 = r2'],
  [[mov32(R1, 0xffff_ffff)], 'b4010000ffffffff', 'w1 = -1'],
  [[alu(R6, '+', R1)], '0f16000000000000', 'r6 += r1'],
  [[alu(R6, '/', 1000)], '37060000e8030000', 'r6 /= 1000'],
  [[alu32(R0, '^', R1)], 'ac10000000000000', 'w0 ^= w1'],
  [[alu(R0, '>>s', 3)], 'c700000003000000', 'r0 s>>= 3'],
  [[not32(R0)], 'a4000000ffffffff', 'w0 ^= -1'],
  [[toBigEndian(R0, 16)], 'dc00000010000000', 'r0 = be16 r0'],
  [[load(R0, 'u32', R6, 4)], '6160040000000000', 'r0 = *(u32 *)(r6 + 4)'],
  [[load(R0, 'u8', R6, -1)], '7160ffff00000000', 'r0 = *(u8 *)(r6 - 1)'],
  [[store(R10, -8, 'u64', R1)], '7b1af8ff00000000', '*(u64 *)(r10 - 8) = r1'],
  [[store(R6, 12, 'u16', 8)], '6a060c0008000000', '*(u16 *)(r6 + 12) = 8'],
  [[atomic(R6, 8, 'u64', '+', R1)], 'db16080000000000', 'lock *(u64 *)(r6 + 8) + r1'],
  [[atomic(R6, 8, 'u64', 'compareExchange', R1)], 'db160800f1000000', 'lock *(u64 *)(r6 + 8) compareExchange r1'],
  [[call('redirect')], '8500000017000000', 'call redirect#23'],
  [[exit()], '9500000000000000', 'exit'],
  [[movWide(R1, 0x1_0000_0002)], '18010000020000000000000001000000', 'r1 = 0x100000002 ll'],
  [[movHalves(R1, -1, -1)], '18010000ffffffff00000000ffffffff', 'r1 = 0xffffffffffffffff ll'],
];

describe('assembler', () => {
  for (const [code, bytes, text] of INSTRUCTIONS) {
    test(text, () => {
      assert.equal(hex(code), bytes);
      assert.deepEqual(disassemble(assemble(code)), [`0: ${text}`]);
    });
  }

  test('names of maps become their descriptors', () => {
    const code = [mapAddress(R1, 'programs'), mapValue(R2, 'state', 16)];
    assert.deepEqual(disassemble(assemble(code, { programs: 5, state: 7 })), [
      '0: r1 = map[5]',
      '2: r2 = map[7] value + 16',
    ]);
    assert.throws(() => assemble(code, { programs: 5 }), /there is no map state/);
  });

  test('jumps lead to labels, forwards and back, over constants of two slots', () => {
    const [again, done] = [label('again'), label('done')];
    const code = [
      again,
      [movWide(R1, 5), jumpIf(R0, '>=', R1, done)],
      jumpIf32(R0, '!=', 3, again),
      jump(again),
      done,
      exit(),
    ];
    assert.deepEqual(disassemble(assemble(code)), [
      '0: r1 = 0x5 ll',
      '2: if r0 >= r1 goto 5',
      '3: if w0 != 3 goto 0',
      '4: goto 0',
      '5: exit',
    ]);
  });

  /** Programs that whoever wrote them got wrong. */
  const mistakes: readonly (readonly [what: string, make: () => unknown, message: RegExp])[] = [
    ['a jump to nowhere', () => assemble([jump(label('lost'))]), /label lost stands nowhere/],
    [
      'a label that stands twice',
      () => {
        const twice = label('twice');
        assemble([twice, exit(), twice]);
      },
      /label twice stands twice/,
    ],
    [
      'a jump too far',
      () => {
        const far = label('far');
        assemble([jump(far), Array.from({ length: 0x8000 }, exit), far, exit()]);
      },
      /the jump to far is too far: 32768/,
    ],
    ['an offset too large', () => assemble([load(R0, 'u8', R1, 0x8000)]), /offset 32768/],
    ['a constant too large', () => mov(R0, 2 ** 32), /constant 4294967296: not an integer of 32 bits/],
    ['half a constant', () => mov(R0, 0.5), /constant 0.5/],
    ['a wide constant that is not exact', () => movWide(R0, 2 ** 53), /not an integer of 53 bits/],
    ['a wide constant below zero', () => movWide(R0, -1), /not an integer of 53 bits/],
    ['more than the kernel takes', () => assemble(Array.from({ length: 1_000_001 }, exit)), /at most 1000000/],
    ['bytes that are no program', () => disassemble(new Uint8Array(7)), /not a multiple of 8/],
  ];
  for (const [what, make, message] of mistakes) {
    test(`${what} is refused`, () => {
      assert.throws(make, (error) => error instanceof RangeError && message.test(error.message));
    });
  }

  test('every instruction has its slots', () => {
    const code = [
      [mov(R0, 1), label('here')],
      [[movWide(R1, 1)], exit()],
    ];
    assert.equal(instructionsOf(code).length, 3);
    assert.equal(assemble(code).byteLength, 4 * 8);
  });

  test('whatever the bytes are, they are listed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 80 }), (bytes) => {
        const whole = bytes.subarray(0, bytes.length & ~7);
        for (const line of disassemble(whole)) assert.match(line, /^\d+: \S/);
      }),
    );
  });
});
