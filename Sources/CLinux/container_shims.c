/* SPDX-License-Identifier: Apache-2.0 */
#define ULLAGE_SHIM
#include "container_shims.h"

#include <linux/capability.h>
#include <stddef.h>
#include <sys/signalfd.h>

static int saved_argc;
static char **saved_argv;
__attribute__((constructor)) static void save_arguments(int argc, char **argv) {
    saved_argc = argc;
    saved_argv = argv;
}
int ul_argc(void) { return saved_argc; }
char **ul_argv(void) { return saved_argv; }

pid_t ul_clone3(uint64_t flags, int exit_signal) {
    struct clone_args arguments = {.flags = flags, .exit_signal = (uint64_t)exit_signal};
    return (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
}

int ul_socketpair(int *one, int *other) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) return -1;
    *one = ends[0];
    *other = ends[1];
    return 0;
}

int ul_fcntl(int descriptor, int command, int argument) {
    return fcntl(descriptor, command, argument);
}

int ul_idmap_tree(int tree, int user_namespace) {
    /* struct mount_attr; <linux/mount.h> clashes with <sys/mount.h>. */
    struct {
        uint64_t set, clear, propagation, user_namespace;
    } attributes = {.set = 0x100000 /* MOUNT_ATTR_IDMAP */,
                    .user_namespace = (uint64_t)user_namespace};
    return (int)syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes);
}

int ul_limit_capabilities(uint64_t mask) {
    for (int capability = 0; capability < 64; capability++) {
        if (mask & (1ULL << capability)) continue;
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0 && errno == EINVAL) break;
    }
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct data[2] = {
        {.effective = (uint32_t)mask, .permitted = (uint32_t)mask},
        {.effective = (uint32_t)(mask >> 32), .permitted = (uint32_t)(mask >> 32)},
    };
    return (int)syscall(SYS_capset, &header, data);
}

int ul_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }

/* What Docker's default profile withholds from a container without extra capabilities. */
static const int denied[] = {
    __NR_acct, __NR_add_key, __NR_bpf, __NR_clock_adjtime, __NR_clock_settime, __NR_delete_module,
    __NR_finit_module, __NR_fsconfig, __NR_fsmount, __NR_fsopen, __NR_fspick, __NR_init_module,
    __NR_io_uring_enter, __NR_io_uring_register, __NR_io_uring_setup, __NR_kcmp,
    __NR_kexec_file_load, __NR_kexec_load, __NR_keyctl, __NR_lookup_dcookie, __NR_mount,
    __NR_mount_setattr, __NR_move_mount, __NR_nfsservctl, __NR_open_by_handle_at, __NR_open_tree,
    __NR_perf_event_open, __NR_pivot_root, __NR_process_vm_readv, __NR_process_vm_writev,
    __NR_ptrace, __NR_quotactl, __NR_reboot, __NR_request_key, __NR_setns, __NR_settimeofday,
    __NR_swapoff, __NR_swapon, __NR_syslog, __NR_umount2, __NR_unshare, __NR_userfaultfd,
    __NR_vhangup,
};

#if defined(__x86_64__)
#define NATIVE_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "the seccomp filter knows x86-64 and arm64"
#endif

#define NEW_NAMESPACE_FLAGS                                                                    \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |             \
     CLONE_NEWPID | CLONE_NEWNET)

int ul_install_seccomp(void) {
    enum { count = sizeof denied / sizeof denied[0] };
    struct sock_filter program[count + 18];
    unsigned n = 0;
#define EMIT(code, k, jt, jf) program[n++] = (struct sock_filter){code, jt, jf, k}
    EMIT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
    EMIT(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCHITECTURE, 1, 0);
    EMIT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
    EMIT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
#if defined(__x86_64__)
    /* Numbers of the x32 interface would pass the list below under another name. */
    EMIT(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1);
    EMIT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS, 0, 0);
#endif
    /* New namespaces would give back what was taken; clone3's flags cannot be looked at, and
     * glibc falls back on clone when it is told that clone3 does not exist. */
    EMIT(BPF_JMP | BPF_JEQ | BPF_K, __NR_clone3, 0, 1);
    EMIT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS, 0, 0);
    EMIT(BPF_JMP | BPF_JEQ | BPF_K, __NR_clone, 0, 4);
    EMIT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args), 0, 0);
    EMIT(BPF_JMP | BPF_JSET | BPF_K, NEW_NAMESPACE_FLAGS, 0, 1);
    EMIT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM, 0, 0);
    EMIT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
    for (unsigned i = 0; i < count; i++)
        EMIT(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)denied[i], (uint8_t)(count - i), 0);
    EMIT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
    EMIT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM, 0, 0);
#undef EMIT
    struct sock_fprog filter = {.len = (unsigned short)n, .filter = program};
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter);
}

int ul_loopback_up(void) {
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s < 0) return -1;
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int result = ioctl(s, SIOCSIFFLAGS, &request);
    close(s);
    return result;
}

void *ul_map_shared(int descriptor, size_t length) {
    void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

int ul_child_events(void) {
    const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGUSR2};
    for (unsigned i = 0; i < sizeof ignored / sizeof ignored[0]; i++) signal(ignored[i], SIG_IGN);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGUSR1);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

void ul_default_signals(void) {
    for (int number = 1; number < 32; number++) signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

int ul_send_descriptor(int socket, int descriptor) {
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr message = {.msg_control = &control, .msg_controllen = sizeof control.space};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

int ul_datagram_socket(const char *path, int timeout_seconds) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, length + 1);
    int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s < 0) return -1;
    int room = 8 << 20;
    if (setsockopt(s, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) < 0)
        setsockopt(s, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    struct timeval patience = {.tv_sec = timeout_seconds};
    setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(s, (struct sockaddr *)&address, sizeof address) < 0) {
        int error = errno;
        close(s);
        errno = error;
        return -1;
    }
    return s;
}
