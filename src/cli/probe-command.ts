import type { Command } from 'commander';
import { chooseTransmitter, probeLines } from './probe.ts';
import { linkFacts, machineFacts } from './probe-facts.ts';

interface ProbeOptions {
  readonly interface?: string;
  readonly json?: boolean;
}

/** `pktgen probe`: what this kernel and link can do. Needs no privileges. */
export function addProbeCommand(program: Command): void {
  program
    .command('probe')
    .description('tell what this kernel and link can do, and what is missing; needs no privileges')
    .option('-i, --interface <DEV>', 'look at this link too')
    .option('--json', 'one JSON object instead of text')
    .addHelpText('after', '\nExample:\n  pktgen probe -i eth1')
    .action((options: ProbeOptions) => {
      const link = options.interface === undefined ? undefined : linkFacts(options.interface);
      const machine = machineFacts();
      const probe = { machine, ...(link && { link }), transmitter: chooseTransmitter(machine, link) };
      process.stdout.write(options.json ? `${JSON.stringify(probe)}\n` : `${probeLines(probe).join('\n')}\n`);
    });
}
