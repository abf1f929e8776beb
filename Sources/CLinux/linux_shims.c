/* SPDX-License-Identifier: Apache-2.0 */
#include "linux_shims.h"

int ul_pipe(int *reader, int *writer) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return -1;
    *reader = ends[0];
    *writer = ends[1];
    return 0;
}
