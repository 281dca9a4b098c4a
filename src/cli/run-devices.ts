import type { Pktgen } from '../pktgen/pktgen.ts';
import { applyLines } from './apply-lines.ts';
import { type Progress, progressLine } from './progress-line.ts';
import type { PlannedDevice } from './run-plan.ts';
import { type DeviceResult, deviceResult } from './run-result.ts';
import { RunError } from './usage-error.ts';

/** What add_device fails with, for people. */
const ADD_ERRORS: Readonly<Record<number, string>> = {
  16: 'it is used already',
  19: 'there is no such link here ("ip link" lists them)',
  22: 'it is not an Ethernet link',
  100: 'it is down: "ip link set DEV up"',
};

/** Signals that end the runs, in order. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Adds the devices, runs them all and gives their results. ^C and SIGTERM end the runs; results come all the same. */
export async function runDevices(
  pktgen: Pktgen,
  planned: readonly PlannedDevice[],
  quiet: boolean,
): Promise<DeviceResult[]> {
  const interrupted = new AbortController();
  const onSignal = (): void => interrupted.abort();
  for (const signal of SIGNALS) process.on(signal, onSignal);
  const writer = { capable: true, signal: interrupted.signal };
  try {
    for (const { cpu, name, lines } of planned) {
      const returned = await pktgen.write(`kpktgend_${cpu}`, `add_device ${name}\n`, writer);
      if (returned < 0) throw new RunError(`${name}: ${ADD_ERRORS[-returned] ?? `errno ${-returned}`}`);
      const device = pktgen.device(name);
      if (device) applyLines(device, lines, (node) => pktgen.nodePossible(node));
    }
    using _progress = quiet || !process.stderr.isTTY ? undefined : showProgress(pktgen);
    await pktgen.start(interrupted.signal);
    await Promise.all(pktgen.devices.map((device) => device.whenStopped()));
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
  const names = planned.map((device) => device.name);
  return pktgen.devices
    .map((device) => deviceResult(device))
    .sort((a, b) => names.indexOf(a.device) - names.indexOf(b.device));
}

/** Milliseconds from one live line to the next. */
const REFRESH_MS = 250;
const CLEAR_LINE = '\r\x1b[K';

/** Keeps one line up to date on the terminal until it is disposed of. */
function showProgress(pktgen: Pktgen): Disposable {
  const begun = performance.now();
  const look = (): Progress => {
    const figures = pktgen.devices.map((device) => ({ ...device.figures(), count: device.config.count }));
    const sum = (of: (one: (typeof figures)[number]) => number): number =>
      figures.reduce((total, one) => total + of(one), 0);
    const endless = figures.some((one) => one.count === 0);
    return {
      packets: sum((one) => one.packets),
      bytes: sum((one) => one.bytes),
      count: endless ? 0 : sum((one) => one.count),
      elapsedMs: performance.now() - begun,
    };
  };
  let last = look();
  const timer = setInterval(() => {
    const now = look();
    process.stderr.write(`${CLEAR_LINE}${progressLine(now, last)}`);
    last = now;
  }, REFRESH_MS);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      process.stderr.write(CLEAR_LINE);
    },
  };
}
