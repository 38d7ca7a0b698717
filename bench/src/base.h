/* What the mock upstream and the load generator share: the clock, the stamp inside a chunk, socket options. */
#ifndef BENCH_BASE_H
#define BENCH_BASE_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

/* The mock writes the monotonic clock, in nanoseconds, into each chunk as "@" and 16 digits. Both programs run on one
 * machine, so the difference to the reader's clock is the exact one-way delay through the gateway. */
#define STAMP_FORMAT "@%016llu "
#define STAMP_DIGITS 16

#define NS_PER_MS 1000000.0
#define NS_PER_S 1000000000ull

static inline uint64_t monotonic_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Without it a small chunk may wait 40 ms for the peer's delayed acknowledgement. */
static inline void send_at_once(int fd) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static inline void raise_open_file_limit(void) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static inline void *resized(void *block, size_t bytes) {
    void *grown = realloc(block, bytes);
    if (!grown) {
        perror("out of memory");
        exit(1);
    }
    return grown;
}

#endif
