import { nodeOfCpu } from '../linux/numa.ts';
import type { TransmitJob } from '../pktgen/engine.ts';
import { type Choice, chooseTransmitter } from './choose-transmitter.ts';
import { liveFacts } from './live/live-facts.ts';
import type { ThreadSetup } from './thread-message.ts';

/** Chooses how the devices of a thread send, by what the machine can do and by what was refused when it was tried. */
export class ThreadChoice {
  readonly #setup: Pick<ThreadSetup, 'cpu' | 'pcap' | 'noMaps'>;
  /** NUMA node of the thread's CPU. */
  readonly #node: number;
  #noLive: string | undefined;
  /** By device. */
  readonly #noXsk = new Map<number, string>();

  constructor(setup: Pick<ThreadSetup, 'cpu' | 'pcap' | 'noMaps'>) {
    this.#setup = setup;
    this.#node = nodeOfCpu(setup.cpu);
  }

  /** Live frames have failed: the thread does without them from now on. */
  liveRefused(why: string): void {
    this.#noLive = why;
  }
  /** A device got no AF_XDP socket: it does without until forget(). */
  xskRefused(id: number, why: string): void {
    this.#noXsk.set(id, why);
  }
  forget(id: number): void {
    this.#noXsk.delete(id);
  }

  /** `receivesOn`: the link that frames of other devices of the thread seem to arrive on. */
  of(job: TransmitJob, receivesOn?: number): Choice {
    const { cpu, pcap, noMaps } = this.#setup;
    if (pcap !== undefined) return { name: 'pcap', why: 'to a file' };
    const noXsk = this.#noXsk.get(job.id);
    return chooseTransmitter(job, {
      ...{ cpu, node: this.#node },
      live: this.#noLive === undefined ? liveFacts(job.link.index, noMaps) : { missing: this.#noLive },
      ...(noXsk !== undefined && { noXsk }),
      ...(receivesOn !== undefined && { receivesOn }),
    });
  }
}
