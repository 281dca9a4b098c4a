import type { SharedMap } from '../../linux/bpf-map.ts';
import { memberOffset } from '../../linux/btf.ts';
import type { TransmitJob } from '../../pktgen/engine.ts';
import { readU64, STATE, writeU64 } from '../../template/device-state.ts';
import { openLossCounter } from './loss-counter.ts';
import { LINK, LINK_WORDS, MOST_LINKS, THREAD } from './thread-memory.ts';

interface Sending {
  readonly job: TransmitJob;
}

/** What is known of a link that frames go to. */
interface LinkAccount {
  readonly place: number;
  /** Packets that devices handed over, and of those the ones known to be lost. */
  handedOver: number;
  lost: number;
  /** Lost before the driver: the link was down, or did not take redirected frames. */
  refused: number;
}

/** Tells devices which of their frames never left, from what the links' drivers took. */
export class Losses implements Disposable {
  readonly #memory: SharedMap;
  readonly #words: Uint32Array;
  readonly #links = new Map<number, LinkAccount>();
  /** Packets of each run that are in its link's account. */
  readonly #accounted = new WeakMap<TransmitJob['state'], number>();
  #counter: Disposable | undefined;
  #manyLinks = false;

  constructor(memory: SharedMap, words: Uint32Array) {
    this.#memory = memory;
    this.#words = words;
  }

  /** Counts for the links of these devices from now on. Throws SyscallError, VerifierError. */
  watch(devices: readonly Sending[]): void {
    for (const { job } of devices) {
      if (job.mode === 'netif_receive') continue;
      this.#open(job.link.index);
    }
    const many = this.#links.size > 1;
    if (this.#counter && many === this.#manyLinks) return;
    const counter = openLossCounter(this.#memory, many ? memberOffset('net_device', 'ifindex') : undefined);
    this.#counter?.[Symbol.dispose]();
    this.#counter = counter;
    this.#manyLinks = many;
  }

  #open(ifindex: number): void {
    if (this.#links.has(ifindex)) return;
    if (this.#links.size >= MOST_LINKS) throw new RangeError(`more than ${MOST_LINKS} links on one thread`);
    const place = this.#links.size;
    this.#links.set(ifindex, { place, handedOver: 0, lost: 0, refused: 0 });
    this.#words[THREAD.links + place * LINK_WORDS + LINK.ifindex] = ifindex;
  }

  /** A device begins to send live frames: what it has sent before is no matter. */
  begin({ state }: TransmitJob): void {
    this.#accounted.set(state, readU64(state, STATE.sofar));
  }

  /** Passes on what drivers have refused so far. */
  settle(devices: readonly Sending[]): void {
    for (const [ifindex, account] of this.#links) {
      const dropped = readU64(this.#words, this.#at(account) + LINK.dropped);
      this.#attribute(ifindex, account, devices, dropped + account.refused);
    }
  }

  /** The same where no frame is on its way any more: what was handed over and not taken is lost. */
  settleQuiet(devices: readonly Sending[], quiet: readonly Sending[]): void {
    for (const [ifindex, account] of this.#links) {
      const here = devices.filter(({ job }) => job.link.index === ifindex);
      if (here.some((device) => !quiet.includes(device))) continue;
      this.#take(here, account);
      const sent = readU64(this.#words, this.#at(account) + LINK.sent);
      const dropped = readU64(this.#words, this.#at(account) + LINK.dropped);
      const lost = account.handedOver - sent;
      account.refused = Math.max(0, lost - dropped);
      this.#attribute(ifindex, account, here, lost);
    }
  }

  #at({ place }: LinkAccount): number {
    return THREAD.links + place * LINK_WORDS;
  }

  /**
   * Takes what the devices have handed over since the last time into the account; gives each one's share. What their
   * link seems to receive never comes to a driver.
   */
  #take(devices: readonly Sending[], account: LinkAccount): { job: TransmitJob; packets: number }[] {
    return devices.flatMap(({ job }) => {
      const sofar = readU64(job.state, STATE.sofar);
      const before = this.#accounted.get(job.state) ?? 0;
      this.#accounted.set(job.state, sofar);
      if (job.mode === 'netif_receive') return [];
      // Counters may have been cleared during the run.
      const packets = sofar < before ? sofar : sofar - before;
      account.handedOver += packets;
      return [{ job, packets }];
    });
  }

  /** Brings the losses of a link to `lost`: those that are new go to its devices by what each has handed over. */
  #attribute(ifindex: number, account: LinkAccount, devices: readonly Sending[], lost: number): void {
    const here = devices.filter(({ job }) => job.link.index === ifindex);
    const shares = this.#take(here, account);
    let rest = lost - account.lost;
    if (rest <= 0) return;
    let weight = shares.reduce((sum, { packets }) => sum + packets, 0);
    for (const [i, { job, packets }] of shares.entries()) {
      const share = i === shares.length - 1 || weight === 0 ? rest : Math.round((rest * packets) / weight);
      addLost(job.state, share);
      account.lost += share;
      rest -= share;
      weight -= packets;
    }
  }

  [Symbol.dispose](): void {
    this.#counter?.[Symbol.dispose]();
  }
}

function addLost(state: Uint32Array, packets: number): void {
  if (packets === 0) return;
  const lost = readU64(state, STATE.lost) + packets;
  const sofar = readU64(state, STATE.sofar);
  const bytes = readU64(state, STATE.txBytes);
  writeU64(state, STATE.lost, lost);
  // Of frames that differ in length it is not known which were lost.
  writeU64(state, STATE.lostBytes, sofar === 0 ? 0 : Math.round((bytes / sofar) * lost));
}
