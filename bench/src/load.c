/* Load generator for OpenAI-style chat completions over plain HTTP with keep-alive: one process, one epoll loop.
 *
 * Usage: load -u http://127.0.0.1:8000/v1 -m MODEL -k KEY [-H 'name: value']... and one of
 *     -c CONNECTIONS -d SECONDS               closed loop: each connection asks again as soon as it is answered
 *     -c CONNECTIONS -d SECONDS -r PER_SECOND fixed rate: latency counts from the scheduled instant, so a slow answer
 *                                             also counts against the requests that had to wait behind it
 *     -s -c STREAMS -n TOTAL [-t SECONDS]     streams, STREAMS at a time; those still open after SECONDS are cut
 * Further: -w SECONDS of warm-up before the figures count; -b BYTES pads the body to that size; -f FILE sends that body;
 * -g PATH asks with GET for that path below the URL instead.
 *
 * Prints one JSON object. "answered" counts every finished request, warm-up included, so that it matches the CPU time
 * of the gateway over the whole run; rates and latencies count the window after the warm-up only. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base.h"
#include "series.h"

enum {
    MAX_EVENTS = 512,
    MAX_HEAD = 16384,
    MAX_BODY = 16 << 20,
    MAX_CONNECT_ERRORS = 2000,
    READ_BYTES = 256 << 10,
    TAIL_BYTES = 24, /* longer than a stamp or the end mark, so neither is missed where two reads meet */
    PATIENCE_S = 6,  /* how long answers may still arrive after the window */
};

typedef enum { CONNECTING, IDLE, SENDING, READING_HEAD, READING_BODY, CLOSED } State;

/* Where the decoder of "transfer-encoding: chunked" stands. */
typedef enum { SIZE, EXTENSION, PAYLOAD, PAYLOAD_END, TRAILER } Part;

typedef struct {
    int fd;
    State state;
    size_t request_sent;
    uint64_t scheduled;
    uint64_t sent_at;
    /* the answer */
    int status;
    bool is_chunked;
    bool closes;
    bool trailer_line_used;
    long body_left; /* -1: until the connection closes */
    Part part;
    size_t part_left;
    char head[MAX_HEAD + 1];
    size_t head_length;
    /* the stream inside the answer */
    long stamps;
    bool end_seen;
    char tail[TAIL_BYTES];
    size_t tail_length;
} Connection;

static struct {
    const char *url, *model, *key, *body_file, *get_path;
    char extra_headers[4096];
    int connections;
    bool streaming;
    long total_streams;
    double seconds, warm_up_s, per_second, limit_s;
    size_t body_bytes;
} options = {.url = "http://127.0.0.1:9100/v1", .model = "mock", .key = "", .connections = 1, .seconds = 2, .limit_s = 60};

static struct {
    long answered, ok, bad, errors, incomplete, started, active, chunks, scheduled;
    long by_status[600];
    char sample[300]; /* begin of the first answer that was not 2xx */
} counts;

static Series latency_ms, first_chunk_ms, chunk_delay_ms;
static uint64_t window_start, window_end;
static bool stopping;
static struct sockaddr_in gateway;
static char *request;
static size_t request_length;
static int epoll_fd;
static Connection *connections;

/* fixed rate: connections that wait for a request, and instants that wait for a connection (a ring) */
static Connection **idle;
static int idle_count;
static uint64_t *backlog;
static long backlog_first, backlog_end;
enum { BACKLOG_SIZE = 1 << 20 };

static double ms_between(uint64_t from, uint64_t to) { return (double)((int64_t)(to - from)) / NS_PER_MS; }

/* ---- sending ---- */

static void watch(Connection *c, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = c};
    epoll_ctl(epoll_fd, operation, c->fd, &event);
}

static void open_connection(Connection *c) {
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    c->state = CONNECTING;
    send_at_once(c->fd);
    connect(c->fd, (struct sockaddr *)&gateway, sizeof gateway);
    watch(c, EPOLL_CTL_ADD, EPOLLOUT | EPOLLIN);
}

/* Send the rest of the request; a large one may need several turns. A failed send shows as a failed read later. */
static void continue_request(Connection *c) {
    while (c->request_sent < request_length) {
        ssize_t sent = send(c->fd, request + c->request_sent, request_length - c->request_sent, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            if (c->state != SENDING) watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
            c->state = SENDING;
            return;
        }
        if (sent < 0) break;
        c->request_sent += (size_t)sent;
    }
    if (c->state == SENDING) watch(c, EPOLL_CTL_MOD, EPOLLIN);
    c->state = READING_HEAD;
}

