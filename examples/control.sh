# Functions that write to pktgen's control files; sourced by the scripts beside it.
PROC=${PROC:-/proc/net/pktgen}

# fail MESSAGE: says why and ends.
fail() {
  echo "$(basename "$0"): $1" >&2
  exit 1
}

# write FILE LINE: writes a line to a control file; a refused line shows the file's result.
write() {
  echo "$2" > "$PROC/$1" || fail "$1 refused \"$2\": $(grep Result: "$PROC/$1")"
  local result
  result=$(grep -F "Result: OK:" "$PROC/$1")
  if [ -z "$result" ] && grep -q "Result: .*\(ERROR\|unknown\|No such\)" "$PROC/$1"; then
    fail "$1 answered \"$2\" with: $(grep Result: "$PROC/$1")"
  fi
}

pg_ctrl() { echo "$1" > "$PROC/pgctrl" || fail "pgctrl refused \"$1\""; }
pg_thread() { write "kpktgend_$1" "$2 $3"; }
pg_set() { write "$1" "$2"; }

# Options of all scripts.
COUNT=1000 SIZE=60 MAC=00:00:00:00:00:00 DEST=198.18.0.42 THREADS=1 DELAY=0
while getopts i:m:d:n:s:t:w: option; do
  case $option in
    i) DEV=$OPTARG ;;
    m) MAC=$OPTARG ;;
    d) DEST=$OPTARG ;;
    n) COUNT=$OPTARG ;;
    s) SIZE=$OPTARG ;;
    t) THREADS=$OPTARG ;;
    w) DELAY=$OPTARG ;;
    *) fail "usage: -i DEV [-m MAC] [-d ADDRESS] [-n COUNT] [-s SIZE] [-t THREADS] [-w DELAY]" ;;
  esac
done
[ -n "$DEV" ] || fail "wants -i DEV"
[ -d "$PROC" ] || fail "no pktgen: run it as \"pktgen exec -- $0 ...\", or \"modprobe pktgen\""
