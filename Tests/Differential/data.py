# SPDX-License-Identifier: Apache-2.0
"""Random series, the same for the same seed.

Two properties make the answers of two engines comparable to the last bit or nearly so:

* No sample falls on a whole second, and every boundary of a query does. So it makes no difference
  whether a window holds its left end (Prometheus 2) or not (Prometheus 3).
* Values are small multiples of 1/8, but for the metric that has NaN and infinities. Sums of them are
  exact in any order.
"""
import random

INTERVAL = 15.0
DURATION = 7200
#: Multiples of 1/8 below 2^17 need that many bits.
BITS = 20

ZONES = ["a", "b"]
ODD = ["plain", "quo\"te", "back\\slash", "new\nline", "ünïcode", "日本", "{}=,", "tab\there", "0"]


class Metric:
    """A name and what the generator of expressions needs to know of it."""

    def __init__(self, name, kind, labels, key):
        self.name = name
        self.kind = kind
        self.labels = frozenset(labels)
        #: Labels that tell the metric's series apart.
        self.key = frozenset(key)


TARGET = ("job", "instance", "zone")
METRICS = [
    Metric("diff_requests_total", "counter", TARGET + ("code",), ("instance", "code")),
    Metric("diff_cpu_seconds_total", "counter", TARGET + ("mode",), ("instance", "mode")),
    Metric("diff_memory_bytes", "gauge", TARGET, ("instance",)),
    Metric("diff_limit_bytes", "gauge", TARGET, ("instance",)),
    Metric("diff_temperature", "gauge", TARGET + ("sensor",), ("instance", "sensor")),
    Metric("diff_sparse", "gauge", TARGET, ("instance",)),
    Metric("diff_odd", "odd", TARGET + ("kind",), ("instance", "kind")),
    Metric("diff_flag", "flag", TARGET, ("instance",)),
    Metric("diff_info", "flag", TARGET + ("version", "odd"), ("instance",)),
    Metric("diff_latency_seconds_bucket", "bucket", TARGET + ("le",), ("instance", "le")),
    Metric("diff_latency_seconds_count", "counter", TARGET, ("instance",)),
    Metric("diff_latency_seconds_sum", "counter", TARGET, ("instance",)),
]
BOUNDS = ["0.005", "0.05", "0.1", "0.5", "1.0", "2.5", "+Inf"]
VALUES = {
    "job": ["api", "db"],
    "instance": [f"host-{i}:9{i}" for i in range(6)],
    "zone": ZONES,
    "code": ["200", "404", "500"],
    "mode": ["user", "system", "idle"],
    "sensor": ["t0", "t1"],
    "kind": ["nan", "inf", "mixed"],
    "version": ["1.0", "1.1", "2.0"],
    "odd": ODD,
    "le": BOUNDS,
}