static void start_request(Connection *c, uint64_t scheduled) {
    c->state = READING_HEAD;
    c->request_sent = 0;
    c->head_length = 0;
    c->tail_length = 0;
    c->stamps = 0;
    c->end_seen = false;
    c->sent_at = monotonic_ns();
    c->scheduled = scheduled ? scheduled : c->sent_at;
    counts.started++;
    counts.active++;
    continue_request(c);
}

/* The connection is free: give it its next request, if there is one. */
static void next_request(Connection *c) {
    c->state = IDLE;
    if (stopping) return;
    if (options.per_second > 0) {
        if (backlog_first < backlog_end)
            start_request(c, backlog[backlog_first++ % BACKLOG_SIZE]);
        else
            idle[idle_count++] = c;
    } else if (!options.streaming || counts.started < options.total_streams) {
        start_request(c, 0);
    }
}

static void schedule_until(uint64_t now, uint64_t *next) {
    while (*next <= now) {
        if (idle_count)
            start_request(idle[--idle_count], *next);
        else
            backlog[backlog_end++ % BACKLOG_SIZE] = *next;
        counts.scheduled++;
        *next += (uint64_t)(1e9 / options.per_second);
    }
}

/* ---- receiving ---- */

static void reconnect(Connection *c) {
    for (int i = 0; i < idle_count; i++) {
        if (idle[i] != c) continue;
        idle[i] = idle[--idle_count];
        break;
    }
    close(c->fd);
    c->state = CLOSED;
    if (!stopping) open_connection(c);
}

static void finish_answer(Connection *c, bool whole) {
    uint64_t now = monotonic_ns();
    counts.active--;
    counts.answered++;
    if (c->status > 0 && c->status < 600) counts.by_status[c->status]++;
    if (options.streaming && whole && !c->end_seen) {
        whole = false;
        counts.incomplete++;
    }
    bool closed_loop = options.per_second <= 0 && !options.streaming;
    bool counted = closed_loop ? now >= window_start && now <= window_end : c->sent_at >= window_start;
    if (!counted) return;
    if (whole && c->status / 100 == 2) {
        counts.ok++;
        record(&latency_ms, ms_between(c->scheduled, now));
    } else {
        counts.bad++;
    }
}

static void fail(Connection *c) {
    counts.errors++;
    if (c->state == READING_HEAD || c->state == READING_BODY || c->state == SENDING) finish_answer(c, false);
    reconnect(c);
}

static void complete(Connection *c) {
    finish_answer(c, true);
    if (c->closes)
        reconnect(c);
    else
        next_request(c);
}

static bool is_stamp(const char *bytes) {
    if (*bytes != '@') return false;
    for (int i = 1; i <= STAMP_DIGITS; i++)
        if (bytes[i] < '0' || bytes[i] > '9') return false;
    return true;
}

/* Look for stamps and the end mark; what may be the begin of one is kept for the next read. */
static void scan_events(Connection *c, const char *bytes, size_t length) {
    static char text[TAIL_BYTES + READ_BYTES];
    memcpy(text, c->tail, c->tail_length);
    memcpy(text + c->tail_length, bytes, length);
    length += c->tail_length;
    uint64_t now = monotonic_ns();
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '@' && i + STAMP_DIGITS < length && is_stamp(text + i)) {
            record(&chunk_delay_ms, ms_between(strtoull(text + i + 1, NULL, 10), now));
            if (!c->stamps++) record(&first_chunk_ms, ms_between(c->sent_at, now));
            counts.chunks++;
            i += STAMP_DIGITS;
            used = i + 1;
        } else if (text[i] == '[' && i + 6 <= length && !memcmp(text + i, "[DONE]", 6)) {
            c->end_seen = true;
            used = i + 6;
        }
    }
    c->tail_length = length - used < TAIL_BYTES ? length - used : TAIL_BYTES;
    memmove(c->tail, text + length - c->tail_length, c->tail_length);
}

