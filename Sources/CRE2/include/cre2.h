/* SPDX-License-Identifier: Apache-2.0
 *
 * A C face for RE2: regular expressions in time linear in the input, with the syntax that
 * Prometheus and Loki document (https://github.com/google/re2/wiki/Syntax). */
#ifndef ULLAGE_CRE2_H
#define ULLAGE_CRE2_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cre2_regex cre2_regex;

/* Compiles `pattern`; `.` matches newline when `dot_newline`. Memory is capped at `max_memory`
 * bytes. Never NULL unless out of memory: ask cre2_error for the outcome. */
cre2_regex *cre2_new(const char *pattern, size_t length, bool dot_newline, bool ignore_case,
                     int64_t max_memory);
void cre2_free(cre2_regex *regex);
/* NULL when the pattern compiled, else a message that lives as long as `regex`. */
const char *cre2_error(const cre2_regex *regex);
int cre2_group_count(const cre2_regex *regex);
/* The index of a named group, or -1. */
int cre2_group_index(const cre2_regex *regex, const char *name, size_t length);
/* The name of a group, which lives as long as `regex`; NULL when it has none. */
const char *cre2_group_name(const cre2_regex *regex, int index);
/* Whether the whole of `text` matches. */
bool cre2_full_match(const cre2_regex *regex, const char *text, size_t length);
/* Whether some part of `text` matches. */
bool cre2_partial_match(const cre2_regex *regex, const char *text, size_t length);
/* Matches from `start`; `anchored` demands the whole text. Fills `count` (begin, end) pairs with
 * byte offsets of group 0, 1, ...; (-1, -1) for a group that took no part. */
bool cre2_match_groups(const cre2_regex *regex, const char *text, size_t length, size_t start,
                       bool anchored, int64_t *offsets, int count);

#ifdef __cplusplus
}
#endif
#endif
