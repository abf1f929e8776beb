#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# install-deps.sh run|test|bench: installs the Debian packages that are missing, and only those.
set -euo pipefail
purpose=${1:-run}
packages=(g++ make pkg-config libsqlite3-dev libyaml-dev libre2-dev zlib1g-dev libsnappy-dev libzstd-dev busybox-static)
case $purpose in
    run) ;;
    test) packages+=(curl openssl python3 python3-aiosmtpd prometheus prometheus-alertmanager prometheus-node-exporter victoria-metrics rsyslog rsyslog-openssl rsyslog-relp libglib2.0-0 libjson-c5 systemd-journal-remote nginx-light tmux less qemu-system-x86 linux-image-cloud-amd64 kmod cpio) ;;
    bench) packages+=(curl procps python3 time prometheus prometheus-node-exporter victoria-metrics) ;;
    *) echo "install-deps.sh: unknown purpose $purpose" >&2; exit 64 ;;
esac

# syslog-ng conflicts with rsyslog as a package, so it is unpacked where the tests look for it.
unpack_syslog_ng() {
    local to
    to=$(cd "$(dirname "$0")/.." && pwd)/.build/peers/syslog-ng
    [ ! -x "$to/usr/sbin/syslog-ng" ] || return 0
    mkdir -p "$to.new"
    (
        cd "$to.new"
        apt-get download -q syslog-ng-core libivykis0 libnet1 libpcre3 libwrap0 >/dev/null 2>&1
        for package in *.deb; do dpkg-deb -x "$package" .; done
        rm ./*.deb
    )
    mv "$to.new" "$to"
}

missing=()
for package in "${packages[@]}"; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
    [ "$purpose" != test ] || unpack_syslog_ng
    echo "Packages: all ${#packages[@]} are installed."
    exit 0
fi
if [ "$(id -u)" != 0 ]; then
    echo "needs root: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 77
fi

echo "Packages: installing ${missing[*]}"
# Services of what is installed must not start: only the programs are wanted.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
    trap 'rm -f $policy' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
install=(apt-get install -y -q --no-install-recommends "${missing[@]}")
"${install[@]}" >/dev/null 2>&1 || { apt-get update -q && "${install[@]}"; }
[ "$purpose" != test ] || unpack_syslog_ng