static int hex_value(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    digit |= 32;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Decode chunked transfer. True: the answer is complete. */
static bool read_chunked(Connection *c, const char *bytes, size_t length) {
    const char *end = bytes + length;
    while (bytes < end) {
        if (c->part == PAYLOAD) {
            size_t taken = (size_t)(end - bytes) < c->part_left ? (size_t)(end - bytes) : c->part_left;
            if (options.streaming) scan_events(c, bytes, taken);
            bytes += taken;
            c->part_left -= taken;
            if (!c->part_left) c->part = PAYLOAD_END;
            continue;
        }
        char byte = *bytes++;
        bool line_ends = byte == '\n';
        switch (c->part) {
            case SIZE:
                if (hex_value(byte) >= 0) c->part_left = c->part_left * 16 + (size_t)hex_value(byte);
                if (byte == ';') c->part = EXTENSION;
                /* fall through */
            case EXTENSION:
                if (line_ends) c->part = c->part_left ? PAYLOAD : TRAILER;
                c->trailer_line_used = false;
                break;
            case PAYLOAD_END:
                if (line_ends) c->part = SIZE;
                break;
            case TRAILER: /* ends with an empty line */
                if (line_ends && !c->trailer_line_used) return true;
                c->trailer_line_used = !line_ends && (byte != '\r' || c->trailer_line_used);
                break;
            case PAYLOAD: break;
        }
    }
    return false;
}

/* True: the answer is complete. */
static bool read_body(Connection *c, const char *bytes, size_t length) {
    if (c->is_chunked) return read_chunked(c, bytes, length);
    if (options.streaming) scan_events(c, bytes, length);
    if (c->body_left < 0) return false;
    c->body_left -= (long)length;
    return c->body_left <= 0;
}

static void parse_head(Connection *c, const char *head_end) {
    c->status = atoi(c->head + 9);
    c->is_chunked = false;
    c->closes = false;
    c->body_left = -1;
    c->part = SIZE;
    c->part_left = 0;
    for (const char *line = strchr(c->head, '\n'); line && line < head_end; line = strchr(line, '\n')) {
        line++;
        const char *value = strchr(line, ':');
        if (!value) break;
        do value++;
        while (*value == ' ');
        if (!strncasecmp(line, "content-length:", 15)) c->body_left = atol(value);
        if (!strncasecmp(line, "transfer-encoding:", 18)) c->is_chunked = !strncasecmp(value, "chunked", 7);
        if (!strncasecmp(line, "connection:", 11)) c->closes = !strncasecmp(value, "close", 5);
    }
}

/* Take the head out of what was received. Returns how many bytes belonged to it; the state tells whether it ended. */
static size_t read_head(Connection *c, const char *bytes, size_t length) {
    size_t before = c->head_length;
    size_t taken = length < MAX_HEAD - before ? length : MAX_HEAD - before;
    memcpy(c->head + before, bytes, taken);
    c->head_length += taken;
    c->head[c->head_length] = 0;
    char *end = strstr(c->head, "\r\n\r\n");
    if (!end) return taken;
    parse_head(c, end);
    c->state = READING_BODY;
    size_t rest = (size_t)(end + 4 - c->head) - before;
    if (c->status / 100 != 2 && !counts.sample[0])
        snprintf(counts.sample, sizeof counts.sample, "%.*s", (int)(length - rest), bytes + rest);
    return rest;
}

static void receive(Connection *c) {
    static char buffer[READ_BYTES];
    for (;;) {
        ssize_t got = recv(c->fd, buffer, sizeof buffer, 0);
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) {
            bool ended_by_close = got == 0 && c->state == READING_BODY && c->body_left < 0 && !c->is_chunked;
            if (ended_by_close) {
                finish_answer(c, true);
                reconnect(c);
            } else if (c->state == IDLE) {
                reconnect(c);
            } else {
                fail(c);
            }
            return;
        }
        const char *bytes = buffer;
        size_t length = (size_t)got;
        if (c->state == SENDING) c->state = READING_HEAD; /* answered before it read all: an error answer */
        if (c->state == READING_HEAD) {
            size_t taken = read_head(c, bytes, length);
            bytes += taken;
            length -= taken;
            if (c->state == READING_HEAD && c->head_length == MAX_HEAD) {
                fail(c);
                return;
            }
        }
        bool empty = c->state == READING_BODY && c->body_left == 0 && !c->is_chunked;
        if (empty || (c->state == READING_BODY && length && read_body(c, bytes, length))) {
            complete(c);
            return;
        }
        if ((size_t)got < sizeof buffer) return;
    }
}

