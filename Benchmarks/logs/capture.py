#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What taking a container's output costs: lines of 100 bytes to Ullage's shim (json-file), to
conmon (k8s-file, what Podman uses), to Docker's daemon (json-file) and through a bare pipe into a
file, one after the other.

  capture.py BUILD [BYTES]

BUILD has `ullage` and `ullage-shim`; conmon is taken when it is installed, with a runtime that just
starts the writer, so that conmon's work alone is measured; so is dockerd, which runs with directories
of its own and without networks, and gets a quarter of the bytes. CPU is that of the process that captures,
without the writer's; memory is its greatest resident size. Needs root and a C compiler."""

import glob
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TICK = os.sysconf("SC_CLK_TCK")


def processes(name):
    """The pids of programs called so."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/comm") as file:
                    if file.read().strip() == name:
                        yield int(entry)
            except OSError:
                pass


def reading(pid):
    """CPU seconds and the greatest resident kilobytes of a process, or None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        with open(f"/proc/{pid}/status") as file:
            peak = [line.split()[1] for line in file if line.startswith("VmHWM")]
        return (int(fields[11]) + int(fields[12])) / TICK, int(peak[0]) if peak else 0
    except (OSError, IndexError):
        return None


def warm(work, size):
    """Lets the page cache use as much memory as the next run will, and gives it free again: on a
    virtual machine the first use of a page costs several times what the copy into it does."""
    with open(work + "/warm", "wb", buffering=0) as file:
        for _ in range(size // (1 << 20)):
            file.write(b"\0" * (1 << 20))
    os.unlink(work + "/warm")


def measure(label, size, name, start, is_over, files):
    """Runs `start` and watches the process called `name` until `is_over`."""
    before = set(processes(name))
    began = time.monotonic()
    start()
    found, last = None, (0.0, 0)
    while not is_over():
        if found is None:
            found = next((pid for pid in processes(name) if pid not in before), None)
        now = reading(found) if found else None
        last = now if now and now[1] else last
        time.sleep(0.01)
    took = time.monotonic() - began
    disk = sum(os.path.getsize(path) for path in files() if os.path.exists(path))
    print(
        f"{label:28} {size / 1e6 / took:7.0f} MB/s  {last[0] / (size / 1e9):5.2f} CPU-s/GB  "
        f"{last[1]:6d} KB resident  {disk / 1e9:.2f} GB written",
        flush=True,
    )


def pipe(work, size, chunk):
    path = work + "/pipe.log"
    running = []

    def start():
        writer = subprocess.Popen([work + "/write", str(size), str(chunk)], stdout=subprocess.PIPE)
        running.append(subprocess.Popen(["cat"], stdin=writer.stdout, stdout=open(path, "wb")))
        writer.stdout.close()

    measure(f"pipe to cat, {chunk} B", size, "cat", start,
            lambda: running[0].poll() is not None, lambda: [path])
    os.unlink(path)


def shim(work, build, size, chunk):
    data = work + "/data"
    base = [build + "/ullage", "--data-dir", data]
    environment = dict(os.environ, ULLAGE_DATA_DIR=data)
    root = work + "/rootfs"
    os.makedirs(root, exist_ok=True)
    shutil.copy(work + "/write", root + "/write")

    def run(*words):
        return subprocess.run([base[0], *words], env=environment, check=True,
                              stdout=subprocess.DEVNULL)

    containers = data + "/containers"

    def logs():
        return glob.glob(containers + "/*/*-json.log")

    def over():
        for path in glob.glob(containers + "/*/state.json"):
            with open(path) as file:
                return '"exited"' in file.read()
        return False

    measure(f"ullage-shim, {chunk} B", size, "ullage-shim",
            lambda: run("run", "-d", "--name", "bench", "--log-opt", "max-size=-1",
                        "--log-opt", "max-file=1", "--rootfs", root, "--", "/write", str(size), str(chunk)), over, logs)
    run("rm", "bench")


def conmon(work, size, chunk):
    bundle = work + "/bundle"
    os.makedirs(bundle, exist_ok=True)
    runtime = work + "/runtime"
    # conmon calls `RUNTIME ... create --bundle B --pid-file P ID`.
    with open(runtime, "w") as file:
        file.write(
            '#!/bin/sh\nwhile [ $# -gt 0 ]; do [ "$1" != --pid-file ] || pid=$2; shift; done\n'
            f"{work}/write {size} {chunk} &\necho $! >\"$pid\"\n")
    os.chmod(runtime, 0o755)
    log, done = work + "/ctr.log", work + "/exits"
    shutil.rmtree(done, ignore_errors=True)
    os.makedirs(done)

    def start():
        subprocess.run(
            ["conmon", "--cid", "bench", "-u", "bench", "--runtime", runtime, "--bundle", bundle,
             "--log-path", "k8s-file:" + log, "--container-pidfile", work + "/pid",
             "--conmon-pidfile", work + "/conmon-pid", "--exit-dir", done,
             "--socket-dir-path", work], check=True)

    measure(f"conmon k8s-file, {chunk} B", size, "conmon", start,
            lambda: os.path.exists(done + "/bench"), lambda: [log])
    os.unlink(log)


class Docker:
    """A daemon of the benchmark's own."""

    def __init__(self, work):
        self.work = work + "/docker"
        os.makedirs(self.work)
        self.environment = dict(os.environ, DOCKER_HOST=f"unix://{self.work}/socket")
        self.daemon = subprocess.Popen(
            ["dockerd", "--data-root", self.work + "/data", "--exec-root", self.work + "/run",
             "-p", self.work + "/pid", "-H", f"unix://{self.work}/socket", "--iptables=false",
             "--ip6tables=false", "--bridge=none", "--ip-forward=false",
             "--exec-opt", "native.cgroupdriver=cgroupfs"],
            stdout=subprocess.DEVNULL, stderr=open(self.work + "/log", "w"))
        for _ in range(100):
            if self.docker("version", check=False).returncode == 0:
                break
            time.sleep(0.3)
        os.makedirs(self.work + "/root")
        shutil.copy(work + "/write", self.work + "/root/write")
        subprocess.run(["tar", "-C", self.work + "/root", "-cf", self.work + "/image.tar", "."],
                       check=True)
        self.docker("import", self.work + "/image.tar", "bench:1")

    def docker(self, *words, check=True):
        return subprocess.run(["docker", *words], env=self.environment, check=check,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def measure(self, size, chunk):
        before = reading(self.daemon.pid)
        began = time.monotonic()
        name = self.docker("run", "-d", "--network", "none", "bench:1", "/write", str(size),
                           str(chunk)).stdout.decode().strip()
        self.docker("wait", name)
        took = time.monotonic() - began
        after = reading(self.daemon.pid)
        path = f"{self.work}/data/containers/{name}/{name}-json.log"
        print(
            f"{'dockerd json-file, %d B' % chunk:28} {size / 1e6 / took:7.0f} MB/s  "
            f"{(after[0] - before[0]) / (size / 1e9):5.2f} CPU-s/GB  {after[1]:6d} KB resident  "
            f"{os.path.getsize(path) / 1e9:.2f} GB written",
            flush=True,
        )
        self.docker("rm", "-f", name)

    def end(self):
        self.daemon.terminate()
        self.daemon.wait()


def main():
    build = os.path.abspath(sys.argv[1])
    size = int(float(sys.argv[2])) if len(sys.argv) > 2 else 2_000_000_000
    work = tempfile.mkdtemp(prefix="ullage-capture-")
    docker = None
    try:
        subprocess.run(["cc", "-O2", "-static", "-o", work + "/write", HERE + "/write.c"], check=True)
        docker = Docker(work) if shutil.which("dockerd") else None
        for chunk, part in [(65500, size), (100, size // 4)]:
            warm(work, 2 * part)
            pipe(work, part, chunk)
            warm(work, 2 * part)
            shim(work, build, part, chunk)
            if shutil.which("conmon"):
                warm(work, 2 * part)
                conmon(work, part, chunk)
            if docker:
                warm(work, part)
                docker.measure(size // 4, chunk)
    finally:
        if docker:
            docker.end()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
