#!/bin/bash
# One device on the thread of CPU 0.
. "$(dirname "$0")/control.sh"

pg_ctrl reset
pg_thread 0 add_device "$DEV"
pg_set "$DEV" "count $COUNT"
pg_set "$DEV" "pkt_size $SIZE"
pg_set "$DEV" "delay $DELAY"
pg_set "$DEV" "dst_mac $MAC"
pg_set "$DEV" "dst $DEST"
echo "Running... ctrl^C to stop" >&2
pg_ctrl start
echo "Done" >&2
echo "Result device: $DEV"
cat "$PROC/$DEV"
