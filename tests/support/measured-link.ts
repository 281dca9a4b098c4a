import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { UsageError } from '../../src/cli/usage-error.ts';
import { type Generator, openGenerator } from '../../src/daemon.ts';
import { XDP } from '../../src/linux/bpf-link.ts';
import { EthtoolSocket } from '../../src/linux/ethtool.ts';
import type { Device } from '../../src/pktgen/device.ts';
import type { TransmitJob } from '../../src/pktgen/engine.ts';
import { STATE } from '../../src/template/device-state.ts';
import { longestFrame } from '../../src/template/packet-template.ts';
import { ETHERNET_HEADER_LEN } from '../../src/wire/ethernet.ts';
import { type Capture, capture } from './capture.ts';
import { shadowRun } from './expected-run.ts';
import { until } from './generator.ts';
import { TestPair } from './netns.ts';
import { QueueCounter } from './queue-counter.ts';
import { runDifferences } from './run-differences.ts';
import { SkbProbe } from './skb-probe.ts';
import { ASSOCIATIONS } from './transmitter-cases.ts';

const QUEUES = 4;
const COUNT = 64;
/** How long packets may be on their way after a run, ms. */
const ARRIVAL_MS = 300;
/** How often a run with a delay is tried: it falls out of step where the machine is busy with something else. */
const PACED_RUNS = 5;

/** What became of a configuration. */
export interface MeasuredRun {
  /** Who sent; undefined: the program refused. */
  readonly by: string | undefined;
  /** What the program said: why it refused, or why it sends that way and what it does only nearly. */
  readonly why: string;
  /** What was not as the pure model has it. */
  readonly differences: readonly string[];
}

const refused = (why: string): MeasuredRun => ({ by: undefined, why, differences: [] });
const newWriter = () => ({ capable: true, signal: new AbortController().signal });

/** A veth pair on which everything is possible that is possible on a veth, and a generator that sends on it. */
export class MeasuredLink implements AsyncDisposable {
  readonly #pair: TestPair;
  readonly #generator: Generator;
  readonly #log: string[];

  private constructor(pair: TestPair, generator: Generator, log: string[]) {
    this.#pair = pair;
    this.#generator = generator;
    this.#log = log;
  }

  static async open(): Promise<MeasuredLink> {
    const pair = new TestPair({ queues: QUEUES });
    // An end of a veth with GRO takes live frames: the far one what is sent, the near one what it seems to receive.
    turnOnGro(pair, 'near', 'pg0');
    turnOnGro(pair, 'far', 'pg0p');
    const log: string[] = [];
    const associations = () => ASSOCIATIONS;
    const generator = await openGenerator({ netns: pair.near, associations, log: (line) => log.push(line) });
    return new MeasuredLink(pair, generator, log);
  }

  /** Runs a configuration by a transmitter, and compares what arrives with what the pure model makes of it. */
  async run(configuration: readonly string[], transmitter: string): Promise<MeasuredRun> {
    const lines = [`count ${COUNT}`, ...configuration, `transmitter ${transmitter}`];
    for (let left = PACED_RUNS - 1; ; left--) {
      const run = await this.#runOnce(lines);
      if (left === 0 || !run.differences.some((one) => one.startsWith('delay: '))) return run;
    }
  }

  async #runOnce(lines: readonly string[]): Promise<MeasuredRun> {
    const { pktgen } = this.#generator;
    await this.#write('pgctrl', 'reset');
    await this.#write('kpktgend_0', 'add_device pg0');
    const device = pktgen.device('pg0');
    assert.ok(device);
    let job: TransmitJob;
    try {
      job = shadowRun(device, lines, ASSOCIATIONS, (node) => pktgen.nodePossible(node));
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      const answers = await Promise.all(lines.map((line) => pktgen.write('pg0', `${line}\n`, newWriter())));
      assert.ok(Math.min(...answers) < 0, `the device takes what the model does not: ${error.message}`);
      return refused(error.message.replace(/^.*?: /, ''));
    }
    for (const line of lines) await this.#write('pg0', line);
    return this.#measure(device, job);
  }

  async #measure(device: Device, job: TransmitJob): Promise<MeasuredRun> {
    const { near, far } = this.#pair;
    const logged = this.#log.length;
    const length = longestFrame(job.template, job.state[STATE.curPktSize] ?? 0);
    using queued = new SkbProbe(length, { tracepoint: 'net_dev_queue', netns: near });
    using counter = job.queues && new QueueCounter(this.#pair, XDP.PASS);
    using received = new SkbProbe(length - ETHERNET_HEADER_LEN, { tracepoint: 'netif_receive_skb', netns: far });
    using sink = job.mode === 'netif_receive' ? capture('pg0', { netns: near }) : capture('pg0p', { netns: far });
    await this.#write('pgctrl', 'start');
    const refusal = (): string | undefined =>
      this.#log.slice(logged).find((line) => line.includes(`ERROR: ${device.name}: `));
    await until('who sends, or why nobody', () => device.sending !== undefined || refusal() !== undefined);
    const error = refusal();
    await arrivalOf(sink, error === undefined ? job.pace.count : 0);
    const frames = sink.frames();
    if (error !== undefined) {
      assert.equal(frames.length, 0, `packets left, and ${error}`);
      return refused(error.replace(/^.*?ERROR: .*?: /, ''));
    }
    const { packets, errors } = device.figures();
    const differences = runDifferences(job, {
      ...{ frames, arrivals: sink.arrivals, packets, errors },
      queued: { packets: queued.packets, priority: queued.priority },
      queues: counter?.counts(QUEUES),
      pieces: received.pieces,
    });
    const { transmitter, why = '' } = device.sending ?? {};
    return { by: transmitter, why, differences };
  }

  async #write(file: string, line: string): Promise<void> {
    const answer = await this.#generator.pktgen.write(file, `${line}\n`, newWriter());
    assert.equal(answer, line.length + 1, `${file}: ${line}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#generator[Symbol.asyncDispose]();
    this.#pair[Symbol.dispose]();
  }
}

function turnOnGro(pair: TestPair, side: 'near' | 'far', link: string): void {
  using ethtool = pair[side].run(() => new EthtoolSocket());
  assert.ok(ethtool.turnOnGro(link), `GRO of ${link}`);
}

/** Waits until so many frames have come, and a moment for those that should not. */
async function arrivalOf(sink: Capture, frames: number): Promise<void> {
  for (const end = Date.now() + ARRIVAL_MS; sink.frames().length < frames && Date.now() < end; ) await sleep(2);
  await sleep(10);
}