def targets():
    for index, instance in enumerate(VALUES["instance"]):
        yield {"job": VALUES["job"][index % 2], "instance": instance, "zone": ZONES[index // 3]}


def times(rng, base, interval, gaps, steady):
    """Times in milliseconds, none on a whole second, with pauses of up to 15 minutes; `steady` but
    for these within 5 milliseconds, else within 2 seconds."""
    phase = rng.randint(100, 900)
    at = base + rng.uniform(0, interval)
    end = base + DURATION
    if rng.random() < 0.2:
        at += rng.uniform(0, DURATION / 2)
    if rng.random() < 0.2:
        end -= rng.uniform(0, DURATION / 2)
    last = 0
    while at < end:
        stamp = int(at) * 1000 + (phase + rng.randint(-5, 5) if steady else rng.randint(1, 999))
        if stamp > last:
            yield stamp
            last = stamp
        at += interval if steady else interval + rng.uniform(-1.9, 1.9)
        if rng.random() < gaps:
            at += rng.randint(20, 900)


def counter(rng, stamps, step):
    # Far from 0 at the start and after a pause, and steady: where a window's first sample is late
    # and near 0, Prometheus 3 extrapolates to its left in another way.
    value = float(rng.randint(2000, 6000))
    last = None
    result = []
    for stamp in stamps:
        paused = last is None or stamp - last > 20_000
        if not paused and rng.random() < 0.01:
            value = float(rng.randint(0, 3))
        else:
            value += rng.choice([0, 0, step, step * rng.randint(1, 20)])
            if paused and value < 2000:
                value += 2000.0
        result.append((stamp, value))
        last = stamp
    return result


def gauge(rng, stamps, low, high):
    value = rng.randint(low * 8, high * 8) / 8
    result = []
    for stamp in stamps:
        if rng.random() < 0.7:
            value = min(max(value + rng.randint(-200, 200) / 8, low), high)
        elif rng.random() < 0.1:
            value = rng.randint(low * 8, high * 8) / 8
        result.append((stamp, value))
    return result


def odd(rng, stamps, kind):
    pool = {
        "nan": [float("nan"), 1.0, 2.5],
        "inf": [float("inf"), 3.0, 0.0],
        "mixed": [float("nan"), float("inf"), float("-inf"), 0.0, -7.5, 1024.0],
    }[kind]
    return [(stamp, rng.choice(pool)) for stamp in stamps]


def histogram(rng, stamps):
    """Samples of each bucket, of the count and of the sum; cumulative over le."""
    counts = [0.0] * len(BOUNDS)
    total = float(rng.randint(2000, 4000))
    last = None
    for index in range(len(BOUNDS)):
        counts[index] = float(rng.randint(2000, 4000)) + (counts[index - 1] if index else 0)
    rows = []
    for stamp in stamps:
        paused = last is None or stamp - last > 20_000
        last = stamp
        if paused and total < 2000:
            counts = [count + 2000 * (i + 1) for i, count in enumerate(counts)]
            total += 2000
        elif not paused and rng.random() < 0.005:
            counts = [0.0] * len(BOUNDS)
            total = 0.0
        for _ in range(rng.randint(0, 6)):
            place = rng.randrange(len(BOUNDS))
            total += rng.randint(1, 40) / 8
            for index in range(place, len(BOUNDS)):
                counts[index] += 1
        rows.append((stamp, list(counts), total))
    return rows


def generate(seed, base):
    """A list of (labels, samples); samples are (milliseconds, value) in order of time."""
    rng = random.Random(seed)
    series = []

    def add(name, labels, samples):
        if samples:
            series.append(({"__name__": name, **labels}, samples))

    def stamps(interval=INTERVAL, gaps=0.004, steady=False):
        return list(times(rng, base, interval, gaps, steady))

    for target in targets():
        for code in VALUES["code"]:
            add("diff_requests_total", {**target, "code": code}, counter(rng, stamps(steady=True), 1))
        for mode in VALUES["mode"]:
            labels = {**target, "mode": mode}
            add("diff_cpu_seconds_total", labels, counter(rng, stamps(steady=True), 0.125))
        add("diff_memory_bytes", target, gauge(rng, stamps(), 0, 16000))
        add("diff_limit_bytes", target, gauge(rng, stamps(30), 15000, 16000))
        for sensor in VALUES["sensor"]:
            labels = {**target, "sensor": sensor}
            add("diff_temperature", labels, gauge(rng, stamps(10), -40, 90))
        add("diff_sparse", target, gauge(rng, stamps(150, 0.05), 0, 100))
        for kind in VALUES["kind"]:
            add("diff_odd", {**target, "kind": kind}, odd(rng, stamps(30), kind))
        add("diff_flag", target, [(t, float(rng.random() < 0.8)) for t in stamps()])
        info = {**target, "version": rng.choice(VALUES["version"]), "odd": rng.choice(ODD)}
        add("diff_info", info, [(t, 1.0) for t in stamps(60, 0)])
        rows = histogram(rng, stamps(steady=True))
        for index, bound in enumerate(BOUNDS):
            add("diff_latency_seconds_bucket", {**target, "le": bound},
                [(stamp, counts[index]) for stamp, counts, _ in rows])
        add("diff_latency_seconds_count", target, [(t, counts[-1]) for t, counts, _ in rows])
        add("diff_latency_seconds_sum", target, [(t, total) for t, _, total in rows])
    return series


def quoted(text):
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def write_openmetrics(series, path):
    """Writes the series as OpenMetrics; how many samples there are."""
    count = 0
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        for labels, samples in series:
            pairs = ",".join(
                f'{name}="{quoted(value)}"' for name, value in sorted(labels.items())
                if name != "__name__")
            for stamp, value in samples:
                number = "NaN" if value != value else "+Inf" if value == float("inf") \
                    else "-Inf" if value == float("-inf") else repr(value)
                file.write(f"{labels['__name__']}{{{pairs}}} {number} "
                           f"{stamp // 1000}.{stamp % 1000:03d}\n")
                count += 1
        file.write("# EOF\n")
    return count
