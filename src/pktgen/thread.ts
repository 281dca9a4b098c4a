import type { Device } from './device.ts';

/** A kpktgend thread: the devices of a CPU, newest first (struct pktgen_thread). */
export class Thread {
  readonly cpu: number;
  readonly name: string;
  devices: Device[] = [];
  result = '';
  /** Its CPU is there. When it goes the thread runs elsewhere, as the kernel's does. */
  onItsCpu = true;

  constructor(cpu: number) {
    this.cpu = cpu;
    this.name = `kpktgend_${cpu}`;
  }

  /** The text of its file (pktgen_thread_show). */
  text(): string {
    const names = (running: boolean): string =>
      this.devices
        .filter((device) => device.running === running)
        .map((device) => `${device.name} `)
        .join('');
    return `Running: ${names(true)}\nStopped: ${names(false)}\nResult: ${this.result || 'NA'}\n`;
  }
}
