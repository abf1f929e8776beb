# SPDX-License-Identifier: Apache-2.0
# Runs inside the guest: see logs.sh.
export ULLAGE_DATA_DIR=/data/ullage PATH=/lane/bin:$PATH LD_LIBRARY_PATH=/lane/lib
lines=300
say() { echo "[$(cut -d ' ' -f 1 /proc/uptime)] $*"; }

mkdir -p /data/ullage /data/docker /data/podman /var/lib/docker /var/lib/containers/storage /etc/containers
mount --bind /data/docker /var/lib/docker
mount --bind /data/podman /var/lib/containers/storage
mkdir -p /data/rootfs/bin /data/rootfs/proc /data/rootfs/sys /data/rootfs/dev /data/rootfs/tmp /data/rootfs/etc
cp /bin/busybox /data/rootfs/bin/busybox
for name in sh usleep echo; do ln -s busybox /data/rootfs/bin/$name; done
tar -C /data/rootfs -cf /data/busybox.tar .
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >/etc/containers/policy.json

# Without libsystemd's own search path in the way of the engines.
plain() { env -u LD_LIBRARY_PATH "$@"; }
plain dockerd --log-level warn --iptables=false --ip6tables=false --bridge=none >/tmp/dockerd.log 2>&1 &
printf 'sampling: {interval: 1s}\n' >/data/ullage.yaml
start_agent() {
    ullage agent --config /data/ullage.yaml 2>>/data/agent.log &
    agent=$!
}
start_agent
until plain docker version >/dev/null 2>&1; do sleep 0.5; done
plain docker import /data/busybox.tar busybox:lane >/dev/null
plain podman import -q /data/busybox.tar localhost/busybox:lane >/dev/null
say "writers"
write="i=0; while [ \$i -lt $lines ]; do i=\$((i+1)); echo \"line \$i of this container\"; usleep 30000; done"
d="plain docker run -d --network none"
$d --name d-json --log-opt max-size=3k --log-opt max-file=50 --log-opt compress=true busybox:lane sh -c "$write" >/dev/null
$d --name d-local --log-driver local --log-opt max-size=3k --log-opt max-file=50 busybox:lane sh -c "$write" >/dev/null
$d --name d-journal --log-driver journald busybox:lane sh -c "$write" >/dev/null
# Docker cannot read this driver and keeps a copy.
$d --name d-syslog --log-driver syslog --log-opt syslog-address=udp://127.0.0.1:5514 busybox:lane sh -c "$write" >/dev/null
p="plain podman run -d --net none"
$p --name p-file --log-driver k8s-file localhost/busybox:lane sh -c "$write" >/dev/null
$p --name p-journal --log-driver journald localhost/busybox:lane sh -c "$write" >/dev/null
ullage run -d --name u-journal --log-driver journald --rootfs /data/rootfs -- /bin/sh -c "$write" >/dev/null
ullage run -d --name u-json --log-opt max-size=3k --log-opt max-file=50 --rootfs /data/rootfs -- /bin/sh -c "$write" >/dev/null
systemd-run -q --unit lane-unit /data/rootfs/bin/sh -c "PATH=/data/rootfs/bin; $write"
# One that writes more than journald lets pass, and then some more.
systemd-run -q --unit lane-limited -p LogRateLimitIntervalSec=3s -p LogRateLimitBurst=50 \
    /data/rootfs/bin/sh -c 'PATH=/data/rootfs/bin; i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo "line $i"; done; busybox sleep 4; echo after'
for kill in 1 2 3; do
    sleep 4
    kill -9 $agent
    start_agent
    say "killed $kill times"
done

all="d-json d-local d-journal d-syslog p-file p-journal u-journal u-json lane-unit.service"
i=0
expected() {
    n=0
    while [ $n -lt $lines ]; do n=$((n + 1)); echo "line $n of this container"; done
}
expected >/tmp/expected
failed=
for name in $all; do
    tries=0
    while :; do
        ullage logs --no-names "$name" 2>/dev/null | grep '^line ' >/tmp/found
        cmp -s /tmp/found /tmp/expected && break
        tries=$((tries + 1))
        [ $tries -lt 30 ] || break
        sleep 2
    done
    gaps=$(ullage logs "$name" 2>&1 | grep -c 'ullage:')
    if cmp -s /tmp/found /tmp/expected; then
        say "$name: each of $lines lines once, $gaps gaps"
    else
        say "$name: FAILED: $(wc -l </tmp/found) lines, $(sort /tmp/found | uniq -d | wc -l) twice, $gaps gaps"
        failed=1
    fi
done
tries=0
# What was left out is told with the next entry.
until ullage logs --no-names lane-limited.service 2>/dev/null | grep -q '^after' || [ $tries -gt 20 ]; do
    tries=$((tries + 1))
    sleep 2
done
kept=$(ullage logs lane-limited.service | grep -c '^line ')
left=$(ullage logs lane-limited.service 2>&1 | sed -n 's/.*journald left out \([0-9]*\) entries.*/\1/p' |
    { sum=0; while read -r n; do sum=$((sum + n)); done; echo $sum; })
say "lane-limited: $kept lines kept, $left told of"
# Lines of the unit's shell; systemd's own words about it count towards the limit as well.
if [ $((kept + left)) -lt 2000 ] || [ "$left" = 0 ]; then failed=1; fi
ullage logs stats
tail -n 5 /data/agent.log
[ -z "$failed" ]
