import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { bpfIds } from '../../src/linux/bpf.ts';
import { askDaemon, type ControlRequest } from '../../src/procfs/control-socket.ts';
import { Bench, cannotServe, Served } from '../support/served.ts';

const CYCLES = 1000;
/** Runs to their end: each takes the 125 ms that a start takes at the least, so that not all cycles can be such. */
const TO_THE_END = 100;
/** Runs after which the heap of a daemon grows no more, by what they are sent through; it stays so for thousands. */
const HEAP_AT_REST = { ring: 2000, live: 1000 };
/** Memory may grow by so much all the same, kB: garbage is not collected at once. A leak of 30 kB a cycle shows. */
const MOST_GROWTH_KB = 30_000;
/** eBPF objects that other programs of this machine may make meanwhile; a leak of one a cycle is far more. */
const OF_OTHERS = 50;
const TIMEOUT_MS = 200_000;

/** What a daemon holds. */
interface Held {
  readonly descriptors: number;
  readonly threads: number;
  readonly mappings: number;
  readonly mounts: number;
}

const count = (path: string): number => readdirSync(path).length;
const textOf = (pid: number, file: string): string => readFileSync(`/proc/${pid}/${file}`, 'latin1');
const held = (pid: number, folder: string): Held => ({
  descriptors: count(`/proc/${pid}/fd`),
  threads: count(`/proc/${pid}/task`),
  mappings: textOf(pid, 'maps').match(/bpf-map|socket:/g)?.length ?? 0,
  // Ours only: others of this machine mount and unmount what they like.
  mounts: textOf(pid, 'mounts').split(folder).length - 1,
});
const residentKb = (pid: number): number => Number(/^VmRSS:\s*(\d+)/m.exec(textOf(pid, 'status'))?.[1]);
/** Programs and maps of the whole machine: a program that hangs on a link is no descriptor of anybody. */
const ebpf = (): number => bpfIds('programs').length + bpfIds('maps').length;

/** Does a cycle some times to warm up and then many times; nothing may be held after that which was not before. */
async function again(
  { daemon: { pid = 0 }, folder }: Served,
  warmUp: number,
  times: number,
  cycle: () => Promise<void>,
): Promise<void> {
  for (let n = 0; n < warmUp; n++) await cycle();
  // A client's descriptor is closed a moment after the client has gone.
  await sleep(200);
  const [before, memory, objects] = [held(pid, folder), residentKb(pid), ebpf()];
  for (let n = 0; n < times; n++) await cycle();
  for (let tries = 0; tries < 100 && held(pid, folder).descriptors > before.descriptors; tries++) await sleep(20);
  assert.deepEqual(held(pid, folder), before);
  const grown = residentKb(pid) - memory;
  assert.ok(grown < MOST_GROWTH_KB, `${memory} kB before, ${grown} kB more now`);
  assert.ok(ebpf() < objects + OF_OTHERS, `${objects} eBPF objects before, ${ebpf()} now`);
}

async function inDaemon(work: (served: Served, bench: Bench) => Promise<void>): Promise<void> {
  const bench = new Bench();
  let served: Served | undefined;
  try {
    served = await Served.start(bench.near);
    await work(served, bench);
  } finally {
    await served?.close();
    bench.close();
  }
}

describe('again and again leaves everything where it was', { skip: cannotServe() ?? false }, () => {
  for (const how of ['ring', 'live'] as const) {
    test(`${CYCLES} starts and stops through ${how}`, { timeout: TIMEOUT_MS }, () =>
      inDaemon(async (served, bench) => {
        bench.run('ip netns exec peer ethtool -K pg0p gro on');
        assert.equal(await served.write('kpktgend_0', 'add_device pg0\n'), 15);
        const set = async (line: string): Promise<void> =>
          assert.equal(await served.write('pg0', `${line}\n`), line.length + 1);
        for (const line of [`transmitter ${how}`, 'flows 4', 'flowlen 2']) await set(line);
        const socket = `${served.folder}.sock`;
        const ask = (request: ControlRequest, signal?: AbortSignal) => askDaemon(socket, request, signal);
        const thread = async (begins: string): Promise<void> => {
          for (const end = Date.now() + 5000; ; await sleep(1)) {
            const reply = await ask({ read: 'kpktgend_0' });
            if ('text' in reply && reply.text?.startsWith(begins)) return;
            assert.ok(Date.now() < end, `not ${begins}: ${JSON.stringify(reply)}`);
          }
        };
        /** A run whose writer goes away. */
        const broken = async (): Promise<void> => {
          const writer = new AbortController();
          const start = ask({ write: 'pgctrl', data: 'start\n' }, writer.signal);
          const refused = assert.rejects(start, /went away/);
          await thread('Running: pg0 \n');
          writer.abort();
          await refused;
          await thread('Running: \nStopped: pg0 \n');
        };
        /** A run to its end. */
        const whole = async (): Promise<void> => {
          assert.equal(await served.write('pgctrl', 'start\n'), 6);
        };
        await set('count 0');
        await again(served, HEAP_AT_REST[how], CYCLES - TO_THE_END, broken);
        assert.match((await served.read('pg0')) ?? '', /^Result: OK: /m);
        await set('count 10');
        await again(served, 10, TO_THE_END, whole);
        assert.match((await served.read('pg0')) ?? '', /pkts-sofar: 10 {2}errors: 0/);
      }),
    );
  }

  test(`${CYCLES} devices added and removed`, { timeout: TIMEOUT_MS }, () =>
    inDaemon(async (served) => {
      // Removing takes 125 ms, however many there are.
      const atOnce = 20;
      // The heap of a daemon comes to rest after some 1,500 devices.
      await again(served, 80, CYCLES / atOnce, async () => {
        for (let n = 0; n < atOnce; n++) {
          const line = `add_device pg0@${n}\n`;
          assert.equal(await served.write('kpktgend_0', line), line.length);
        }
        assert.equal(await served.write('kpktgend_0', 'rem_device_all\n'), 15);
      });
      assert.deepEqual(
        (await served.list()).filter((file) => file.startsWith('pg')),
        ['pgctrl'],
      );
    }),
  );
});