static void on_event(Connection *c, uint32_t events) {
    if (c->state == CONNECTING) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error || (events & (EPOLLERR | EPOLLHUP))) {
            if (counts.errors > MAX_CONNECT_ERRORS) stopping = true;
            fail(c);
            return;
        }
        watch(c, EPOLL_CTL_MOD, EPOLLIN);
        next_request(c);
        return;
    }
    if (c->state == SENDING && (events & EPOLLOUT)) continue_request(c);
    if (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) receive(c);
}

/* ---- the request ---- */

/* Write one body of the usual shape. A prompt is padded with sentences that hold escapes and non-ASCII, as real ones do. */
static size_t put_body(char *body) {
    static const char sentence[] = "The \\\"gateway\\\" reads this line, na\xc3\xafve as it is, and sends it on.\\n";
    int n = sprintf(body, "{\"model\":\"%s\",\"messages\":[{\"role\":\"system\",\"content\":\"You are a helpful assistant.",
                    options.model);
    char rest[256];
    int rest_length = sprintf(rest,
                              "\"},{\"role\":\"user\",\"content\":\"Say hello to the world in one short sentence.\"}],"
                              "\"temperature\":0.5,\"max_tokens\":64%s}",
                              options.streaming ? ",\"stream\":true" : "");
    size_t length = (size_t)n;
    while (length + (size_t)rest_length + sizeof sentence - 1 <= options.body_bytes) {
        memcpy(body + length, sentence, sizeof sentence - 1);
        length += sizeof sentence - 1;
    }
    while (length + (size_t)rest_length < options.body_bytes) body[length++] = ' ';
    memcpy(body + length, rest, (size_t)rest_length);
    return length + (size_t)rest_length;
}

static size_t read_body_file(char *body) {
    FILE *file = fopen(options.body_file, "rb");
    if (!file) {
        perror(options.body_file);
        exit(2);
    }
    size_t length = fread(body, 1, MAX_BODY, file);
    fclose(file);
    return length;
}

/* Split the URL, fill in the gateway's address, and compose the request that every connection sends. */
static void prepare_request(void) {
    char host[64];
    char base[256] = "";
    int port;
    if (sscanf(options.url, "http://%63[0-9.]:%d%255s", host, &port, base) < 2) {
        fprintf(stderr, "load: the URL must look like http://127.0.0.1:8000/v1\n");
        exit(2);
    }
    gateway = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, host, &gateway.sin_addr);
    if (options.get_path) {
        request = resized(NULL, 8192);
        request_length = (size_t)snprintf(request, 8192, "GET %s%s HTTP/1.1\r\nHost: %s:%d\r\nUser-Agent: bench-load\r\n%s\r\n",
                                          base, options.get_path, host, port, options.extra_headers);
        return;
    }
    char *body = resized(NULL, MAX_BODY + 1024);
    size_t body_length = options.body_file ? read_body_file(body) : put_body(body);
    request = resized(NULL, body_length + 8192);
    int n = snprintf(request, 8192,
                     "POST %s/chat/completions HTTP/1.1\r\nHost: %s:%d\r\nAuthorization: Bearer %s\r\n"
                     "Content-Type: application/json\r\nAccept: */*\r\nUser-Agent: bench-load\r\n%s"
                     "Content-Length: %zu\r\n\r\n",
                     base, host, port, options.key, options.extra_headers, body_length);
    memcpy(request + n, body, body_length);
    request_length = (size_t)n + body_length;
    options.body_bytes = body_length;
    free(body);
}

/* ---- the run ---- */

static void run(void) {
    static struct epoll_event events[MAX_EVENTS];
    uint64_t start = monotonic_ns();
    window_start = start + (uint64_t)(options.warm_up_s * 1e9);
    window_end = options.streaming ? start + (uint64_t)(options.limit_s * 1e9)
                                   : window_start + (uint64_t)(options.seconds * 1e9);
    uint64_t next_scheduled = start + NS_PER_S / 50; /* the connections stand before the first instant */
    for (int i = 0; i < options.connections; i++) open_connection(&connections[i]);
    for (;;) {
        uint64_t now = monotonic_ns();
        if (now >= window_end) stopping = true;
        bool patience_ends = options.streaming || counts.active <= 0 || now > window_end + PATIENCE_S * NS_PER_S;
        if (stopping && patience_ends) return;
        if (options.streaming && counts.started >= options.total_streams && counts.active <= 0) return;
        uint64_t wait = stopping ? NS_PER_S / 100 : window_end - now;
        if (wait > NS_PER_S / 5) wait = NS_PER_S / 5;
        if (options.per_second > 0 && !stopping) {
            schedule_until(now, &next_scheduled);
            if (next_scheduled - now < wait) wait = next_scheduled - now;
        }
        struct timespec timeout = {.tv_nsec = (long)wait};
        int count = epoll_pwait2(epoll_fd, events, MAX_EVENTS, &timeout, NULL);
        for (int i = 0; i < count; i++) on_event(events[i].data.ptr, events[i].events);
    }
}

