/* SPDX-License-Identifier: Apache-2.0
 *
 * What starting a container needs beyond linux_shims.h: namespaces, mounts, capabilities, seccomp.
 * The shim is Embedded Swift and has no Glibc module, so everything it calls is declared here. Only
 * it sees this file: to the other targets these types come from Glibc, and the compiler wants a
 * type to belong to one module. */
#ifdef ULLAGE_SHIM
#ifndef ULLAGE_CONTAINER_SHIMS_H
#define ULLAGE_CONTAINER_SHIMS_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The arguments of the process, for programs without `CommandLine`. */
int ul_argc(void);
char **ul_argv(void);

/* clone3(2) as fork: returns 0 in the child, on a copy of the caller's stack. Only for processes
 * with one thread. */
pid_t ul_clone3(uint64_t flags, int exit_signal);

/* pipe2, socketpair with O_CLOEXEC; 0 or -1. */
int ul_socketpair(int *one, int *other);

/* fcntl(2) with a number is variadic; errno is a macro. */
int ul_fcntl(int descriptor, int command, int argument);
static inline void ul_set_errno(int value) { errno = value; }

/* System calls without a glibc wrapper everywhere. */
static inline int ul_pivot_root(const char *new_root, const char *put_old) {
    return (int)syscall(SYS_pivot_root, new_root, put_old);
}
static inline int ul_close_range(unsigned first, unsigned last, unsigned flags) {
    return (int)syscall(SYS_close_range, first, last, flags);
}
static inline int ul_open_tree(const char *path, unsigned flags) {
    return (int)syscall(SYS_open_tree, AT_FDCWD, path, flags);
}
static inline int ul_move_mount(int tree, const char *target) {
    return (int)syscall(SYS_move_mount, tree, "", AT_FDCWD, target, 4 /* F_EMPTY_PATH */);
}
/* Makes the detached mount `tree` show its files' owners through the user namespace. */
int ul_idmap_tree(int tree, int user_namespace);

/* Drops every capability outside `mask` from the bounding, permitted and effective sets. */
int ul_limit_capabilities(uint64_t mask);
int ul_no_new_privileges(void);
/* Installs the deny list: EPERM for what a container has no business calling. */
int ul_install_seccomp(void);

/* `lo` up in this network namespace. */
int ul_loopback_up(void);

/* A connected datagram socket whose sends give up after a time, or -1. */
int ul_datagram_socket(const char *path, int timeout_seconds);
/* Sends one descriptor and no bytes; 0 or -1. */
int ul_send_descriptor(int socket, int descriptor);
/* A memory file that nobody can change any more once it is sealed. */
static inline int ul_memory_file(void) {
    return memfd_create("journal-entry", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}
static inline int ul_seal(int descriptor) {
    return fcntl(descriptor, F_ADD_SEALS,
                 F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
}
static inline int ul_is_regular(mode_t mode) { return S_ISREG(mode); }
/* Ends this process when its parent ends. */
static inline int ul_die_with_parent(void) { return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); }
/* fork(2), which Swift hides. Only what a fork of a threaded process may do may follow. */
static inline pid_t ul_fork(void) { return fork(); }

/* Adds to a count that another thread adds to and other processes read. */
static inline void ul_add(uint64_t *count, uint64_t more) {
    __atomic_fetch_add(count, more, __ATOMIC_RELAXED);
}

static inline void ul_store(uint64_t *count, uint64_t value) {
    __atomic_store_n(count, value, __ATOMIC_SEQ_CST);
}

/* A file mapped shared, or NULL. */
void *ul_map_shared(int descriptor, size_t length);

/* The wait status' parts; macros do not import. */
static inline int ul_exit_code(int status) {
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
/* Waits for children whatever signal they end with, as those of clone3 may end with none. */
static inline int ul_wait_all(void) { return __WALL; }
/* Blocks SIGCHLD and SIGUSR1 and gives a descriptor that tells of them; ignores the signals that
 * would end a shim by accident. */
int ul_child_events(void);
/* Undoes that for the process that will become the container. */
void ul_default_signals(void);

enum {
    UL_NEW_NAMESPACES = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                        CLONE_NEWCGROUP,
    UL_NEW_USER = CLONE_NEWUSER,
    UL_NEW_MOUNTS = CLONE_NEWNS,
    UL_PARENT = CLONE_PARENT,
};

#endif
#endif
