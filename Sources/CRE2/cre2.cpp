// SPDX-License-Identifier: Apache-2.0
#include "cre2.h"

#include <re2/re2.h>

#include <new>
#include <vector>

struct cre2_regex {
    RE2 re;
    std::string error;
    cre2_regex(re2::StringPiece pattern, const RE2::Options &options) : re(pattern, options) {
        if (!re.ok()) error = re.error();
    }
};

extern "C" {

cre2_regex *cre2_new(const char *pattern, size_t length, bool dot_newline, bool ignore_case,
                     int64_t max_memory) {
    RE2::Options options;
    options.set_log_errors(false);
    options.set_dot_nl(dot_newline);
    options.set_case_sensitive(!ignore_case);
    options.set_max_mem(max_memory);
    return new (std::nothrow) cre2_regex(re2::StringPiece(pattern, length), options);
}

void cre2_free(cre2_regex *regex) { delete regex; }

const char *cre2_error(const cre2_regex *regex) {
    return regex->re.ok() ? nullptr : regex->error.c_str();
}

int cre2_group_count(const cre2_regex *regex) { return regex->re.NumberOfCapturingGroups(); }

int cre2_group_index(const cre2_regex *regex, const char *name, size_t length) {
    const auto &groups = regex->re.NamedCapturingGroups();
    auto found = groups.find(std::string(name, length));
    return found == groups.end() ? -1 : found->second;
}

const char *cre2_group_name(const cre2_regex *regex, int index) {
    const auto &names = regex->re.CapturingGroupNames();
    auto found = names.find(index);
    return found == names.end() ? nullptr : found->second.c_str();
}

bool cre2_full_match(const cre2_regex *regex, const char *text, size_t length) {
    return regex->re.Match(re2::StringPiece(text, length), 0, length, RE2::ANCHOR_BOTH, nullptr, 0);
}

bool cre2_partial_match(const cre2_regex *regex, const char *text, size_t length) {
    return regex->re.Match(re2::StringPiece(text, length), 0, length, RE2::UNANCHORED, nullptr, 0);
}

bool cre2_match_groups(const cre2_regex *regex, const char *text, size_t length, size_t start,
                       bool anchored, int64_t *offsets, int count) {
    std::vector<re2::StringPiece> groups(count);
    auto anchor = anchored ? RE2::ANCHOR_BOTH : RE2::UNANCHORED;
    if (!regex->re.Match(re2::StringPiece(text, length), start, length, anchor, groups.data(),
                         count))
        return false;
    for (int i = 0; i < count; i++) {
        bool took_part = groups[i].data() != nullptr;
        offsets[2 * i] = took_part ? groups[i].data() - text : -1;
        offsets[2 * i + 1] = took_part ? offsets[2 * i] + (int64_t)groups[i].size() : -1;
    }
    return true;
}
}
