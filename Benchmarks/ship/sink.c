/* SPDX-License-Identifier: Apache-2.0
 *
 * sink PORT [raw]: takes HTTP/1.1 requests on loopback, answers each with 204 and throws it away;
 * with `raw` takes whatever a connection brings. Prints a line `REQUESTS BYTES LINES` whenever it
 * gets SIGUSR1: bytes and newlines of bodies. Costs as little as it can. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS 64

struct connection {
    int file;
    char head[8192];
    size_t length;      /* of the head so far */
    uint64_t remaining; /* of the body */
};

static uint64_t requests, bytes, lines;
static volatile sig_atomic_t asked;
static char buffer[1 << 20];

static void ask(int signal) {
    (void)signal;
    asked = 1;
}

static void count(const char *from, size_t length) {
    bytes += length;
    const char *end = from + length;
    while ((from = memchr(from, '\n', (size_t)(end - from)))) {
        lines++;
        if (++from == end) break;
    }
}

static void answer(struct connection *c) {
    static const char text[] = "HTTP/1.1 204 No Content\r\n"
                               "X-Prometheus-Remote-Write-Samples-Written: 1\r\n\r\n";
    requests++;
    if (write(c->file, text, sizeof text - 1) < 0) perror("write");
}

/* Takes what was read of a connection; 0 when it is no HTTP. */
static int take(struct connection *c, const char *at, size_t length) {
    while (length > 0) {
        if (c->remaining > 0) {
            size_t part = length < c->remaining ? length : (size_t)c->remaining;
            count(at, part);
            at += part;
            length -= part;
            if ((c->remaining -= part) == 0) answer(c);
            continue;
        }
        size_t room = sizeof c->head - 1 - c->length, part = length < room ? length : room;
        if (part == 0) return 0;
        memcpy(c->head + c->length, at, part);
        c->head[c->length + part] = 0;
        char *end = strstr(c->head, "\r\n\r\n");
        if (!end) {
            c->length += part;
            return length == part;
        }
        size_t used = (size_t)(end + 4 - c->head) - c->length;
        at += used;
        length -= used;
        c->length = 0;
        char *field = strcasestr(c->head, "\r\ncontent-length:");
        c->remaining = field && field < end ? strtoull(field + 17, 0, 10) : 0;
        if (c->remaining == 0) answer(c);
    }
    return 1;
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    int raw = argc > 2;
    struct sigaction action = {.sa_handler = ask};
    sigaction(SIGUSR1, &action, 0);
    signal(SIGPIPE, SIG_IGN);
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(argv[1])),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 16)) {
        perror("listen");
        return 1;
    }
    static struct connection all[CONNECTIONS];
    static struct pollfd polled[CONNECTIONS + 1];
    int open = 0;
    for (;;) {
        polled[0] = (struct pollfd){listener, open < CONNECTIONS ? POLLIN : 0, 0};
        for (int i = 0; i < open; i++) polled[i + 1] = (struct pollfd){all[i].file, POLLIN, 0};
        int ready = poll(polled, (nfds_t)open + 1, -1);
        if (asked) {
            asked = 0;
            printf("%llu %llu %llu\n", (unsigned long long)requests, (unsigned long long)bytes,
                   (unsigned long long)lines);
            fflush(stdout);
        }
        if (ready <= 0) continue;
        for (int i = open - 1; i >= 0; i--) {
            if (!polled[i + 1].revents) continue;
            ssize_t got = read(all[i].file, buffer, sizeof buffer);
            if (got > 0 && raw) count(buffer, (size_t)got);
            if (got > 0 && (raw || take(&all[i], buffer, (size_t)got))) continue;
            if (got < 0 && errno == EINTR) continue;
            close(all[i].file);
            all[i] = all[--open];
        }
        if (polled[0].revents) {
            int file = accept(listener, 0, 0);
            if (file >= 0) all[open++] = (struct connection){.file = file};
        }
    }
}
