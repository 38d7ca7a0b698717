/* Mock upstream: answers OpenAI-style chat completions at once or in timed chunks, fast enough never to be the limit.
 *
 * Usage: mock [PORT]     (default 9100, loopback only)
 *
 * One process, one epoll loop, one timer heap. The model's name chooses the behaviour by words joined with '-':
 *     nN    a stream has N chunks (20)             tMS   wait before the first chunk, headers at once (0)
 *     gMS   gap between two chunks (5)             dMS   wait before anything is sent (0)
 *     bN    a plain answer holds N bytes of text
 * "mock-n200-g5" is thus a stream of 200 chunks, 5 ms apart. GET /__stats reports counters as JSON. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base.h"

enum { MAX_EVENTS = 512, MAX_MODEL = 128, READ_STEP = 16384 };

typedef struct {
    int chunks;
    int text_bytes;
    double gap_ms;
    double first_chunk_ms;
    double delay_ms;
} Behaviour;

typedef struct {
    char *bytes;
    size_t length;
    size_t capacity;
} Buffer;

/* What the timer of a connection will do when it is due. */
typedef enum { NOTHING, PLAIN_ANSWER, STREAM_START, NEXT_CHUNK } Pending;

typedef struct {
    int fd;
    int heap_index; /* -1 while no timer is set */
    uint64_t due;
    Pending pending;
    bool streaming;
    bool watches_writable;
    bool closes_after_answer;
    int chunks_sent;
    size_t written; /* bytes of `output` already sent */
    Behaviour behaviour;
    char model[MAX_MODEL];
    Buffer input;
    Buffer output;
} Connection;

static struct {
    long requests;
    long chunks;
    long active_streams;
    long active_streams_max;
    long open_connections;
    long client_aborts;
} counters;

static int epoll_fd;

/* ---- timers: a binary heap of connections, the earliest first ---- */

static Connection **heap;
static int heap_size;
static int heap_capacity;

static void heap_swap(int a, int b) {
    Connection *moved = heap[a];
    heap[a] = heap[b];
    heap[b] = moved;
    heap[a]->heap_index = a;
    heap[b]->heap_index = b;
}

static void heap_up(int i) {
    while (i > 0 && heap[(i - 1) / 2]->due > heap[i]->due) {
        heap_swap(i, (i - 1) / 2);
        i = (i - 1) / 2;
    }
}

static void heap_down(int i) {
    for (;;) {
        int left = 2 * i + 1;
        int right = left + 1;
        int earliest = i;
        if (left < heap_size && heap[left]->due < heap[earliest]->due) earliest = left;
        if (right < heap_size && heap[right]->due < heap[earliest]->due) earliest = right;
        if (earliest == i) return;
        heap_swap(i, earliest);
        i = earliest;
    }
}

static void set_timer(Connection *c, Pending pending, uint64_t due) {
    c->pending = pending;
    c->due = due;
    if (heap_size == heap_capacity) {
        heap_capacity = heap_capacity ? heap_capacity * 2 : 256;
        heap = resized(heap, (size_t)heap_capacity * sizeof *heap);
    }
    c->heap_index = heap_size;
    heap[heap_size++] = c;
    heap_up(c->heap_index);
}

static void clear_timer(Connection *c) {
    int i = c->heap_index;
    c->pending = NOTHING;
    if (i < 0) return;
    c->heap_index = -1;
    heap_size--;
    if (i == heap_size) return;
    heap[i] = heap[heap_size];
    heap[i]->heap_index = i;
    heap_down(i);
    heap_up(i);
}

static uint64_t ns_of(double milliseconds) { return (uint64_t)(milliseconds * NS_PER_MS); }

/* ---- connections ---- */

static void append(Buffer *buffer, const char *bytes, size_t length) {
    if (buffer->length + length > buffer->capacity) {
        buffer->capacity = (buffer->length + length) * 2;
        buffer->bytes = resized(buffer->bytes, buffer->capacity);
    }
    memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
}

static void end_stream(Connection *c) {
    if (!c->streaming) return;
    c->streaming = false;
    counters.active_streams--;
}

static void hang_up(Connection *c) {
    if (c->streaming) counters.client_aborts++;
    end_stream(c);
    clear_timer(c);
    counters.open_connections--;
    close(c->fd);
    free(c->input.bytes);
    free(c->output.bytes);
    free(c);
}

