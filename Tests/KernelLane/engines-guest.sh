# SPDX-License-Identifier: Apache-2.0
# Runs inside the guest: containers of Docker, Podman, containerd, systemd, nspawn and LXC, and what
# the agent, the engines' own tools, the cgroup files and node_exporter say of them, each into a file
# of /lane-out. engines.py compares them afterwards.
export ULLAGE_DATA_DIR=/data/ullage CONTAINERD_ADDRESS=/run/containerd/containerd.sock
out=/lane-out
say() { echo "[$(cut -d ' ' -f 1 /proc/uptime)] $*"; }

mkdir -p /data/ullage /data/docker /data/podman /var/lib/docker /var/lib/containers/storage /data/shared
mount --bind /data/docker /var/lib/docker
mount --bind /data/podman /var/lib/containers/storage
mkdir -p /data/rootfs/bin /data/rootfs/usr /data/rootfs/etc /data/rootfs/proc /data/rootfs/sys /data/rootfs/dev /data/rootfs/tmp
cp /bin/busybox /data/rootfs/bin/busybox
for name in sh sleep dd cat wget httpd true rm; do ln -s busybox /data/rootfs/bin/$name; done
echo ID=busybox >/data/rootfs/etc/os-release
tar -C /data/rootfs -cf /data/busybox.tar .

say "engines"
dockerd --log-level warn >$out/dockerd.log 2>&1 &
containerd --log-level warn >$out/containerd.log 2>&1 &
printf 'sampling: {interval: 1s}\ncontainers: {labels: [com.docker.compose.project]}\n' >/data/ullage.yaml
ullage agent --config /data/ullage.yaml >$out/agent.log 2>&1 &
prometheus-node-exporter --web.listen-address=127.0.0.1:9100 >/dev/null 2>&1 &
until docker version >/dev/null 2>&1; do sleep 0.5; done
docker import /data/busybox.tar busybox:lane >/dev/null
mkdir -p /etc/containers
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >/etc/containers/policy.json
podman import -q /data/busybox.tar localhost/busybox:lane >/dev/null

busy='while :; do :; done'
hold='dd if=/dev/zero of=/dev/shm/held bs=1M count=24 2>/dev/null; exec sleep 100000'
oom='while :; do (dd if=/dev/zero of=/dev/null bs=64M count=1 2>/dev/null); sleep 1; done'
write='while :; do dd if=/dev/zero of=/shared/file bs=64k count=16 conv=fsync 2>/dev/null; sleep 1; done'
d="docker run -d --label lane=1"
say "docker"
$d --name d-busy --cpus 0.2 --label com.docker.compose.project=shop busybox:lane sh -c "$busy" >/dev/null
$d --name d-hold --memory 64m --pids-limit 20 --shm-size 32m busybox:lane sh -c "$hold" >/dev/null
$d --name d-oom --memory 16m busybox:lane sh -c "$oom" >/dev/null
$d --name d-write -v /data/shared:/shared busybox:lane sh -c "$write" >/dev/null
$d --name d-web -p 127.0.0.1:8099:80 --health-cmd true --health-interval 2s busybox:lane \
    sh -c 'dd if=/dev/zero of=/tmp/page bs=1k count=64 2>/dev/null; exec httpd -f -h /tmp' >/dev/null
