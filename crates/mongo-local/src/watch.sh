# Runs mongod and ends it with its owner, however that ends.
#   sh -c '…' NAME DATA_DIR keep|remove MONGOD ARGUMENT…
# stdin is a pipe whose other end only the owner holds: it closes when the owner wants mongod stopped, and when the
# owner is dead. stdout tells the owner mongod's pid and, when mongod has ended, `exited STATUS`.
data=$1 afterwards=$2
shift 2

# outlive a signal to everybody (systemd stopping the unit) and a dead owner's stdout: the folder is still to be removed
trap : HUP INT TERM PIPE
exec 3<&0 </dev/null

"$@" >>"$data/mongod.log" 2>&1 3<&- &
mongod=$!
echo "$mongod"

(
    read -r nothing <&3
    if [ "$afterwards" = keep ]; then
        kill -TERM "$mongod"
        for second in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do sleep 1; done
    fi
    kill -KILL "$mongod"
) >/dev/null 2>&1 &
killer=$!

# a trapped signal ends `wait` early
while :; do
    wait "$mongod"
    status=$?
    kill -0 "$mongod" 2>/dev/null || break
done
# at once: the pid may soon be another process's
kill "$killer" 2>/dev/null
wait "$killer"
echo "exited $status"

# mongod may have failed by itself: its log is the owner's to read until it lets go
read -r nothing <&3
[ "$afterwards" = keep ] && exit "$status"
rm -rf -- "$data"
