#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# In the guest with the engines: has Docker and Podman log the same bytes with each driver, and leaves
# the files they wrote in /lane-out. Needs `busybox.tar` (a root file system with the bytes as
# /torture) in the present directory.
set -eu
out=/lane-out
say() { echo "=== $(cut -d' ' -f1 /proc/uptime) $*"; }
# The bytes to both outputs, one after the other, and lines that tell their order.
write='cat /torture; sleep 0.3; cat /torture >&2; sleep 0.3; echo end'
many='i=0; while [ $i -lt 400 ]; do echo "line $i of many, to fill files that are put aside"; i=$((i+1)); done'

mkdir -p /data/docker
say dockerd
dockerd --data-root /data/docker --log-level warn --iptables=false --ip6tables=false \
    --bridge=none >/tmp/dockerd.log 2>&1 &
i=0
until docker version >/dev/null 2>&1; do
    i=$((i + 1))
    [ $i -lt 200 ] || { tail -n 20 /tmp/dockerd.log; exit 1; }
    sleep 0.5
done
docker version --format '{{.Server.Version}}' >"$out/docker-version"
docker import busybox.tar busybox:1 >/dev/null
say imported
run() { docker run --network none "$@"; }
run --name json --label team=a busybox:1 sh -c "$write" >/dev/null 2>&1
run --name attrs --label team=a -e REGION=eu --log-opt labels=team --log-opt env=REGION \
    --log-opt tag='{{.Name}}' busybox:1 sh -c 'echo "with attributes"' >/dev/null
run --name local --log-driver local busybox:1 sh -c "$write" >/dev/null 2>&1
run --name rotated --log-driver local --log-opt max-size=8k --log-opt max-file=4 busybox:1 \
    sh -c "$many" >/dev/null
run --name journal --log-driver journald --log-opt tag=jt --label team=a \
    --log-opt labels=team busybox:1 sh -c "$write" >/dev/null 2>&1
say 'docker has written'
sleep 2
for name in json attrs; do
    id=$(docker inspect -f '{{.Id}}' $name)
    cp "/data/docker/containers/$id/$id-json.log" "$out/docker-$name.log"
done
for name in local rotated; do
    id=$(docker inspect -f '{{.Id}}' $name)
    for file in /data/docker/containers/"$id"/local-logs/container.log*; do
        cp "$file" "$out/docker-$name.log${file##*container.log}"
    done
done

mkdir -p /etc/containers /data/podman
printf '[storage]\ndriver="overlay"\nrunroot="/run/containers/storage"\ngraphroot="/data/podman"\n' \
    >/etc/containers/storage.conf
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >/etc/containers/policy.json
podman version --format '{{.Client.Version}}' >"$out/podman-version"
podman import -q busybox.tar localhost/busybox:1 >/dev/null
say 'podman imported'
podman run --net none --name k8s --log-driver k8s-file localhost/busybox:1 sh -c "$write" \
    >/dev/null 2>&1
podman run --net none --name pjournal --log-driver journald localhost/busybox:1 sh -c "$write" \
    >/dev/null 2>&1
cp "$(podman inspect -f '{{.HostConfig.LogConfig.Path}}' k8s)" "$out/podman-k8s.log"
say 'podman has written'

say 'containerd, through its CRI'
containerd --version >"$out/containerd-version"
mkdir -p /etc/containerd /data/logs/writer
cat >/etc/containerd/config.toml <<TOML
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
TOML
pkill -x containerd && sleep 1 || true
containerd --log-level warn >/tmp/containerd.log 2>&1 &
podman import -q --change 'CMD ["/bin/sleep", "100000"]' busybox.tar localhost/pause:1 >/dev/null
i=0
until ctr version >/dev/null 2>&1; do
    i=$((i + 1))
    [ $i -lt 60 ] || { tail -n 20 /tmp/containerd.log; exit 1; }
    sleep 0.5
done
for image in busybox pause; do
    podman save -q --format oci-archive -o /data/$image.oci localhost/$image:1
    ctr -n k8s.io images import /data/$image.oci >/dev/null
done
ctr -n k8s.io images ls -q
python3 ./cri.py /run/containerd/containerd.sock localhost/busybox:1 /data/logs "$write" ||
    tail -n 20 /tmp/containerd.log
cp /data/logs/writer/0.log "$out/containerd-cri.log"

systemd-run --quiet --wait --unit=golden sh -c \
    'echo "a line of a unit"; echo "<3>an error of a unit"; echo "level=warn msg=\"a warning\""' ||
    echo 'systemd-run failed'
journalctl --sync
journalctl -o export CONTAINER_NAME=journal + CONTAINER_NAME=pjournal + \
    _SYSTEMD_UNIT=golden.service + UNIT=golden.service >"$out/export"
/lib/systemd/systemd-journal-remote -o "$out/engines.journal" "$out/export"
journalctl --version | head -n 1 >"$out/systemd-version"
journalctl --file "$out/engines.journal" -o cat CONTAINER_NAME=journal | wc -lc
ls -la "$out"
docker rm -f json attrs local rotated journal >/dev/null
say done
