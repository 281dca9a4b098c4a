import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { allowedCpus } from '../../src/linux/sched.ts';
import { maskTimes } from '../support/golden.ts';
import { Bench, cannotServe, sh } from '../support/served.ts';
import { type Ended, Program, type Started } from './program.ts';

const skip = cannotServe() ?? false;
const needsTwoCpus = allowedCpus().length < 2 && 'needs two CPUs';

/** Functions as those of the kernel's samples: every write is checked by status and by `Result: OK:`. */
const FUNCTIONS = `
PROC_DIR=/proc/net/pktgen
function err() { local code=$1; shift; echo "ERROR: $@" >&2; exit $code; }
function proc_cmd() {
  local file=$1 status=0 result; shift
  local path=\${PROC_DIR}/$file
  [[ -e "$path" ]] || err 3 "$path does not exist (device added to thread?)"
  [[ -w "$path" ]] || err 4 "$path not writable, not root?"
  local CMD="$@"
  echo $CMD > "$path" || status=$?
  if [[ "$file" != pgctrl ]]; then
    result=$(grep "Result: OK:" "$path") || true
    [[ -n "$result" ]] || grep "Result:" "$path" >&2
  fi
  (( status == 0 )) || err 5 "Write error($status) occurred cmd: \\"$CMD > $path\\""
}
function pg_ctrl() { proc_cmd pgctrl "$@"; }
function pg_thread() { local thread=$1; shift; proc_cmd kpktgend_$thread "$@"; }
function pg_set() { local dev=$1; shift; proc_cmd $dev "$@"; }
[ "$EUID" -eq 0 ] || err 2 "run it as root"
[ -d /proc/net/pktgen ] || modprobe pktgen
[ -d /proc/net/pktgen ] || err 1 "no pktgen"
DEV=$1 COUNT=$2
`;

/** Sets a device up on each of $THREADS threads, as samples 02 to 04 do. */
const SETUP = `
declare -a DEVS
pg_ctrl "reset"
for ((thread = 0; thread < \${THREADS:-1}; thread++)); do
  dev=\${DEV}@\${thread}
  DEVS+=("$dev")
  pg_thread $thread "rem_device_all"
  pg_thread $thread "add_device" $dev
  pg_set $dev "flag QUEUE_MAP_CPU"
  pg_set $dev "count $COUNT"
  pg_set $dev "clone_skb 0"
  pg_set $dev "pkt_size 60"
  pg_set $dev "delay \${DELAY:-0}"
  pg_set $dev "flag NO_TIMESTAMP"
  pg_set $dev "dst_mac 02:00:00:00:00:02"
  pg_set $dev "dst_min 198.18.0.42"
  pg_set $dev "dst_max 198.18.0.42"
  pg_set $dev "flag UDPSRC_RND"
  pg_set $dev "udp_src_min 9"
  pg_set $dev "udp_src_max 109"
done
`;

let program: Program;
let bench: Bench;
before(() => {
  if (skip) return;
  program = new Program();
  bench = new Bench();
});
after(() => {
  program?.close();
  bench?.close();
});

/** Starts `pktgen exec -- COMMAND` in the namespace with the links. */
const startExec = (...command: readonly string[]): Started =>
  program.start(['exec', '--', ...command], { netns: bench.near, cwd: program.folder });
/** Writes a script and starts it with the link and a count. */
function startScript(body: string, count = 1000): Started {
  const file = join(program.folder, 'script.sh');
  writeFileSync(file, `#!/bin/bash\n${FUNCTIONS}${body}`, { mode: 0o755 });
  return startExec(file, 'pg0', String(count));
}
const script = (body: string, count?: number): Promise<Ended> => startScript(body, count).ended;

const farPackets = (): number => Number(sh(`ip netns exec ${bench.far} cat /sys/class/net/pg0p/statistics/rx_packets`));
/** Packets of the results in a text, together. */
const sentIn = (text: string): number =>
  [...text.matchAll(/^Result: OK: \d+\(c\d+\+d\d+\) usec, (\d+) \(60byte,0frags\)$/gm)].reduce(
    (sum, [, packets]) => sum + Number(packets),
    0,
  );
/** What is in /proc/net/pktgen for everybody else: nothing, or the files of a kernel that has the module. */
const outside = (): string => sh('ls /proc/net/pktgen 2>&1 || true');