static void watch_writable(Connection *c, bool writable) {
    if (c->watches_writable == writable) return;
    c->watches_writable = writable;
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | (writable ? EPOLLOUT : 0u), .data.ptr = c};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
}

/* Send what is waiting; the rest follows when the socket takes more. False: the connection is gone. */
static bool flush(Connection *c) {
    while (c->written < c->output.length) {
        ssize_t sent = send(c->fd, c->output.bytes + c->written, c->output.length - c->written, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            watch_writable(c, true);
            return true;
        }
        if (sent <= 0) {
            hang_up(c);
            return false;
        }
        c->written += (size_t)sent;
    }
    c->output.length = 0;
    c->written = 0;
    watch_writable(c, false);
    if (c->closes_after_answer && !c->streaming && c->pending == NOTHING) {
        hang_up(c);
        return false;
    }
    return true;
}

/* ---- answers ---- */

static void put_json_answer(Connection *c, const char *status, const char *body, size_t length) {
    char head[160];
    int n = snprintf(head, sizeof head, "HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n",
                     status, length);
    append(&c->output, head, (size_t)n);
    append(&c->output, body, length);
}

static void put_completion(Connection *c) {
    static const char reply[] = "Hello! This is a fixed reply of the mock upstream.";
    static unsigned long serial;
    size_t text_length = c->behaviour.text_bytes > 0 ? (size_t)c->behaviour.text_bytes : sizeof reply - 1;
    char *body = resized(NULL, text_length + 512);
    int n = sprintf(body,
                    "{\"id\":\"chatcmpl-mock-%lu\",\"object\":\"chat.completion\",\"created\":1700000000,"
                    "\"model\":\"%s\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"",
                    ++serial, c->model);
    if (c->behaviour.text_bytes > 0)
        memset(body + n, 'x', text_length);
    else
        memcpy(body + n, reply, text_length);
    n += (int)text_length;
    n += sprintf(body + n,
                 "\"},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
                 "\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":11,\"total_tokens\":23}}");
    put_json_answer(c, "200 OK", body, (size_t)n);
    free(body);
}

static void put_stats(Connection *c) {
    char body[300];
    int n = snprintf(body, sizeof body,
                     "{\"requests\":%ld,\"chunks\":%ld,\"active_streams\":%ld,\"active_streams_max\":%ld,"
                     "\"open_connections\":%ld,\"client_aborts\":%ld}",
                     counters.requests, counters.chunks, counters.active_streams, counters.active_streams_max,
                     counters.open_connections, counters.client_aborts);
    put_json_answer(c, "200 OK", body, (size_t)n);
}

static void put_transfer_chunk(Connection *c, const char *bytes, int length) {
    char size_line[16];
    int n = snprintf(size_line, sizeof size_line, "%x\r\n", (unsigned)length);
    append(&c->output, size_line, (size_t)n);
    append(&c->output, bytes, (size_t)length);
    append(&c->output, "\r\n", 2);
}

#define CHUNK_HEAD \
    "data: {\"id\":\"chatcmpl-mockstream\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"%s\","

static void put_stream_head(Connection *c) {
    static const char head[] = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
                               "transfer-encoding: chunked\r\n\r\n";
    append(&c->output, head, sizeof head - 1);
    c->streaming = true;
    c->chunks_sent = 0;
    counters.active_streams++;
    if (counters.active_streams > counters.active_streams_max) counters.active_streams_max = counters.active_streams;
}

static void put_delta(Connection *c) {
    char event[700];
    int n = snprintf(event, sizeof event,
                     CHUNK_HEAD "\"choices\":[{\"index\":0,\"delta\":{%s\"content\":\"" STAMP_FORMAT
                                "\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n",
                     c->model, c->chunks_sent ? "" : "\"role\":\"assistant\",", (unsigned long long)monotonic_ns());
    put_transfer_chunk(c, event, n);
    c->chunks_sent++;
    counters.chunks++;
}

static void put_stream_end(Connection *c) {
    char events[1200];
    int n = snprintf(events, sizeof events,
                     CHUNK_HEAD "\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}]}\n\n"
                     CHUNK_HEAD "\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":%d,"
                                "\"total_tokens\":%d}}\n\n"
                                "data: [DONE]\n\n",
                     c->model, c->model, c->chunks_sent, c->chunks_sent + 12);
    put_transfer_chunk(c, events, n);
    append(&c->output, "0\r\n\r\n", 5);
    end_stream(c);
}

