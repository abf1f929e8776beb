/* SPDX-License-Identifier: Apache-2.0
 *
 * CRC-32C by the processor's own instruction (SSE 4.2), which Swift cannot emit. */
#ifndef ULLAGE_CRC32C_SHIMS_H
#define ULLAGE_CRC32C_SHIMS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
static inline bool ul_has_crc32c(void) { return __builtin_cpu_supports("sse4.2"); }
__attribute__((target("sse4.2"))) static inline uint32_t ul_crc32c(const void *bytes,
                                                                   size_t count) {
    const uint8_t *at = (const uint8_t *)bytes;
    uint64_t value = 0xffffffffu;
    for (; count >= 8; count -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        value = __builtin_ia32_crc32di(value, word);
    }
    for (; count > 0; count--, at++) value = __builtin_ia32_crc32qi((uint32_t)value, *at);
    return ~(uint32_t)value;
}
#else
static inline bool ul_has_crc32c(void) { return false; }
static inline uint32_t ul_crc32c(const void *bytes, size_t count) {
    (void)bytes;
    (void)count;
    return 0;
}
#endif

#endif