/* ---- the report ---- */

/* Quotes, backslashes and control characters become spaces: the sample is for people. */
static void print_sample(void) {
    for (char *byte = counts.sample; *byte; byte++)
        if ((unsigned char)*byte < 32 || *byte == '"' || *byte == '\\') *byte = ' ';
    printf(",\"sample\":\"%s\"", counts.sample);
}

static void report(double elapsed_s) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                   (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    long held = 0;
    for (int i = 0; i < options.connections; i++)
        if (connections[i].state == READING_BODY && connections[i].stamps > 0) held++;
    printf("{\"answered\":%ld,\"ok\":%ld,\"bad\":%ld,\"errors\":%ld,\"incomplete\":%ld,\"unanswered\":%ld,\"held\":%ld",
           counts.answered, counts.ok, counts.bad, counts.errors, counts.incomplete, counts.active, held);
    printf(",\"chunks\":%ld,\"body_bytes\":%zu,\"scheduled\":%ld", counts.chunks, options.body_bytes, counts.scheduled);
    print_number("elapsed_s", elapsed_s);
    print_number("per_second", (double)counts.ok / elapsed_s);
    print_number("load_cpu_s", cpu_s);
    print_series("latency", &latency_ms);
    print_series("first_chunk", &first_chunk_ms);
    print_series("chunk_delay", &chunk_delay_ms);
    print_sample();
    printf(",\"status\":{");
    const char *separator = "";
    for (int status = 0; status < 600; status++) {
        if (!counts.by_status[status]) continue;
        printf("%s\"%d\":%ld", separator, status, counts.by_status[status]);
        separator = ",";
    }
    printf("}}\n");
}

static void read_options(int argc, char **argv) {
    int option;
    while ((option = getopt(argc, argv, "u:m:k:H:c:d:r:sn:t:w:b:f:g:")) != -1) {
        switch (option) {
            case 'u': options.url = optarg; break;
            case 'm': options.model = optarg; break;
            case 'k': options.key = optarg; break;
            case 'H': {
                size_t used = strlen(options.extra_headers);
                snprintf(options.extra_headers + used, sizeof options.extra_headers - used, "%s\r\n", optarg);
                break;
            }
            case 'c': options.connections = atoi(optarg); break;
            case 'd': options.seconds = atof(optarg); break;
            case 'r': options.per_second = atof(optarg); break;
            case 's': options.streaming = true; break;
            case 'n': options.total_streams = atol(optarg); break;
            case 't': options.limit_s = atof(optarg); break;
            case 'w': options.warm_up_s = atof(optarg); break;
            case 'b': options.body_bytes = strtoul(optarg, NULL, 10); break;
            case 'f': options.body_file = optarg; break;
            case 'g': options.get_path = optarg; break;
            default: exit(2);
        }
    }
    if (options.body_bytes > MAX_BODY) options.body_bytes = MAX_BODY;
    if (!options.total_streams) options.total_streams = options.connections;
}

int main(int argc, char **argv) {
    read_options(argc, argv);
    prepare_request();
    raise_open_file_limit();
    signal(SIGPIPE, SIG_IGN);
    epoll_fd = epoll_create1(0);
    connections = calloc((size_t)options.connections, sizeof *connections);
    idle = calloc((size_t)options.connections + 1, sizeof *idle);
    backlog = calloc(BACKLOG_SIZE, sizeof *backlog);
    if (!connections || !idle || !backlog) return 1;
    run();
    uint64_t end = monotonic_ns();
    if (!options.streaming && end > window_end) end = window_end; /* answers after the window were not counted */
    report((double)(end - window_start) / 1e9);
    return 0;
}