describe('examples', { skip }, () => {
  afterEach(() => program.leftNothing());

  test('one-device.sh', async () => {
    const earlier = farPackets();
    const { status, stdout, stderr } = await startExec(
      ...['examples/one-device.sh', '-i', 'pg0', '-m', '02:00:00:00:00:02', '-n', '1500', '-s', '60'],
    ).ended;
    assert.equal(status, 0, stderr);
    assert.equal(stderr, 'Running... ctrl^C to stop\nDone\n');
    assert.match(stdout, /^Result device: pg0\nParams: count 1500 {2}min_pkt_size: 60 {2}max_pkt_size: 60\n/);
    assert.equal(sentIn(stdout), 1500);
    assert.equal(farPackets() - earlier, 1500);
  });

  test('many-threads.sh', { skip: needsTwoCpus }, async () => {
    const earlier = farPackets();
    const { status, stdout, stderr } = await startExec(
      ...['examples/many-threads.sh', '-i', 'pg0', '-m', '02:00:00:00:00:02', '-n', '1000', '-t', '2'],
    ).ended;
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^Device: pg0@0\nResult: OK: .*\n.*errors: 0\nDevice: pg0@1\nResult: OK: .*\n.*errors: 0\n$/);
    assert.equal(sentIn(stdout), 2000);
    assert.equal(farPackets() - earlier, 2000);
  });

  test('until-interrupted.sh', async () => {
    const run = startExec('examples/until-interrupted.sh', '-i', 'pg0', '-m', '02:00:00:00:00:02', '-w', '1000000');
    await run.says(/pkts-sofar: [1-9]\d* .*\n.*pkts-sofar: [1-9]/);
    run.signalGroup('SIGINT');
    const { status, stdout, stderr } = await run.ended;
    assert.equal(status, 0, stderr);
    const sofar = [...stdout.matchAll(/pkts-sofar: (\d+)/g)].map(([, packets]) => Number(packets));
    assert.ok(sofar.length >= 2 && sofar.every((packets, i) => i === 0 || packets > (sofar[i - 1] ?? 0)), stdout);
    assert.ok(sentIn(stdout) >= (sofar.at(-1) ?? Number.NaN), stdout);
  });

  test('all of them are tested', () => {
    const scripts = readdirSync(join(program.folder, 'examples')).filter((name) => name.endsWith('.sh'));
    assert.deepEqual(scripts.sort(), ['control.sh', 'many-threads.sh', 'one-device.sh', 'until-interrupted.sh']);
  });

  for (const [what, args, status, says] of [
    ['no link', [], 1, /wants -i DEV/],
    ['a link that there is not', ['-i', 'nolink'], 1, /add_device nolink/],
    ['an unknown option', ['-z'], 1, /usage: -i DEV/],
    ['a bad value', ['-i', 'pg0', '-m', 'nonsense'], 1, /dst_mac nonsense/],
  ] as const) {
    test(`one-device.sh with ${what}`, async () => {
      const ended = await startExec('examples/one-device.sh', ...args).ended;
      assert.equal(ended.status, status);
      assert.match(ended.stderr, says);
    });
  }
});

