import { openGenerator } from '../../src/daemon.ts';
import { LAB, Lab } from '../../src/lab/lab.ts';

/** A program that dies of an error of its own in the middle of an endless run in a lab. Says the far end's count first. */
const lab = Lab.open(1);
const sink = lab.dropInXdp();
lab.near.enter();
const { pktgen } = await openGenerator({ log: () => {} });
const writer = { capable: true, signal: new AbortController().signal };
await pktgen.write('kpktgend_0', `add_device ${LAB.near.name}\n`, writer);
await pktgen.write(LAB.near.name, 'count 0\n', writer);
void pktgen.write('pgctrl', 'start\n', writer);
setTimeout(() => {
  process.stdout.write(`${lab.received().packets > 0 && sink !== undefined ? 'sending' : 'not sending'}\n`);
  throw new Error('a mistake');
}, 600);
