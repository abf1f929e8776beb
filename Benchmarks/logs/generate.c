/* SPDX-License-Identifier: Apache-2.0
 *
 * generate BYTES [SEED]: writes a container's json-file of about so many bytes to stdout, and how
 * many records it has to stderr. The lines are what services write: JSON and logfmt with random
 * identifiers, access logs, prose and stack traces. One line in a million holds a needle. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t state;

static uint64_t next(void) {
    uint64_t z = (state += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

static const char *pick(const char *const *words, int count) { return words[next() % count]; }

static const char *const levels[] = {"info", "info", "info", "debug", "info", "warn", "error"};
static const char *const paths[] = {"/api/v1/orders", "/api/v1/users", "/healthz", "/static/app.js",
                                    "/login", "/api/v1/items/search", "/metrics"};
static const char *const words[] = {"cache miss for key", "retrying after timeout", "order accepted",
                                    "connection reset by peer", "job finished", "slow query"};
static const char *const trace[] = {
    "java.lang.IllegalStateException: pool exhausted",
    "\\tat com.example.db.Pool.borrow(Pool.java:117)",
    "\\tat com.example.orders.Store.load(Store.java:58)",
    "\\tat com.example.http.Handler.handle(Handler.java:203)",
    "Caused by: java.net.SocketTimeoutException: Read timed out",
    "\\t... 12 more"};

int main(int count, char **arguments) {
    uint64_t wanted = count > 1 ? strtoull(arguments[1], 0, 10) : 1000000;
    state = count > 2 ? strtoull(arguments[2], 0, 10) : 1;
    static char buffer[1 << 20];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    uint64_t written = 0, records = 0;
    int inTrace = 0;
    while (written < wanted) {
        char line[1024];
        uint64_t a = next(), b = next();
        if (inTrace) {
            snprintf(line, sizeof line, "%s", trace[6 - inTrace]);
            inTrace--;
        } else if (records % 1000003 == 500000) {
            snprintf(line, sizeof line, "needle%llx found in the haystack",
                     (unsigned long long)(0xfeed0000 + records));
        } else {
            switch (a % 20) {
            case 0 ... 7:
                snprintf(line, sizeof line,
                         "{\\\"level\\\":\\\"%s\\\",\\\"ts\\\":%llu.%03u,\\\"msg\\\":\\\"%s\\\",\\\"trace_id\\\":"
                         "\\\"%016llx\\\",\\\"user\\\":%u,\\\"took_ms\\\":%u}",
                         pick(levels, 7), 1795473000ULL + (unsigned long long)(records / 20000),
                         (unsigned)(b % 1000), pick(words, 6), (unsigned long long)b,
                         (unsigned)(a >> 20) % 50000, (unsigned)(a >> 40) % 900);
                break;
            case 8 ... 13:
                snprintf(line, sizeof line,
                         "time=2026-11-25T10:%02u:%02uZ level=%s msg=\\\"%s\\\" id=%08x dur=%u.%02ums",
                         (unsigned)(b % 60), (unsigned)(b >> 8) % 60, pick(levels, 7),
                         pick(words, 6), (unsigned)b, (unsigned)(a >> 20) % 999,
                         (unsigned)(a >> 32) % 100);
                break;
            case 14 ... 18:
                snprintf(line, sizeof line,
                         "10.%u.%u.%u - - [25/Nov/2026:10:%02u:%02u +0000] \\\"GET %s?id=%u "
                         "HTTP/1.1\\\" %u %u \\\"-\\\" \\\"curl/8.5.0\\\"",
                         (unsigned)(b & 15), (unsigned)(b >> 8) & 255, (unsigned)(b >> 16) & 255,
                         (unsigned)(b >> 24) % 60, (unsigned)(b >> 32) % 60, pick(paths, 7),
                         (unsigned)(a >> 20) % 100000, a >> 60 ? 200 : 500,
                         (unsigned)(a >> 40) % 20000);
                break;
            default:
                snprintf(line, sizeof line, "ERROR request failed: %s", pick(words, 6));
                if ((a >> 16) % 4 == 0) inTrace = 6;
            }
        }
        time_t second = 1795600000 + (time_t)(records / 20000);
        struct tm parts;
        char when[32];
        gmtime_r(&second, &parts);
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &parts);
        int length =
            printf("{\"log\":\"%s\\n\",\"stream\":\"%s\",\"time\":\"%s.%09lluZ\"}\n", line,
                   a % 10 ? "stdout" : "stderr", when,
                   (unsigned long long)(records % 20000) * 50000);
        written += (uint64_t)length;
        records++;
    }
    fprintf(stderr, "%llu\n", (unsigned long long)records);
    return 0;
}
