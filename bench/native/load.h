/* What is shared: the structures that bench/native/__init__.py has as well, those of the loop, and small helpers. */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>


enum { BROADCAST, JOIN, LEAVE };
enum { TEXT = 1, CLOSE = 8, PING = 9, PONG = 10 };
enum { MARK = 38, ROOM = 16, STEPS = 32, BITS = 5, BUCKETS = 32 * 40 };
#define TURN 50000000ull
#define LARGEST_FRAME (1u << 24)
#define CHUNK (1u << 18)

typedef struct { const uint8_t *data; uint64_t size; } Text;
typedef struct { const int32_t *items; int64_t count; } Numbers;
typedef struct { int32_t kind, sender, listener, unused; Text head, body, rest; Numbers answers; } Move;
typedef struct { Numbers moves; uint64_t heard; int64_t completes; } Step;
typedef struct {
    int32_t members, hearers, move_count, step_count, moves_on, groups;
    int64_t gap, ping_gap;
    const Move *moves;
    const Step *steps;
    const int32_t *files;
    Text broadcasts, announcements;
    uint8_t key[8];
} Setup;
typedef struct {
    uint64_t sent, expected, received, late, doubled, damaged, closed, deliveries, rounds, heartbeats;
    uint64_t latency[BUCKETS], round_time[BUCKETS];
    char trouble[256];
} Tally;

typedef struct { uint8_t *data; size_t size, room; } Bytes;
typedef struct { int file, number, blocked; uint32_t sequence; uint32_t *next; Bytes in, fragments, out; } Client;
typedef struct { int number, step, round; uint64_t heard, began; } Group;
typedef struct { int connection, sender; uint32_t number; } Missing;
typedef struct {
    Setup setup;
    Client *clients;
    Group *groups;
    Tally tally;
    Bytes frame, missing; /* of Missing */
    uint8_t *chunk;
    int epoll, begun, counting, draining, turn_of;
    uint64_t due, next_ping;
} Load;

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void complain(Load *load, const char *format, ...) {
    if (load->tally.trouble[0]) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(load->tally.trouble, sizeof load->tally.trouble, format, arguments);
    va_end(arguments);
}

static void count(uint64_t *histogram, uint64_t ns) {
    uint64_t bucket = ns;
    if (ns >= STEPS) {
        int exponent = 63 - __builtin_clzll(ns);
        bucket = ((uint64_t)(exponent - BITS + 1) << BITS) + ((ns >> (exponent - BITS)) & (STEPS - 1));
    }
    histogram[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
}

static void append(Bytes *bytes, const void *data, size_t size) {
    if (bytes->size + size > bytes->room) {
        bytes->room = (bytes->size + size) * 2;
        bytes->data = realloc(bytes->data, bytes->room);
        if (!bytes->data) abort();
    }
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}
