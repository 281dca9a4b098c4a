import type { Capability } from '../linux/capabilities.ts';
import type { CpuQuota } from '../linux/cpu-quota.ts';
import type { LinkQueues } from '../linux/link-queues.ts';
import { TRANSMITTERS } from '../transmit/open-queue.ts';
import { queueAdvice } from './queue-advice.ts';

/** What the machine and this process can do. */
export interface MachineFacts {
  /** The kernel's release, as `uname -r` prints it. */
  readonly kernel: string;
  readonly uid: number;
  /** Of CAPABILITY_USE, those that this process does not have. */
  readonly missing: readonly Capability[];
  /** Why /dev/fuse cannot be opened, as an errno's name; undefined when it can. */
  readonly fuseError?: string;
  /** What forbids user namespaces; undefined when nothing does. */
  readonly userNamespacesForbiddenBy?: string;
  /** CPUs that get a thread. */
  readonly cpus: readonly number[];
  /** CPU time that a control group limits this process to; undefined: none does. */
  readonly quota?: CpuQuota;
  /** Why there are no live frames; undefined when there are. */
  readonly noLive?: string;
  /** Why there are no AF_XDP sockets; undefined when there are. */
  readonly noXsk?: string;
}

/** What a link is and has. */
export interface LinkFacts {
  readonly name: string;
  /** veth, bridge …; undefined for a NIC. */
  readonly kind?: string;
  readonly ethernet: boolean;
  readonly loopback: boolean;
  readonly up: boolean;
  readonly carrier: boolean;
  /** Bytes. */
  readonly mtu: number;
  readonly mac: string;
  /** Its first address: source of packets where none is given. */
  readonly ipv4?: string;
  /** Its first link-local address: source of IPv6 packets where none is given. */
  readonly ipv6?: string;
  readonly txQueues: number;
  /** Which CPUs its queues and interrupts go to. */
  readonly queues: LinkQueues;
  /** Whether it can be handed a packet several times. */
  readonly sharesSkb: boolean;
  readonly defaultRoute: boolean;
  /** Why it takes no live frames; undefined when it does. */
  readonly noLive?: string;
  /** Its driver reads packets of AF_XDP where they lie. */
  readonly zeroCopy?: boolean;
}

/** How packets would be sent. */
export interface TransmitterChoice {
  /** undefined: nothing can be sent as things are. */
  readonly name?: 'live' | 'ring';
  readonly why: string;
  /** What would have to change; empty when packets can be sent. */
  readonly missing: readonly string[];
}

/** All that `pktgen probe --json` prints. */
export interface Probe {
  readonly machine: MachineFacts;
  readonly link?: LinkFacts;
  readonly transmitter: TransmitterChoice;
}

/** Capabilities, and what each is needed for. */
export const CAPABILITY_USE = {
  CAP_NET_RAW: 'to send to a link ("run -i", "serve", "exec")',
  CAP_NET_ADMIN: 'to write to the control files, and to make the private lab',
  CAP_SYS_ADMIN: 'to mount the control files ("serve", "exec"), and to make the private lab outside a user namespace',
} satisfies { readonly [C in Capability]?: string };

const ETHERNET_HEADER_LEN = 14;
const VLAN_TAG_LEN = 4;
const GIVE_NET_RAW = 'run it with sudo, or give it to node once: sudo setcap cap_net_raw+ep "$(command -v node)"';

/** Chooses how to send; without a link: as if there were one that is ready. */
export function chooseTransmitter(machine: MachineFacts, link: LinkFacts | undefined): TransmitterChoice {
  const missing: string[] = [];
  if (machine.missing.includes('CAP_NET_RAW')) missing.push(`CAP_NET_RAW: ${GIVE_NET_RAW}`);
  if (link && !link.ethernet) missing.push(`an Ethernet link: ${link.name} is none`);
  else if (link && !link.up) missing.push(`${link.name} is down: ip link set ${link.name} up`);
  else if (link && !link.carrier) missing.push(`a carrier: nothing is connected to ${link.name}`);
  const obstacle = machine.noLive ?? link?.noLive;
  if (missing.length > 0) return { why: 'nothing can be sent as things are', missing };
  if (obstacle === undefined) return { name: 'live', why: TRANSMITTERS.live, missing };
  return { name: 'ring', why: `${TRANSMITTERS.ring}; not the faster live frames: ${obstacle}`, missing };
}

type Line = readonly [label: string, text: string];

