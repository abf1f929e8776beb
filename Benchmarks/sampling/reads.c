// SPDX-License-Identifier: Apache-2.0
//
// reads LIST TICKS: the bare reads that sampling needs, for comparison: of each container (a line
// `CGROUP PID` of LIST) the files that change, through descriptors that are kept, at each tick; what
// changes seldom opened, read and closed every tenth tick, and limits every sixtieth. The containers are
// idle: memory.stat is read every tenth tick, and of what changes seldom only what does so without them, the
// rest with the limits. Nothing is parsed.
// Prints the processor time of it for each container and tick, in microseconds.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *always2[] = {"cpu.stat", "memory.current", "memory.events",
    "memory.swap.current", "pids.current", "io.stat", "cpu.pressure", "memory.pressure", "io.pressure", 0};
static const char *seldom2[] = {"memory.zswap.current", "cgroup.stat", "cgroup.events", "cgroup.stat.local", 0};
static const char *limits2[] = {"memory.peak", "memory.swap.peak", "memory.swap.events",
    "memory.events.local", "cpu.stat.local", "pids.peak", "pids.events", "pids.events.local", "irq.pressure",
    "rdma.current", "misc.current", "dmem.current", "hugetlb.2MB.current", "hugetlb.2MB.events",
    "hugetlb.1GB.current", "hugetlb.1GB.events", "memory.max", "pids.max", "cpu.max", "memory.high", "memory.low",
    "memory.min", "memory.swap.max", "memory.zswap.max", "memory.oom.group", "cpu.weight", "cpu.idle",
    "cpu.max.burst", "cpuset.cpus.effective", "cpuset.mems.effective", "misc.max", "hugetlb.2MB.max",
    "hugetlb.1GB.max", 0};
static const struct { const char *controller, *file; int limit; } legacy[] = {
    {"cpu", "cpu.stat", 0}, {"cpu", "cpu.cfs_quota_us", 1}, {"cpu", "cpu.cfs_period_us", 1},
    {"memory", "memory.usage_in_bytes", 0}, {"memory", "memory.stat", 0},
    {"memory", "memory.max_usage_in_bytes", 0}, {"memory", "memory.oom_control", 0},
    {"memory", "memory.limit_in_bytes", 1}, {"pids", "pids.current", 0}, {"pids", "pids.max", 1},
    {"blkio", "blkio.throttle.io_service_bytes_recursive", 0},
    {"blkio", "blkio.throttle.io_serviced_recursive", 0}, {0, 0, 0}};

struct container { int v2, memory[2], memories, kept[24], count, v1[8]; const char *limit1[8]; int limits; };

static char buffer[65536];

static int directory(const char *format, const char *a, const char *b) {
    char path[4096];
    snprintf(path, sizeof path, format, a, b);
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static long once(int at, const char *name) {
    int file = openat(at, name, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    ssize_t got = pread(file, buffer, 8192, 0);
    close(file);
    return got >= 0;
}

int main(int argc, char **argv) {
    if (argc != 3) return 64;
    struct rlimit files = {1 << 20, 1 << 20};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    const char *mount = access("/sys/fs/cgroup/cgroup.controllers", F_OK) ? "/sys/fs/cgroup/unified" : "/sys/fs/cgroup";
    int ticks = atoi(argv[2]), count = 0;
    struct container *all = calloc(20000, sizeof *all);
    FILE *list = fopen(argv[1], "r");
    char group[2048], process[64], own[64], other[64], path[4096];
    if (!list) return 66;
    ssize_t length = readlink("/proc/self/ns/net", own, sizeof own - 1);
    own[length > 0 ? length : 0] = 0;
    while (count < 20000 && fscanf(list, "%2047s %63s", group, process) == 2) {
        struct container *one = &all[count++];
        one->v2 = directory("%s%s", mount, group);
        for (const char **name = always2; *name; name++) {
            int file = openat(one->v2, *name, O_RDONLY | O_CLOEXEC);
            if (file >= 0) one->kept[one->count++] = file;
        }
        int stat2 = openat(one->v2, "memory.stat", O_RDONLY | O_CLOEXEC);
        if (stat2 >= 0) one->memory[one->memories++] = stat2;
        for (int i = 0; legacy[i].file; i++) {
            struct stat status;
            snprintf(path, sizeof path, "/sys/fs/cgroup/%s", legacy[i].controller);
            if (stat(path, &status)) continue;
            int at = directory("/sys/fs/cgroup/%s%s", legacy[i].controller, group);
            if (legacy[i].limit) { one->v1[one->limits] = at; one->limit1[one->limits++] = legacy[i].file; continue; }
            int file = openat(at, legacy[i].file, O_RDONLY | O_CLOEXEC);
            if (file >= 0 && !strcmp(legacy[i].file, "memory.stat")) one->memory[one->memories++] = file;
            else if (file >= 0) one->kept[one->count++] = file;
            close(at);
        }
        snprintf(path, sizeof path, "/proc/%s/ns/net", process);
        length = readlink(path, other, sizeof other - 1);
        other[length > 0 ? length : 0] = 0;
        if (length > 0 && strcmp(own, other)) {
            snprintf(path, sizeof path, "/proc/%s/net/dev", process);
            one->kept[one->count++] = open(path, O_RDONLY | O_CLOEXEC);
        }
    }
    long reads = 0;
    double total = 0;
    int measured = 0;
    for (int tick = 0; tick < ticks; tick++) {
        struct timespec from, to;
        long before = reads;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
        for (int i = 0; i < count; i++) {
            struct container *one = &all[i];
            for (int k = 0; k < one->count; k++) reads += pread(one->kept[k], buffer, 8192, 0) >= 0;
            for (int k = 0; k < one->memories && (tick + i) % 10 == 0; k++)
                reads += pread(one->memory[k], buffer, 8192, 0) >= 0;
            if ((tick + i) % 10 == 0)
                for (const char **name = seldom2; *name; name++) reads += once(one->v2, *name);
            if ((tick + i) % 60 == 0) {
                for (const char **name = limits2; *name; name++) reads += once(one->v2, *name);
                for (int k = 0; k < one->limits; k++) reads += once(one->v1[k], one->limit1[k]);
            }
        }
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
        if (tick < ticks / 2) { reads = before; continue; }
        total += (to.tv_sec - from.tv_sec) * 1e6 + (to.tv_nsec - from.tv_nsec) / 1e3;
        measured++;
    }
    printf("containers %d\nreads_per_container %.2f\nreads_us_per_container %.2f\n", count,
        (double)reads / measured / count, total / measured / count);
    return 0;
}
