/* SPDX-License-Identifier: Apache-2.0
 *
 * write BYTES CHUNK: lines of 100 bytes, newline included, to stdout, CHUNK bytes at a time. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int count, char **arguments) {
    uint64_t left = count > 1 ? strtoull(arguments[1], 0, 10) : 100;
    size_t chunk = count > 2 ? strtoull(arguments[2], 0, 10) : 100;
    size_t size = chunk < 100 ? 100 : chunk - chunk % 100;
    char *bytes = malloc(size);
    for (size_t i = 0; i < size; i += 100) {
        memset(bytes + i, 'a' + (i / 100) % 26, 99);
        bytes[i + 99] = '\n';
    }
    while (left > 0) {
        size_t part = left < size ? left : size;
        for (size_t done = 0; done < part;) {
            ssize_t written = write(1, bytes + done, part - done);
            if (written <= 0) return 1;
            done += (size_t)written;
        }
        left -= part;
    }
    return 0;
}