describe('a script as the kernel ships them', { skip }, () => {
  let before = '';
  let entries: string[] = [];
  test('what was there before', () => {
    before = outside();
    entries = readdirSync('/proc/net').sort();
  });
  afterEach(async () => {
    await program.leftNothing();
    assert.equal(outside(), before);
    assert.deepEqual(readdirSync('/proc/net').sort(), entries);
  });

  test('sends, and prints what it prints with a kernel that has pktgen', async () => {
    const earlier = farPackets();
    const { status, stdout, stderr } = await script(`${SETUP}
function print_result() {
  for dev in "\${DEVS[@]}"; do
    echo "Device: $dev"
    cat /proc/net/pktgen/$dev | grep -A2 "Result:"
  done
}
trap true SIGINT
echo "Running... ctrl^C to stop" >&2
pg_ctrl "start"
echo "Done" >&2
print_result
`);
    assert.equal(status, 0, stderr);
    assert.equal(stderr, 'Running... ctrl^C to stop\nDone\n');
    const masked = stdout.replace(/\d+(?=\(c)|(?<=\(c)\d+|(?<=\+d)\d+|\d+(?=pps|Mb|bps)/g, 'N');
    assert.equal(
      masked,
      'Device: pg0@0\nResult: OK: N(cN+dN) usec, 1000 (60byte,0frags)\n  Npps NMb/sec (Nbps) errors: 0\n',
    );
    assert.equal(farPackets() - earlier, 1000);
  });

  test('sees the files of pktgen, with their texts', async () => {
    const { status, stdout, stderr } = await script(`
set -e
echo "\${BASH_SOURCE[0]##*/} $# $EUID"
pg_thread 0 "add_device" pg1
ls /proc/net/pktgen
stat -c '%A %U %s %n' $PROC_DIR/pgctrl
cat /proc/net/pktgen/pgctrl
cat /proc/net/pktgen/kpktgend_0
cat /proc/net/pktgen/pg1
`);
    assert.equal(status, 0, stderr);
    assert.equal(stderr, '');
    const threads = allowedCpus()
      .map((cpu) => `kpktgend_${cpu}\n`)
      .sort()
      .join('');
    assert.match(
      stdout,
      new RegExp(`^script\\.sh 2 0\n${threads}pg1\npgctrl\n-rw------- root 0 /proc/net/pktgen/pgctrl\n`),
    );
    assert.match(stdout, /\nPacket Generator for packet performance testing\. Version: [\d.]+\nRunning:/);
    assert.match(maskTimes(stdout), /\nRunning: \nStopped: pg1 ?\nResult: OK: add_device=pg1\nParams: count 1000 {2}/);
  });

  test('finds the rest of the system as it is', async () => {
    const { status, stdout, stderr } = await script(`
set -e
grep -c "$DEV:" /proc/net/dev
grep -q CPU0 /proc/interrupts && echo interrupts
grep -c processor /proc/cpuinfo
[ -d /proc/$$ ] && [ "$(readlink /proc/self/exe)" != "" ] && echo self
test -e /sys/class/net/$DEV/mtu && cat /sys/class/net/$DEV/mtu
ls /proc/net | grep -cx -e arp -e route -e udp
modprobe pktgen; echo "modprobe $?"
rmmod pktgen; echo "rmmod $?"
printf "%-10s|%05d\\n" "$DEV" "$COUNT"
`);
    assert.equal(status, 0, stderr);
    const cpus = sh('grep -c processor /proc/cpuinfo');
    assert.equal(stdout, `1\ninterrupts\n${cpus}self\n1500\n3\nmodprobe 0\nrmmod 0\npg0       |01000\n`);
  });

  test('a refused command is told', async () => {
    const { status, stdout, stderr } = await script(`
pg_thread 0 "add_device" pg1
pg_set pg1 "flag NONSENSE" 2>&1 | head -1
( pg_set pg1 "clone_skb 5" ) ; echo "clone_skb $?"
( pg_set pg9 "count 5" ) ; echo "pg9 $?"
pg_thread 0 "add_device" nolink
echo "not reached"
`);
    assert.equal(status, 5);
    assert.match(stdout, /^Result: Flag -:NONSENSE:- unknown\n/);
    assert.match(stdout, /\nclone_skb 5\npg9 3\n$/);
    assert.match(stderr, /Operation not supported/);
    assert.match(stderr, /pg9 does not exist/);
    assert.match(
      stderr,
      /No such device\n(.*\n)*ERROR: Write error\(1\) occurred cmd: "add_device nolink > .*kpktgend_0"\n$/,
    );
  });

  test('start in the background, counters meanwhile, stop', async () => {
    const { status, stdout, stderr } = await script(
      `DELAY=1000000
${SETUP}
pg_ctrl "start" &
starter=$!
sleep 0.5
grep pkts-sofar $PROC_DIR/$DEV@0
grep "^Running: " $PROC_DIR/kpktgend_0
pg_ctrl "stop"
wait $starter; echo "start $?"
grep -A2 "Result:" $PROC_DIR/$DEV@0
`,
      0,
    );
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^ {5}pkts-sofar: [1-9]\d* {2}errors: 0\nRunning: pg0@0 \nstart 0\nResult: OK: /);
    assert.ok(sentIn(stdout) > 0, stdout);
  });

  test('threads', { skip: needsTwoCpus }, async () => {
    const earlier = farPackets();
    const { status, stdout, stderr } = await script(
      `THREADS=2\n${SETUP}pg_ctrl start\nfor dev in \${DEVS[@]}; do grep -A2 "Result:" $PROC_DIR/$dev; done\n`,
      3000,
    );
    assert.equal(status, 0, stderr);
    assert.equal(sentIn(stdout), 6000);
    assert.equal(farPackets() - earlier, 6000);
  });

  test('a queue and flows for each thread, CPUs of the NUMA node, interrupts of the link', {
    skip: needsTwoCpus,
  }, async () => {
    const earlier = farPackets();
    const { status, stdout, stderr } = await script(
      `
function node_of() { local node=$(cat /sys/class/net/$1/device/numa_node 2>/dev/null || echo -1); (( node < 0 )) && node=0; echo $node; }
function cpus_of_node() {
  local range out=""
  for range in $(cat /sys/devices/system/node/node$1/cpulist 2>/dev/null | tr ',' ' '); do out="$out $(seq -s ' ' \${range%-*} \${range#*-})"; done
  echo \${out:-0 1}
}
CPUS=($(cpus_of_node $(node_of $DEV)))
IRQS=($(grep "$DEV-.*TxRx" /proc/interrupts | cut -d: -f1))
echo "\${#IRQS[@]} interrupts"
pg_ctrl "reset"
for ((i = 0; i < 2; i++)); do
  thread=\${CPUS[$i]}
  dev=\${DEV}@\${thread}
  pg_thread $thread "rem_device_all"
  pg_thread $thread "add_device" $dev
  pg_set $dev "queue_map_min $thread"
  pg_set $dev "queue_map_max $thread"
  pg_set $dev "count $COUNT"
  pg_set $dev "clone_skb 0"
  pg_set $dev "pkt_size 60"
  pg_set $dev "delay 0"
  pg_set $dev "dst_mac 02:00:00:00:00:02"
  pg_set $dev "dst_min 198.18.0.1"
  pg_set $dev "dst_max 198.18.0.20"
  pg_set $dev "flag IPDST_RND"
  pg_set $dev "flows 4"
  pg_set $dev "flowlen 8"
  pg_set $dev "flag FLOW_SEQ"
  pg_set $dev "flag NO_TIMESTAMP"
done
pg_ctrl "start"
for thread in \${CPUS[0]} \${CPUS[1]}; do echo "Device: \${DEV}@$thread"; grep -A2 "Result:" $PROC_DIR/\${DEV}@$thread; done
`,
      2000,
    );
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^0 interrupts\nDevice: pg0@\d+\nResult: OK: /);
    assert.equal(sentIn(stdout), 4000);
    assert.equal(farPackets() - earlier, 4000);
  });

  test('^C ends the run, the trap runs, the results come', async () => {
    const run = startScript(
      `${SETUP}
function control_c() { echo "control_c"; }
trap 'control_c' SIGINT
echo "Running... ctrl^C to stop"
pg_ctrl "start"
echo "Done"
grep -A2 "Result:" $PROC_DIR/$DEV@0
exit 7
`,
      0,
    );
    await run.says(/Running/);
    await sleep(500);
    run.signalGroup('SIGINT');
    const { status, stdout, stderr } = await run.ended;
    assert.equal(status, 7, stderr);
    assert.match(stdout, /^Running\.\.\. ctrl\^C to stop\ncontrol_c\nDone\nResult: OK: /);
    assert.ok(sentIn(stdout) > 0, stdout);
  });

  test('^C ends a script without a trap', async () => {
    const run = startScript(`${SETUP}echo Running\npg_ctrl "start"\necho "not reached"\n`, 0);
    await run.says(/Running/);
    await sleep(400);
    run.signalGroup('SIGINT');
    const { status, stdout } = await run.ended;
    assert.equal(status, 130);
    assert.equal(stdout, 'Running\n');
  });

  for (const [what, body, status] of [
    ['its exit status', 'exit 42', 42],
    ['success', 'true', 0],
    ['a signal, as a shell tells it', 'kill -TERM $$', 143],
  ] as const) {
    test(`passes on ${what}`, async () => {
      assert.equal((await script(`${body}\n`)).status, status);
    });
  }

  test('a script that ends while its devices run', async () => {
    const { status, stdout } = await script(`${SETUP}pg_ctrl "start" & sleep 0.3; kill -9 $!; echo ended\n`, 0);
    assert.deepEqual({ status, stdout }, { status: 0, stdout: 'ended\n' });
  });

  test('a script that there is not', async () => {
    const { status, stdout, stderr } = await startExec('./no-such-script.sh').ended;
    assert.deepEqual({ status, stdout }, { status: 1, stdout: '' });
    assert.match(stderr, /^pktgen: cannot run \.\/no-such-script\.sh: /);
  });
});