$d --name d-crash --restart on-failure:2 busybox:lane sh -c 'sleep 1; exit 3' >/dev/null
$d --name d-old busybox:lane sleep 100000 >/dev/null
docker pause d-old >/dev/null
docker rename d-old d-paused
docker run --rm --name d-short busybox:lane sleep 0.2
address=$(docker inspect -f '{{.NetworkSettings.IPAddress}}' d-web)
$d --name d-get busybox:lane sh -c "while :; do wget -q -O /dev/null http://$address/page; sleep 1; done" >/dev/null
say "podman"
p="podman run -d --net none"
$p --name p-busy --cpus 0.2 localhost/busybox:lane sh -c "$busy" >/dev/null
$p --name p-hold --memory 64m --pids-limit 20 --shm-size 32m localhost/busybox:lane sh -c "$hold" >/dev/null
$p --name p-oom --memory 16m localhost/busybox:lane sh -c "$oom" >/dev/null
podman run --rm --net none --name p-short localhost/busybox:lane sleep 0.2
podman run --net none --name p-exit localhost/busybox:lane sh -c 'exit 7'
say "containerd"
podman save -q --format oci-archive -o /data/busybox.oci localhost/busybox:lane
ctr images import /data/busybox.oci >/dev/null
ctr run -d "$(ctr images ls -q | head -n 1)" c-plain /bin/sh -c "$hold"
# A pod's container as the CRI plugin makes it: its cgroup's path and its annotations.
pod=$(printf '%064d' 0 | tr 0 a)
mkdir -p /data/pod && cd /data/pod && runc spec
cat >edit <<EDIT
s|"sh"|"sleep", "100000"|
s|"terminal": true|"terminal": false|
s|"path": "rootfs"|"path": "/data/rootfs"|
s|"linux": {|"annotations": { "io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.sandbox-namespace": "prod", "io.kubernetes.cri.sandbox-name": "web-0", "io.kubernetes.cri.container-name": "app", "io.kubernetes.cri.image-name": "busybox:lane" }, "linux": { "cgroupsPath": "/kubepods/besteffort/podlane/$pod",|
EDIT
sed -i -f edit config.json
ctr -n k8s.io run -d --config config.json "$pod" || say "no pod"
cd /lane
say "systemd, nspawn, LXC"
systemd-run -q --unit lane-unit -p MemoryMax=64M -p CPUQuota=10% /bin/sh -c "$busy"
systemd-nspawn -q -D /data/rootfs --as-pid2 -M n-box sleep 100000 >$out/nspawn.log 2>&1 &
mkdir -p /var/lib/lxc/l-box
printf 'lxc.rootfs.path = dir:/data/rootfs\nlxc.net.0.type = none\nlxc.init.cmd = /bin/sleep 100000\n' \
    >/var/lib/lxc/l-box/config
lxc-start -n l-box -o $out/lxc.log || say "no LXC"

say "settling"
tries=0
until curl -sf http://127.0.0.1:9850/-/ready >/dev/null || [ $tries -gt 100 ]; do tries=$((tries + 1)); sleep 1; done
ullage run -d --name u-hold --memory 64m --rootfs /data/rootfs -- /bin/sh -c 'exec sleep 100000' >/dev/null
sleep 20

# Every container's files at one moment, one after the other.
docker ps --no-trunc --format '{{.Names}} {{.ID}}' >$out/docker.list
podman ps --no-trunc --format '{{.Names}} {{.ID}}' >$out/podman.list
(cd /sys/fs/cgroup && find . -type d) >$out/cgroups
groups=$({
    while read -r name id; do echo "$name /system.slice/docker-$id.scope"; done <$out/docker.list
    while read -r name id; do echo "$name /machine.slice/libpod-$id.scope/container"; done <$out/podman.list
    echo "c-plain /default/c-plain"
    echo "$pod /kubepods/besteffort/podlane/$pod"
    echo "lane-unit /system.slice/lane-unit.service"
})
echo "$groups" >$out/groups
snap() {
    mkdir -p "$out/$1"
    echo "$groups" | while read -r name path; do
        (cd "/sys/fs/cgroup$path" 2>/dev/null && grep -H '' cpu.stat memory.current memory.stat \
            memory.events memory.peak memory.swap.current memory.max io.stat pids.current pids.max \
            cpu.max cpu.pressure memory.pressure io.pressure pids.events \
            cgroup.freeze && first=$(head -n 1 cgroup.procs) &&
            [ -n "$first" ] && grep -H '' "/proc/$first/net/dev") >"$out/$1/$name" 2>/dev/null
    done
    curl -s http://127.0.0.1:9100/metrics >"$out/$1.node"
    date +%s >"$out/$1.time"
}
say "before"
snap before
sleep 12
curl -s http://127.0.0.1:9850/metrics >$out/metrics
say "after"
snap after
for _ in 1 2 3; do docker stats --no-stream --format '{{.Name}} {{.CPUPerc}}'; done >$out/docker.cpu
docker stats --no-stream --no-trunc --format '{{.Name}} {{.CPUPerc}} {{.MemUsage}} {{.NetIO}} {{.BlockIO}} {{.PIDs}}' >$out/docker.stats
podman stats --no-stream --format '{{.Name}} {{.CPUPerc}} {{.MemUsage}} {{.PIDS}}' >$out/podman.stats
ctr tasks metrics c-plain >$out/ctr.metrics
ullage query 'rate(container_cpu_usage_seconds_total[20s])' -o csv >$out/rates
ullage stats --no-stream -o csv >$out/stats
ullage stats --no-stream
ullage ps -a -o csv >$out/ps 2>/dev/null || ullage ps -a -o json >$out/ps
ullage ps -a
ullage networks >$out/networks
ullage events -n 1000 -o json >$out/events || ullage events -o json >$out/events
ullage volumes >$out/volumes
ullage inspect d-web >$out/inspect
ullage audit d-web >$out/audit
say "the end"
docker rm -f $(docker ps -aq) >/dev/null
sleep 3
ullage events -o json -f event=remove >$out/removed
curl -s http://127.0.0.1:9850/metrics >$out/metrics.end
say "done"
