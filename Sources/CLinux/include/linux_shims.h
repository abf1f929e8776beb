/* SPDX-License-Identifier: Apache-2.0
 *
 * What Swift cannot call itself: variadic and returns-twice functions, system calls without a
 * glibc wrapper, and headers that are not in the Glibc module. No policy lives here. */
#ifndef ULLAGE_LINUX_SHIMS_H
#define ULLAGE_LINUX_SHIMS_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <sys/types.h>
#include <sys/vfs.h>
#include <unistd.h>

/* errno of the last failed call: a function, because the macro does not import. */
static inline int ul_errno(void) { return errno; }
/* open(2) and openat(2) are variadic. */
static inline int ul_open(const char *path, int flags, mode_t mode) {
    return open(path, flags, mode);
}
static inline int ul_openat(int directory, const char *path, int flags, mode_t mode) {
    return openat(directory, path, flags, mode);
}

/* openat2(2) has no wrapper. Opens `path` below `directory` for reading: no symbolic link is
 * followed, nothing outside is reached, and a FIFO does not block. */
static inline int ul_open_beneath(int directory, const char *path) {
    struct open_how how = {0};
    how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

/* Both ends closed on exec. */
int ul_pipe(int *reader, int *writer);

static inline int ul_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }
static inline int ul_pidfd_send_signal(int pidfd, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

/* Lets the calling thread read disks only when nobody else wants to (ioprio_set(2): process, class
 * idle). Schedulers that know no classes ignore it. */
static inline void ul_read_when_idle(void) { syscall(SYS_ioprio_set, 1, 0, 3 << 13); }

#endif
