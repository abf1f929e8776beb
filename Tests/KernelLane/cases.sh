# SPDX-License-Identifier: Apache-2.0
# Runs inside the guest: containers that reach each of their limits, and what the agent says of it.
export ULLAGE_DATA_DIR=/data/ullage PATH=/lane:/bin
passed=0 failed=0
ok() { passed=$((passed + 1)); echo "ok $1"; }
not_ok() { failed=$((failed + 1)); echo "not ok $1: $2"; }

mkdir -p /data/rootfs/bin /data/ullage
cp /bin/busybox /data/rootfs/bin/busybox
for name in sh sleep dd; do ln -s busybox /data/rootfs/bin/$name; done
# The shipped rules, with seconds for minutes.
mkdir -p /tmp/rules.d
sed 's/for: [0-9]*m/for: 1s/; s/\[[0-9]*m\]/[9s]/g; s/offset [0-9]*m/offset 9s/' \
    /lane/containers.yaml >/tmp/rules.d/containers.yaml
printf 'sampling: {interval: 1s}\nrules: {directory: /tmp/rules.d, evaluation_interval: 2s}\n' \
    >/tmp/ullage.yaml
ullage agent --config /tmp/ullage.yaml >/tmp/agent.log 2>&1 &

metrics() { wget -qO- http://127.0.0.1:9850/metrics 2>/dev/null; }
# The value of a metric of a container, 0 when it is absent.
value() { metrics | grep "^$1{.*name=\"$2\"" | head -n 1 | sed 's/.* //; s/^$/0/'; }
# Waits until a metric of a container is above a bound.
above() {
    tries=0
    while [ $tries -lt 40 ]; do
        now=$(value "$1" "$2")
        [ -n "$now" ] && awk "BEGIN { exit !($now > $3) }" && return 0
        tries=$((tries + 1))
        sleep 1
    done
    return 1
}
check() { if above "$2" "$3" "$4"; then ok "$1"; else not_ok "$1" "$2 of $3 is $(value "$2" "$3")"; fi; }

tries=0
until wget -qO- http://127.0.0.1:9850/-/ready >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ $tries -gt 120 ] && { not_ok "the agent is ready" "$(cat /tmp/agent.log)"; break; }
    sleep 1
done
ullage doctor

run() { ullage run -d --rootfs /data/rootfs "$@" >/dev/null || { echo "not ok run $2: exit $?"; exit 1; }; }
run --name hungry --memory 16m -- /bin/sh -c \
    'while :; do (dd if=/dev/zero of=/dev/null bs=64M count=1 2>/dev/null); sleep 1; done'
run --name throttled --cpus 0.05 -- /bin/sh -c 'while :; do :; done'
run --name forker --pids-limit 4 -- /bin/sh -c \
    '(sleep 600 & sleep 600 & sleep 600 & sleep 600 & wait); exec sleep 600'
run --name writer -- /bin/sh -c \
    'while :; do dd if=/dev/zero of=/file bs=64k count=16 conv=fsync 2>/dev/null; sleep 1; done'

check "a memory limit that is reached counts its kills" container_oom_events_total hungry 0
check "a memory limit is exported" container_spec_memory_limit_bytes hungry 16777215
check "a CPU quota counts its throttling" container_cpu_cfs_throttled_periods_total throttled 0
check "CPU time is counted" container_cpu_usage_seconds_total throttled 0
check "waiting for a processor is counted (PSI)" \
    container_pressure_cpu_waiting_seconds_total throttled 0
check "memory in use is exported" container_memory_usage_bytes throttled 0
check "bytes written to a disk are counted" container_fs_writes_bytes_total writer 0
check "a pids limit is exported" container_threads_max forker 3
threads=$(value container_threads forker)
if [ "${threads:-9}" -le 4 ]; then ok "a pids limit holds"; else not_ok "a pids limit holds" "$threads"; fi
if ullage query 'rate(container_cpu_usage_seconds_total{name="throttled"}[1m])' | grep -q throttled; then
    ok "a rate is answered from the store"
else
    not_ok "a rate is answered from the store" "$(ullage query 'container_last_seen')"
fi
# fires NAME [no]: waits until the alert fires, or no longer does.
fires() {
    tries=0
    while [ $tries -lt 40 ]; do
        if ullage alerts --firing -o json 2>/dev/null | grep -q "\"alertname\" *: *\"$1\""; then
            [ "$2" = no ] || return 0
        elif [ "$2" = no ]; then
            return 0
        fi
        tries=$((tries + 1))
        sleep 1
    done
    return 1
}
for alert in ContainerOOMKilled ContainerCPUThrottled; do
    if fires $alert; then ok "$alert fires"; else not_ok "$alert fires" "$(ullage alerts)"; fi
done
ullage rm -f hungry throttled forker writer >/dev/null || not_ok "rm -f" "exit $?"
for alert in ContainerOOMKilled ContainerCPUThrottled; do
    if fires $alert no; then ok "$alert resolves"; else not_ok "$alert resolves" "$(ullage alerts)"; fi
done
left=$(ls -d /sys/fs/cgroup/ullage/* 2>/dev/null | grep -cE '/[0-9a-f]{64}$')
if [ "$left" = 0 ]; then ok "nothing is left behind"; else not_ok "nothing is left behind" "$left cgroups"; fi

echo "kernel lane: $passed passed, $failed failed"
[ $failed = 0 ]
