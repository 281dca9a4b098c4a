import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { deviceCommandNames } from '../../src/pktgen/device-command.ts';
import { fakeMachine } from '../support/fake-machine.ts';

/** Bytes as the files get them: anything, and anything after the name of a command. */
const bytes = fc
  .array(fc.integer({ min: 0, max: 255 }), { maxLength: 200 })
  .map((list) => String.fromCharCode(...list));
const names = fc.constantFrom(...deviceCommandNames(), 'add_device', 'rem_device_all', 'stop', 'reset', 'start');
const numbers = fc.oneof(fc.nat(), fc.bigInt({ min: 0n, max: 2n ** 70n })).map(String);
const line = fc.oneof(
  bytes,
  fc
    .tuple(names, fc.constantFrom(' ', '=', ' = ', '\t', '', '\0'), fc.oneof(bytes, numbers))
    .map((parts) => parts.join('')),
);

test('any bytes to any file: an answer, and nothing changes when the write fails', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom('pg0', 'kpktgend_0', 'pgctrl'), line), { maxLength: 20 }),
      async (writes) => {
        const { pktgen, machine } = fakeMachine();
        await pktgen.write('kpktgend_0', 'add_device pg0\n', machine.root);
        for (const [file, data] of writes) {
          // A run on this machine has no end.
          if (/start/.test(data)) continue;
          const before = pktgen.device('pg0')?.config;
          const returned = await pktgen.write(file, data, machine.root);
          assert.ok(Number.isInteger(returned) && returned <= data.length, `returned ${returned}`);
          const keeps = returned < 0 && !/imix_weights|mpls/.test(data);
          if (keeps) assert.deepEqual(pktgen.device('pg0')?.config, before);
          for (const name of pktgen.list()) assert.match(pktgen.read(name) ?? '', /\n$/);
          await pktgen.write('kpktgend_0', 'add_device pg0\n', machine.root);
        }
      },
    ),
    { numRuns: 300 },
  );
});
