// SPDX-License-Identifier: Apache-2.0
//
// Counts allocations and reads of the thread that asks, for sampling-bench:
//   cc -O2 -shared -fPIC -o interpose.so interpose.c -ldl; LD_PRELOAD=./interpose.so sampling-bench ...
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <sys/types.h>

static __thread long allocations, reads;

long ullage_bench_allocations(void) { return allocations; }
long ullage_bench_reads(void) { return reads; }

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

void *malloc(size_t size) { allocations++; return __libc_malloc(size); }
void *calloc(size_t count, size_t size) { allocations++; return __libc_calloc(count, size); }
void *realloc(void *old, size_t size) { allocations++; return __libc_realloc(old, size); }
void *aligned_alloc(size_t alignment, size_t size) { allocations++; return __libc_memalign(alignment, size); }
int posix_memalign(void **out, size_t alignment, size_t size) {
    allocations++;
    *out = __libc_memalign(alignment, size);
    return *out ? 0 : 12;
}

static ssize_t (*next_pread)(int, void *, size_t, off_t);
ssize_t pread(int file, void *into, size_t size, off_t at) {
    if (!next_pread) next_pread = dlsym(RTLD_NEXT, "pread");
    reads++;
    return next_pread(file, into, size, at);
}
ssize_t pread64(int file, void *into, size_t size, off64_t at) { return pread(file, into, size, at); }
