#!/bin/bash
# The same link on several threads: a device DEV@N on each, with random source ports.
. "$(dirname "$0")/control.sh"

pg_ctrl reset
for ((thread = 0; thread < THREADS; thread++)); do
  dev=$DEV@$thread
  pg_thread $thread rem_device_all
  pg_thread $thread add_device "$dev"
  pg_set "$dev" "flag QUEUE_MAP_CPU"
  pg_set "$dev" "count $COUNT"
  pg_set "$dev" "pkt_size $SIZE"
  pg_set "$dev" "delay $DELAY"
  pg_set "$dev" "flag NO_TIMESTAMP"
  pg_set "$dev" "dst_mac $MAC"
  pg_set "$dev" "dst_min $DEST"
  pg_set "$dev" "dst_max $DEST"
  pg_set "$dev" "flag UDPSRC_RND"
  pg_set "$dev" "udp_src_min 9"
  pg_set "$dev" "udp_src_max 109"
done

print_result() {
  for ((thread = 0; thread < THREADS; thread++)); do
    echo "Device: $DEV@$thread"
    grep -A2 "Result:" "$PROC/$DEV@$thread"
  done
}
# ^C ends the runs; what was sent is shown all the same.
trap true SIGINT
echo "Running... ctrl^C to stop" >&2
pg_ctrl start
print_result