function machineLines(machine: MachineFacts): Line[] {
  const { kernel, uid, missing, fuseError, userNamespacesForbiddenBy: forbidden, cpus, quota } = machine;
  const user = uid === 0 ? 'root' : `id ${uid}`;
  const uses: Readonly<Partial<Record<Capability, string>>> = CAPABILITY_USE;
  const fuse =
    fuseError === undefined
      ? 'can be opened'
      : `cannot be opened (${fuseError}): ${FUSE_HELP[fuseError] ?? 'look at its permissions'}; without it "serve --no-mount" and "ctl" do`;
  return [
    ['kernel', `Linux ${kernel}`],
    ['user', missing.length === 0 ? `${user}, nothing is missing` : user],
    ...missing.map((name): Line => ['', `${name} is missing, needed ${uses[name]}`]),
    ['/dev/fuse', fuse],
    [
      'user namespaces',
      forbidden === undefined
        ? 'allowed: the private lab works without root'
        : `forbidden (${forbidden}): the private lab wants root`,
    ],
    ['threads', cpus.map((cpu) => `kpktgend_${cpu}`).join(' ')],
    ...(quota ? [quotaLine(quota, cpus.length)] : []),
  ];
}

/** A quota is no hindrance while it is for as many CPUs as there are threads that send. */
function quotaLine({ cpus, periodUs, file }: CpuQuota, threads: number): Line {
  const what = `${Number(cpus.toFixed(2))} CPUs (${file})`;
  if (cpus >= threads) return ['CPU quota', `${what}, enough for all threads`];
  const most = Math.floor(cpus);
  const enough = most > 0 ? `use ${most} of them (-t ${most}), or raise it` : 'raise it';
  return [
    'CPU quota',
    `${what} for ${threads} threads: when all send, none does for a part of each ${periodUs / 1000} ms: ${enough}`,
  ];
}

/** What to do about an errno of opening /dev/fuse. */
const FUSE_HELP: Readonly<Record<string, string>> = {
  ENOENT: 'load the module with "modprobe fuse"; in a container pass the device in ("--device /dev/fuse")',
  EACCES: 'run it as root',
  EPERM: 'the container does not allow the device ("--device /dev/fuse")',
  ENODEV: 'load the module with "modprobe fuse"',
};

function linkLines(link: LinkFacts, cpus: readonly number[]): Line[] {
  const { name, kind, mtu, sharesSkb, loopback } = link;
  const longest = mtu + ETHERNET_HEADER_LEN;
  const what = loopback ? 'loopback' : (kind ?? (link.ethernet ? 'network card' : 'link'));
  const refused = loopback ? 'loopback' : `a ${kind ?? 'link of its kind'}`;
  return [
    [
      'link',
      `${name}: ${what}, ${link.ethernet ? 'Ethernet' : 'not Ethernet'}, ${link.up ? 'up' : 'down'}, ${link.carrier ? 'carrier' : 'no carrier'}`,
    ],
    ['MTU', `${mtu}: frames of up to ${longest} bytes, ${longest + VLAN_TAG_LEN} with a VLAN tag (without FCS)`],
    ['MAC', link.mac],
    [
      'source addresses',
      `${link.ipv4 ?? '0.0.0.0 (it has no IPv4 address)'}, ${link.ipv6 ?? ':: (no link-local one)'}`,
    ],
    ['transmit queues', String(link.txQueues)],
    ...queueAdvice({ ...link.queues, link: name, txQueues: link.txQueues, cpus }).map((line): Line => ['', line]),
    [
      'clone_skb, burst',
      sharesSkb ? 'possible' : `not possible: ${refused} cannot be handed the same packet several times`,
    ],
    [
      'default route',
      link.defaultRoute ? 'leads out of it: "run" refuses to flood it without --force' : 'does not lead out of it',
    ],
  ];
}

/** AF_XDP, which is taken where somebody asks for transmit queues or fragments. */
function xskLine({ noXsk }: MachineFacts, link: LinkFacts | undefined): Line {
  const zeroCopy = link?.zeroCopy
    ? '; without copies by name ("transmitter xsk_zc"), which takes the receive side of its queues from the link'
    : '';
  return ['AF_XDP', noXsk === undefined ? `for chosen transmit queues and fragments${zeroCopy}` : `none: ${noXsk}`];
}

function transmitterLine({ name, why, missing }: TransmitterChoice): Line {
  const text = name ? `${name}: ${why}` : `none: ${why}; missing: ${missing.join('; ')}`;
  return ['transmitter', text];
}

/** The facts for people: a line each, the transmitter last. */
export function probeLines({ machine, link, transmitter }: Probe): string[] {
  const lines = [
    ...machineLines(machine),
    ...(link ? linkLines(link, machine.cpus) : []),
    xskLine(machine, link),
    transmitterLine(transmitter),
  ];
  const width = Math.max(...lines.map(([label]) => label.length)) + 2;
  return lines.map(([label, text]) => `${label.padEnd(width)}${text}`);
}
