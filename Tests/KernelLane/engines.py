#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""engines.py DIRECTORY: compares what engines-guest.sh brought back.

The cgroup files, /proc/PID/net/dev and node_exporter were read before and after the agent's own
/metrics. A counter must lie between the two readings, exactly; a gauge between them or within the
tolerance stated beside it. The engines' own numbers are means over other windows: their tolerances
are wider and stated, too.
"""
import csv
import json
import re
import sys
from pathlib import Path

out = Path(sys.argv[1])
passed, failed = [], []


def check(ok, what, detail=""):
    (passed if ok else failed).append(what)
    if not ok:
        print(f"not ok {what}: {detail}")


SAMPLE = re.compile(r'^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def exposition(name):
    samples = {}
    for line in (out / name).read_text().splitlines():
        match = SAMPLE.match(line)
        if match:
            labels = {key: re.sub(r"\\(.)", r"\1", value) for key, value in LABEL.findall(match[2] or "")}
            samples[(match[1], frozenset(labels.items()))] = float(match[3])
    return samples


ours = exposition("metrics")
by_name = {}
for (metric, labels), value in ours.items():
    by_name.setdefault(metric, []).append((dict(labels), value))


def value(metric, where, **labels):
    """The sum of the samples of a metric of one container; None when there is none."""
    found = [v for have, v in by_name.get(metric, [])
             if all(have.get(k) == x for k, x in {**where, **labels}.items())]
    return sum(found) if found else None


def kernel(moment, name):
    """What the cgroup files of a container said: {file: {key: number}}."""
    files = {}
    path = out / moment / name
    if not path.exists():
        return files
    for line in path.read_text().splitlines():
        file, _, text = line.partition(":")
        if file.endswith("/net/dev"):
            interface, _, numbers = text.partition(":")
            fields = [int(field) for field in numbers.split() if field.isdigit()]
            if len(fields) == 16 and interface.strip() != "lo":
                files.setdefault("net", {})[interface.strip()] = fields
            continue
        words = text.split()
        entry = files.setdefault(file, {})
        if file == "io.stat":
            entry[words[0]] = {k: int(v) for k, v in (word.split("=") for word in words[1:])}
        elif file.endswith(".pressure"):
            entry[words[0]] = int(words[-1].split("=")[1])
        elif file == "cpu.max":
            entry["quota"], entry["period"] = words
        elif len(words) == 2 and words[1].lstrip("-").isdigit():
            entry[words[0]] = int(words[1])
        else:
            entry[""] = words[0]
    return files


def between(what, low, now, high):
    if low is None or high is None:
        return
    slack = 1e-6 * max(1, abs(high))
    check(now is not None and low - slack <= now <= high + slack, what, f"{low} <= {now} <= {high}")


def near(what, a, now, b, share, plus):
    if a is None or b is None:
        return
    low, high = min(a, b), max(a, b)
    check(now is not None and low * (1 - share) - plus <= now <= high * (1 + share) + plus, what,
          f"{low} .. {high}, got {now}")


def number(files, file, key=""):
    text = files.get(file, {}).get(key)
    return None if text is None or text == "max" else int(text)


groups = [line.split(" ", 1) for line in (out / "groups").read_text().splitlines()]
MIB = 1 << 20
for name, path in groups:
    before, after = kernel("before", name), kernel("after", name)
    if not before.get("cpu.stat") or not after.get("cpu.stat"):
        check(False, f"{name}: its files were read", path)
        continue
    where = {"id": path}
    for metric, key, extra in (
            ("container_cpu_usage_seconds_total", "usage_usec", {"cpu": "total"}),
            ("container_cpu_user_seconds_total", "user_usec", {}),
            ("container_cpu_system_seconds_total", "system_usec", {})):
        between(f"{name} {metric}", before["cpu.stat"][key] / 1e6, value(metric, where, **extra),
                after["cpu.stat"][key] / 1e6)
    quota = before.get("cpu.max", {}).get("quota")
    if quota not in (None, "max"):
        for metric, key, scale in (
                ("container_cpu_cfs_periods_total", "nr_periods", 1),
                ("container_cpu_cfs_throttled_periods_total", "nr_throttled", 1),
                ("container_cpu_cfs_throttled_seconds_total", "throttled_usec", 1e6)):
            between(f"{name} {metric}", before["cpu.stat"][key] / scale, value(metric, where),
                    after["cpu.stat"][key] / scale)
        check(value("container_spec_cpu_quota", where) == float(quota), f"{name} quota", quota)
    for metric, key in (("container_memory_events_max_total", "max"), ("container_oom_events_total", "oom_kill"),
                        ("container_memory_events_oom_kill_total", "oom_kill")):
        between(f"{name} {metric}", before["memory.events"][key], value(metric, where), after["memory.events"][key])
    for kind, key in (("pgfault", "pgfault"), ("pgmajfault", "pgmajfault")):
        between(f"{name} {kind}", before["memory.stat"][key],
                value("container_memory_failures_total", where, failure_type=kind), after["memory.stat"][key])
    # The kernel charges memory in batches of 64 pages for each processor.
    for metric, a, b in (
            ("container_memory_usage_bytes", number(before, "memory.current"), number(after, "memory.current")),
            ("container_memory_rss", before["memory.stat"]["anon"], after["memory.stat"]["anon"]),
            ("container_memory_cache", before["memory.stat"]["file"], after["memory.stat"]["file"]),
            ("container_memory_kernel_usage", before["memory.stat"]["kernel"], after["memory.stat"]["kernel"])):
        near(f"{name} {metric}", a, value(metric, where), b, 0.05, 512 << 10 if name.endswith("-oom") is False else 16 * MIB)
    near(f"{name} threads", number(before, "pids.current"), value("container_threads", where),
         number(after, "pids.current"), 0, 2)
    limit = number(before, "memory.max")
    check(value("container_spec_memory_limit_bytes", where) == float(limit or 0), f"{name} memory limit",
          f'{limit} and {value("container_spec_memory_limit_bytes", where)}')
    limit = number(before, "pids.max")
    check(value("container_threads_max", where) == float(limit or 0), f"{name} pids limit",
          f'{limit} and {value("container_threads_max", where)}')
    for resource in ("cpu", "memory", "io"):
        for kind, line in (("waiting", "some"), ("stalled", "full")):
            metric = f"container_pressure_{resource}_{kind}_seconds_total"
            low, high = before.get(f"{resource}.pressure", {}), after.get(f"{resource}.pressure", {})
            if line in low and line in high:
                between(f"{name} {metric}", low[line] / 1e6, value(metric, where), high[line] / 1e6)
    for metric, key in (("container_fs_reads_bytes_total", "rbytes"), ("container_fs_writes_bytes_total", "wbytes"),
                        ("container_fs_reads_total", "rios"), ("container_fs_writes_total", "wios")):
        low = sum(device.get(key, 0) for device in before.get("io.stat", {}).values())
        high = sum(device.get(key, 0) for device in after.get("io.stat", {}).values())
        if high > 0:
            between(f"{name} {metric}", low, value(metric, where), high)
    if name.startswith("d-"):
        for interface, fields in after.get("net", {}).items():
            for at, metric in ((0, "receive_bytes"), (1, "receive_packets"), (8, "transmit_bytes"), (9, "transmit_packets")):
                between(f"{name} {interface} {metric}", before["net"][interface][at],
                        value(f"container_network_{metric}_total", where, interface=interface), fields[at])

# --- the engines' own tools
UNITS = {"B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 1024, "MiB": MIB, "GiB": 1 << 30}


def size(text):
    match = re.match(r"([\d.]+)\s*(\w+)", text)
    return float(match[1]) * UNITS[match[2]]


rates = {row["name"]: float(row["value"]) for row in csv.DictReader((out / "rates").open()) if row.get("name")}
stats = {row["name"]: row for row in csv.DictReader((out / "stats").open())}
for line in (out / "docker.stats").read_text().splitlines():
    words = line.replace(" / ", "/").split()
    name, cpu, memory, network, block, pids = words[:6]
    where = {"name": name}
    # Docker's is of one second, the middle of three readings; ours of twenty.
    readings = sorted(float(line.split()[1].rstrip("%")) for line in (out / "docker.cpu").read_text().splitlines()
                      if line.startswith(name + " "))
    theirs, mine = readings[len(readings) // 2], 100 * rates.get(name, -1)
    if name in ("d-busy", "d-hold", "d-paused"):
        check(abs(theirs - mine) <= 5 + theirs / 4, f"docker stats {name} CPU", f"{theirs} % and {mine:.1f} %")
    near(f"docker stats {name} memory", size(memory.split("/")[0]), value("container_memory_working_set_bytes", where),
         size(memory.split("/")[0]), 0.02, 16 * MIB if name == "d-oom" else 128 << 10)
    near(f"docker stats {name} pids", int(pids), value("container_threads", where), int(pids), 0, 1)
    if "/" in network and name in stats and stats[name]["network_received_bytes"]:
        received = size(network.split("/")[0])
        between(f"docker stats {name} network", value("container_network_receive_bytes_total", where), received * 1.01,
                int(stats[name]["network_received_bytes"]) * 1.02 + 1000)
    if name == "d-write":
        written = size(block.split("/")[1])
        between(f"docker stats {name} written", value("container_fs_writes_bytes_total", where), written * 1.01,
                int(stats[name]["io_written_bytes"]) * 1.02)
for line in (out / "podman.stats").read_text().splitlines():
    words = line.replace(" / ", "/").split()
    name, cpu, memory, pids = words[:4]
    if name not in rates:
        continue
    theirs, mine = float(cpu.rstrip("%")), 100 * rates[name]
    if name in ("p-busy", "p-hold"):
        check(abs(theirs - mine) <= 5 + theirs / 4, f"podman stats {name} CPU", f"{theirs} % and {mine:.1f} %")
        # Podman 4.3 shows anonymous memory alone.
        near(f"podman stats {name} memory", size(memory.split("/")[0]), value("container_memory_rss", {"name": name}),
             size(memory.split("/")[0]), 0.02, 64 << 10)
        near(f"podman stats {name} pids", int(pids), value("container_threads", {"name": name}), int(pids), 0, 1)
ctr = dict(line.split() for line in (out / "ctr.metrics").read_text().splitlines() if len(line.split()) == 2)
plain = {"id": "/default/c-plain"}
near("ctr metrics CPU", int(ctr["cpu.usage_usec"]) / 1e6, value("container_cpu_usage_seconds_total", plain),
     int(ctr["cpu.usage_usec"]) / 1e6, 0.001, 0)
near("ctr metrics memory", int(ctr["memory.usage"]), value("container_memory_usage_bytes", plain),
     int(ctr["memory.usage"]), 0.02, 0)

# --- names and what else is known
for name, engine in (("d-busy", "docker"), ("p-busy", "podman"), ("c-plain", "containerd"), ("u-hold", "embedded"),
                     ("prod/web-0/app", "containerd"), ("n-box", "nspawn"), ("l-box", "lxc")):
    row = stats.get(name)
    check(row is not None and row["engine"] == engine, f"{name} is one of {engine}", row and row["engine"])
pod = {"namespace": "prod", "pod": "web-0", "container": "app"}
check(value("container_memory_usage_bytes", pod) is not None, "the pod's labels")
check(value("container_frozen", {"name": "d-paused"}) == 1, "a paused container is frozen",
      value("container_frozen", {"name": "d-paused"}))
check(value("container_last_seen", {"name": "d-old"}) is None, "nothing is left under the old name")
check(value("container_last_seen", {"container_label_com_docker_compose_project": "shop"}) is not None,
      "the allowed label")
check(value("container_health_state", {"name": "d-web"}) == 1, "health")
oom = value("container_oom_events_total", {"name": "d-oom"})
check(oom is not None and oom > 3, "kills for want of memory (Docker)", oom)
oom = value("container_oom_events_total", {"name": "p-oom"})
check(oom is not None and oom > 3, "kills for want of memory (Podman)", oom)
events = [json.loads(line) for line in (out / "events").read_text().splitlines() if line.startswith("{")]


def event(kind, name, **details):
    return [e for e in events if e["event"] == kind and e["name"] == name
            and all(e.get(k) == v for k, v in details.items())]


for name in ("d-busy", "d-short", "d-crash", "p-busy", "p-short", "p-exit"):
    check(bool(event("create", name)), f"create of {name}")
    check(bool(event("start", name)), f"start of {name}")
# Docker removes it (--rm) so soon that its exit code may never be on disk.
check([e.get("exit_code", 0) for e in event("die", "d-short")] == [0], "the end of d-short, once",
      event("die", "d-short"))
check(len(event("die", "d-crash", exit_code=3)) == 3, "d-crash ended three times with 3", event("die", "d-crash"))
check(len(event("die", "p-exit", exit_code=7)) == 1, "the end of p-exit", event("die", "p-exit"))
check(bool(event("rename", "d-paused", old_name="d-old")), "the rename")
check(bool(event("health", "d-web", health="healthy")), "the health check")
kills = event("oom", "d-oom")
check(kills and len(kills) <= 2 + (kills[-1]["time_ms"] - kills[0]["time_ms"]) / 10_000,
      "kills are told, and not each of a flood", len(kills))
# Totals are read between the end of a container and the removal of its cgroup: not each time.
totals = [e["cpu_seconds"] for e in event("die", "d-crash") + event("die", "d-short") if "cpu_seconds" in e]
check(totals and min(totals) > 0, "totals of short lives, none of them empty", totals)
removed = [json.loads(line)["name"] for line in (out / "removed").read_text().splitlines() if line.startswith("{")]
check({"d-busy", "d-web", "d-paused", "d-short"} <= set(removed), "removals", removed)
check("d-busy" not in (out / "metrics.end").read_text(), "no series of removed containers")
check(re.search(r"d-web\s+bridge.*8099->80/tcp", (out / "networks").read_text()) is not None, "the published port")

# --- the host, beside node_exporter
low, high = exposition("before.node"), exposition("after.node")
compared = 0
counters = {line.split()[2] for line in (out / "before.node").read_text().splitlines()
            if line.startswith("# TYPE") and line.endswith(" counter")}
wrong = []
for key, now in ours.items():
    metric, labels = key
    if not metric.startswith("node_") or key not in low or key not in high:
        continue
    if metric.startswith(("node_scrape_", "node_exporter_")):
        continue
    compared += 1
    a, b = low[key], high[key]
    if metric in counters:
        ok = a - 1e-6 * abs(a) <= now <= b + 1e-6 * abs(b)
    else:
        # Gauges swing between the readings: a tenth, or 64 MiB, or 3.
        slack = 0.1 * max(abs(a), abs(b)) + (64 * MIB if metric.endswith("_bytes") else 3)
        ok = min(a, b) - slack <= now <= max(a, b) + slack
    if not ok:
        wrong.append(f"{metric}{dict(labels)} {a} {now} {b}")
check(compared > 300, "series in common with node_exporter", compared)
for line in wrong[:20]:
    print("  node:", line)
check(not wrong, f"{compared} series agree with node_exporter", f"{len(wrong)} do not")

print(f"{len(passed)} passed, {len(failed)} failed")
sys.exit(1 if failed else 0)
