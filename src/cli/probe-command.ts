import type { Command } from 'commander';
import { chooseTransmitter, probeLines } from './probe.ts';
import { linkFacts, machineFacts } from './probe-facts.ts';
import { fixLink } from './probe-fix.ts';
import { UsageError } from './usage-error.ts';

interface ProbeOptions {
  readonly interface?: string;
  readonly json?: boolean;
  readonly fix?: boolean;
}

/** `pktgen probe`: what this kernel and link can do. Needs no privileges. */
export function addProbeCommand(program: Command): void {
  program
    .command('probe')
    .description('tell what this kernel and link can do, and what is missing; needs no privileges')
    .option('-i, --interface <DEV>', 'look at this link too')
    .option('--fix', 'make what would be faster possible: GRO at the other end of a veth')
    .option('--json', 'one JSON object instead of text')
    .addHelpText('after', '\nExample:\n  pktgen probe -i eth1')
    .action((options: ProbeOptions) => {
      if (options.fix && options.interface === undefined) throw new UsageError('--fix wants -i DEV: which link?');
      const fixed = options.fix && options.interface ? fixLink(linkFacts(options.interface)) : undefined;
      if (fixed !== undefined) process.stderr.write(`${fixed}\n`);
      const link = options.interface === undefined ? undefined : linkFacts(options.interface);
      const machine = machineFacts();
      const probe = { machine, ...(link && { link }), transmitter: chooseTransmitter(machine, link) };
      process.stdout.write(options.json ? `${JSON.stringify(probe)}\n` : `${probeLines(probe).join('\n')}\n`);
    });
}
