#!/bin/bash
# Sends until it is interrupted, and shows live counters meanwhile.
COUNT=0
. "$(dirname "$0")/control.sh"

pg_ctrl reset
pg_thread 0 add_device "$DEV"
pg_set "$DEV" "count 0"
pg_set "$DEV" "pkt_size $SIZE"
pg_set "$DEV" "delay $DELAY"
pg_set "$DEV" "dst_mac $MAC"
pg_set "$DEV" "dst $DEST"

trap 'pg_ctrl stop' SIGINT SIGTERM
echo start > "$PROC/pgctrl" &
starter=$!
for _ in 1 2 3; do
  sleep 0.3
  grep pkts-sofar "$PROC/$DEV"
done
[ -n "$FOREVER" ] || pg_ctrl stop
wait $starter
grep -A1 "Result: OK" "$PROC/$DEV"