/* ---- requests ---- */

static void read_behaviour(Behaviour *behaviour, const char *model) {
    char words[MAX_MODEL];
    snprintf(words, sizeof words, "%s", model);
    *behaviour = (Behaviour){.chunks = 20, .gap_ms = 5};
    char *rest = NULL;
    for (char *word = strtok_r(words, "-/:", &rest); word; word = strtok_r(NULL, "-/:", &rest)) {
        if (!isdigit((unsigned char)word[1])) continue;
        double number = atof(word + 1);
        switch (word[0]) {
            case 'n': behaviour->chunks = (int)number; break;
            case 'b': behaviour->text_bytes = (int)number; break;
            case 'g': behaviour->gap_ms = number; break;
            case 't': behaviour->first_chunk_ms = number; break;
            case 'd': behaviour->delay_ms = number; break;
            default: break;
        }
    }
}

/* First byte of the value of the top-level looking member `quoted_key`, or NULL. Quotes inside a JSON string are escaped,
 * so a key that is merely quoted in a prompt does not match. */
static const char *member(const char *json, size_t length, const char *quoted_key) {
    const char *end = json + length;
    const char *found = memmem(json, length, quoted_key, strlen(quoted_key));
    if (!found) return NULL;
    found += strlen(quoted_key);
    while (found < end && (*found == ' ' || *found == ':')) found++;
    return found < end ? found : NULL;
}

static void read_model(Connection *c, const char *body, size_t length) {
    strcpy(c->model, "mock");
    const char *value = member(body, length, "\"model\"");
    if (!value || *value != '"') return;
    value++;
    const char *quote = memchr(value, '"', (size_t)(body + length - value));
    if (!quote || quote - value >= MAX_MODEL) return;
    memcpy(c->model, value, (size_t)(quote - value));
    c->model[quote - value] = 0;
}

static const char *header(const char *head, const char *head_end, const char *name) {
    size_t name_length = strlen(name);
    const char *line = memchr(head, '\n', (size_t)(head_end - head));
    while (line && line + name_length + 1 < head_end) {
        line++;
        if (!strncasecmp(line, name, name_length) && line[name_length] == ':') {
            line += name_length + 1;
            while (*line == ' ') line++;
            return line;
        }
        line = memchr(line, '\n', (size_t)(head_end - line));
    }
    return NULL;
}

/* Begin to answer a chat completion: now, or by a timer. */
static void begin_completion(Connection *c, const char *body, size_t length) {
    read_model(c, body, length);
    read_behaviour(&c->behaviour, c->model);
    const char *stream = member(body, length, "\"stream\"");
    Behaviour *b = &c->behaviour;
    if (stream && *stream == 't') {
        if (b->delay_ms > 0) {
            set_timer(c, STREAM_START, monotonic_ns() + ns_of(b->delay_ms));
            return;
        }
        put_stream_head(c);
        set_timer(c, NEXT_CHUNK, monotonic_ns() + ns_of(b->first_chunk_ms));
        return;
    }
    if (b->delay_ms + b->first_chunk_ms > 0)
        set_timer(c, PLAIN_ANSWER, monotonic_ns() + ns_of(b->delay_ms + b->first_chunk_ms));
    else
        put_completion(c);
}

/* Answer every whole request in the buffer, one after the other. False: the connection is gone. */
static bool answer_requests(Connection *c) {
    while (!c->streaming && c->pending == NOTHING && c->input.length > 0) {
        char *head = c->input.bytes;
        char *head_end = memmem(head, c->input.length, "\r\n\r\n", 4);
        if (!head_end) return true;
        const char *length_value = header(head, head_end, "content-length");
        size_t body_length = length_value ? strtoul(length_value, NULL, 10) : 0;
        size_t total = (size_t)(head_end + 4 - head) + body_length;
        if (c->input.length < total) return true;
        const char *connection = header(head, head_end, "connection");
        c->closes_after_answer = connection && !strncasecmp(connection, "close", 5);

        bool has_odd_body = header(head, head_end, "transfer-encoding") != NULL;
        if (has_odd_body) {
            put_json_answer(c, "411 Length Required", "{}", 2);
            c->closes_after_answer = true;
        } else if (!strncmp(head, "POST ", 5)) {
            counters.requests++;
            begin_completion(c, head_end + 4, body_length);
        } else if (!strncmp(head, "GET /__stats", 12)) {
            put_stats(c);
        } else {
            static const char models[] = "{\"object\":\"list\",\"data\":[{\"id\":\"mock\",\"object\":\"model\"}]}";
            put_json_answer(c, "200 OK", models, sizeof models - 1);
        }
        c->input.length -= total;
        memmove(head, head + total, c->input.length);
        /* A stream's head waits for its first chunk, when that is due at once: one packet instead of two. */
        bool first_chunk_follows = c->streaming && c->behaviour.first_chunk_ms <= 0;
        if (!first_chunk_follows && !flush(c)) return false;
    }
    return true;
}

