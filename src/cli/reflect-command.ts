import type { Command } from 'commander';
import { RouteSocket } from '../linux/rtnetlink.ts';
import { Reflector } from '../receive/reflector.ts';
import { grouped } from './figures-text.ts';
import { refusal } from './receiver-options.ts';
import { wholeNumber } from './run-plan.ts';
import { untilEnd } from './until-end.ts';
import { RunError } from './usage-error.ts';

interface ReflectOptions {
  readonly interface: string;
  readonly seconds?: string;
}

/** `pktgen reflect`: the far end of a round trip. */
export function addReflectCommand(program: Command): void {
  program
    .command('reflect')
    .description(
      'send packets of pktgen back to where they came from, in XDP, so that their sender can measure round trips',
    )
    .requiredOption('-i, --interface <DEV>', 'link to receive on and send from')
    .option('--seconds <N>', 'end after so many seconds; without it at ^C')
    .addHelpText(
      'after',
      '\nLatency between two hosts is right only as far as their clocks agree; a round trip needs one clock.\n' +
        'Frames of others go on to the stack.\n\n' +
        'Example:\n  there:  pktgen reflect -i eth1\n  here:   pktgen run -i eth1 --sink eth1 -m MAC-OF-THERE -n 100000 --ratep 10000',
    )
    .action((options: ReflectOptions) => reflect(options));
}

async function reflect(options: ReflectOptions): Promise<void> {
  const seconds = options.seconds === undefined ? undefined : wholeNumber('--seconds', options.seconds, 1, 1e6);
  using routes = new RouteSocket();
  const link = routes.link(options.interface);
  if (!link) throw new RunError(`${options.interface}: there is no such link here ("ip link" lists them)`);
  using reflector = openReflector(options.interface, link.index);
  process.stderr.write(`${options.interface}: an XDP program in the ${reflector.where} returns packets; ^C ends it\n`);
  await untilEnd(seconds, () => {});
  const { returned, others } = reflector.counts;
  process.stdout.write(`returned ${grouped(returned)} packets; ${grouped(others)} others went on to the stack\n`);
}

function openReflector(link: string, ifindex: number): Reflector {
  try {
    return new Reflector(ifindex);
  } catch (error) {
    throw refusal(link, error);
  }
}
