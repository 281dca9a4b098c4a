import type { Command } from 'commander';
import { MODULE_PARAMS, type ModuleParams } from '../pktgen/pktgen.ts';
import { wholeNumber } from './run-plan.ts';

/** The module's parameters as options were given. */
export interface ModuleOptions {
  readonly pgCountD: string;
  readonly pgDelayD: string;
  readonly pgCloneSkbD: string;
  readonly debug: string;
}

/** Adds the module's parameters: what `modprobe pktgen pg_count_d=5` sets. */
export function addModuleOptions(command: Command): void {
  command
    .optionsGroup('Parameters of the kernel module:')
    .option('--pg-count-d <N>', 'count of a new device', String(MODULE_PARAMS.count))
    .option('--pg-delay-d <N>', 'delay of a new device [ns]', String(MODULE_PARAMS.delayNs))
    .option(
      '--pg-clone-skb-d <N>',
      'clone_skb of a new device, where its link shares buffers',
      String(MODULE_PARAMS.cloneSkb),
    )
    .option('--debug <N>', 'say more in the log', String(MODULE_PARAMS.debug));
}

/** The most that a C int holds, which the module's parameters are. */
const INT_MAX = 2_147_483_647;

export const moduleParams = (options: ModuleOptions): ModuleParams => ({
  count: wholeNumber('--pg-count-d', options.pgCountD, 0, INT_MAX),
  delayNs: wholeNumber('--pg-delay-d', options.pgDelayD, 0, INT_MAX),
  cloneSkb: wholeNumber('--pg-clone-skb-d', options.pgCloneSkbD, 0, INT_MAX),
  debug: wholeNumber('--debug', options.debug, 0, INT_MAX),
});