static void read_requests(Connection *c) {
    for (;;) {
        if (c->input.capacity - c->input.length < READ_STEP) {
            c->input.capacity = c->input.capacity ? c->input.capacity * 2 : READ_STEP;
            c->input.bytes = resized(c->input.bytes, c->input.capacity);
            continue;
        }
        size_t space = c->input.capacity - c->input.length;
        ssize_t got = recv(c->fd, c->input.bytes + c->input.length, space, 0);
        if (got < 0 && errno == EAGAIN) break;
        if (got <= 0) {
            hang_up(c);
            return;
        }
        c->input.length += (size_t)got;
        if ((size_t)got < space) break;
    }
    answer_requests(c);
}

/* The connection's timer is due. */
static void on_timer(Connection *c) {
    Pending pending = c->pending;
    clear_timer(c);
    if (pending == STREAM_START) {
        put_stream_head(c);
        if (c->behaviour.first_chunk_ms > 0) {
            set_timer(c, NEXT_CHUNK, monotonic_ns() + ns_of(c->behaviour.first_chunk_ms));
            flush(c);
            return;
        }
        c->due = monotonic_ns();
    }
    if (pending == PLAIN_ANSWER) {
        put_completion(c);
    } else if (c->chunks_sent < c->behaviour.chunks) {
        put_delta(c);
        set_timer(c, NEXT_CHUNK, c->due + ns_of(c->behaviour.gap_ms));
    } else {
        put_stream_end(c);
    }
    if (flush(c)) answer_requests(c);
}

/* ---- the loop ---- */

static int listen_on(int port) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 8192)) {
        perror("mock: cannot listen");
        exit(1);
    }
    return listener;
}

static void accept_all(int listener) {
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        if (fd < 0) return;
        send_at_once(fd);
        Connection *c = calloc(1, sizeof *c);
        if (!c) exit(1);
        c->fd = fd;
        c->heap_index = -1;
        counters.open_connections++;
        struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = c};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
}

static void on_event(Connection *c, uint32_t events) {
    if (events & (EPOLLHUP | EPOLLERR)) {
        hang_up(c);
        return;
    }
    if ((events & EPOLLOUT) && !flush(c)) return;
    if (events & (EPOLLIN | EPOLLRDHUP)) read_requests(c);
}

static int wait_for_events(struct epoll_event *events) {
    if (!heap_size) return epoll_wait(epoll_fd, events, MAX_EVENTS, -1);
    uint64_t now = monotonic_ns();
    uint64_t wait = heap[0]->due > now ? heap[0]->due - now : 0;
    struct timespec timeout = {.tv_sec = (time_t)(wait / NS_PER_S), .tv_nsec = (long)(wait % NS_PER_S)};
    return epoll_pwait2(epoll_fd, events, MAX_EVENTS, &timeout, NULL);
}

int main(int argc, char **argv) {
    raise_open_file_limit();
    signal(SIGPIPE, SIG_IGN);
    int listener = listen_on(argc > 1 ? atoi(argv[1]) : 9100);
    epoll_fd = epoll_create1(0);
    struct epoll_event listening = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &listening);
    static struct epoll_event events[MAX_EVENTS];
    for (;;) {
        int count = wait_for_events(events);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr)
                on_event(events[i].data.ptr, events[i].events);
            else
                accept_all(listener);
        }
        uint64_t now = monotonic_ns();
        while (heap_size && heap[0]->due <= now) on_timer(heap[0]);
    }
}
