import type { Command } from 'commander';
export function addProbeCommand(program: Command): void {
  program
    .command('probe')
    .description('tell what this kernel and link can do')
    .option('-i, --interface <DEV>', 'look at this link')
    .action(() => {});
}
