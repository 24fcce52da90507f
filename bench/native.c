/* Plays a script in all rooms, as bench/loop.py does, for plain sockets: the load generator must never be what limits
 * a server. The clients are connected and in their rooms already; one thread, epoll, no library but libc's.
 *
 * bench/native.py compiles it with the machine's compiler, and has the same structures. */
#define _GNU_SOURCE
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

/* ---- writing ---- */

static void watch(Load *load, Client *client, int blocked) {
    struct epoll_event event = {.events = EPOLLIN | (blocked ? EPOLLOUT : 0), .data.ptr = client};
    client->blocked = blocked;
    epoll_ctl(load->epoll, EPOLL_CTL_MOD, client->file, &event);
}

static void lose(Load *load, Client *client, const char *why) {
    if (client->file < 0) return;
    complain(load, "connection %d: %s", client->number, why);
    load->tally.closed++;
    epoll_ctl(load->epoll, EPOLL_CTL_DEL, client->file, NULL);
    shutdown(client->file, SHUT_RDWR); /* Python has opened it, and closes it. */
    client->file = -1;
}

static void write_out(Load *load, Client *client, const uint8_t *data, size_t size) {
    if (client->file < 0) return;
    ssize_t sent = client->blocked ? 0 : send(client->file, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
        if (errno != EAGAIN) { lose(load, client, strerror(errno)); return; }
        sent = 0;
    }
    if ((size_t)sent == size) return;
    append(&client->out, data + sent, size - sent);
    if (!client->blocked) watch(load, client, 1);
}

static void flush(Load *load, Client *client) {
    ssize_t sent = send(client->file, client->out.data, client->out.size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
        if (errno != EAGAIN) lose(load, client, strerror(errno));
        return;
    }
    memmove(client->out.data, client->out.data + sent, client->out.size - sent);
    client->out.size -= sent;
    if (!client->out.size) watch(load, client, 0);
}

static void send_frame(Load *load, Client *client, int opcode, const Text *parts, int part_count) {
    size_t size = 0;
    for (int i = 0; i < part_count; i++) size += parts[i].size;
    uint8_t head[14] = {0x80 | opcode};
    int at = 2;
    if (size < 126) head[1] = 0x80 | size;
    else if (size < 65536) { head[1] = 0x80 | 126; head[at++] = size >> 8; head[at++] = size; }
    else { head[1] = 0x80 | 127; for (int shift = 56; shift >= 0; shift -= 8) head[at++] = (uint64_t)size >> shift; }
    memcpy(head + at, load->setup.key, 4);
    at += 4;
    load->frame.size = 0;
    append(&load->frame, head, at);
    for (int i = 0; i < part_count; i++) append(&load->frame, parts[i].data, parts[i].size);
    uint8_t *payload = load->frame.data + at;
    uint64_t key, word;
    memcpy(&key, load->setup.key, 8); /* twice the same four bytes */
    size_t i = 0;
    for (; i + 8 <= size; i += 8) { memcpy(&word, payload + i, 8); word ^= key; memcpy(payload + i, &word, 8); }
    for (; i < size; i++) payload[i] ^= load->setup.key[i & 3];
    write_out(load, client, load->frame.data, load->frame.size);
}

static void send_text(Load *load, Client *client, int opcode, const void *data, size_t size) {
    Text part = {data, size};
    send_frame(load, client, opcode, &part, 1);
}

/* ---- the script ---- */

static void hex(char *at, uint64_t value, int digits) {
    while (digits--) { at[digits] = "0123456789abcdef"[value & 15]; value >>= 4; }
}

static void say(Load *load, Group *group, int move_number, uint64_t when) {
    const Move *move = &load->setup.moves[move_number];
    Client *client = &load->clients[group->number * load->setup.members + move->sender];
    char field[MARK];
    size_t size = ROOM;
    if (move->kind == BROADCAST) {
        size = MARK;
        field[0] = field[MARK - 1] = '~';
        hex(field + 1, client->number, 8);
        hex(field + 9, client->sequence++, 8);
        hex(field + 17, when, 16);
        hex(field + 33, move_number, 4);
        load->tally.sent++;
        load->tally.expected += load->setup.hearers;
    } else {
        hex(field, group->number, 8);
        hex(field + 8, group->round, 8);
    }
    Text parts[4] = {move->head, {(uint8_t *)field, size}, move->body, move->rest};
    send_frame(load, client, TEXT, parts, 4);
}

static void enter(Load *load, Group *group, int step_number) {
    const Step *step = &load->setup.steps[step_number];
    uint64_t now = now_ns();
    group->step = step_number;
    group->heard = 0;
    if (step_number == 0) {
        group->began = now;
        group->round += load->setup.moves_on;
    }
    for (int i = 0; i < step->moves.count; i++) say(load, group, step->moves.items[i], now);
}

static void heard(Load *load, Group *group, uint64_t now) {
    const Step *step = &load->setup.steps[group->step];
    group->heard++;
    if (!step->heard || group->heard != step->heard || load->draining) return;
    if (step->completes && load->counting) {
        load->tally.rounds++;
        count(load->tally.round_time, now - group->began);
    }
    enter(load, group, (group->step + 1) % load->setup.step_count);
}

/* ---- reading ---- */

static int unhex(const uint8_t *at, int digits, uint64_t *value) {
    *value = 0;
    while (digits--) {
        int digit = *at++;
        if (digit >= '0' && digit <= '9') digit -= '0';
        else if (digit >= 'a' && digit <= 'f') digit -= 'a' - 10;
        else return 0;
        *value = *value << 4 | digit;
    }
    return 1;
}

static void damaged(Load *load, Client *client, const char *what) {
    load->tally.damaged++;
    complain(load, "a broadcast to connection %d %s", client->number, what);
}

/* Whether it was missing until now. */
static int came_late(Load *load, int connection, int sender, uint32_t number) {
    Missing *all = (Missing *)load->missing.data;
    size_t count = load->missing.size / sizeof *all;
    for (size_t i = 0; i < count; i++) {
        if (all[i].connection != connection || all[i].sender != sender || all[i].number != number) continue;
        all[i] = all[count - 1];
        load->missing.size -= sizeof *all;
        return 1;
    }
    return 0;
}

static const Move *checked(Load *load, Client *client, const uint8_t *text, size_t size, uint64_t *sent_at) {
    const uint8_t *at = memchr(text, '~', size), *end = text + size;
    uint64_t sender, number, move_number;
    int members = load->setup.members;
    if (!at || end - at < MARK || !unhex(at + 1, 8, &sender) || !unhex(at + 9, 8, &number) ||
        !unhex(at + 17, 16, sent_at) || !unhex(at + 33, 4, &move_number) ||
        move_number >= (uint64_t)load->setup.move_count) {
        damaged(load, client, "has no mark");
        return NULL;
    }
    if (sender / members != (uint64_t)client->number / members) {
        damaged(load, client, "is from another room");
        return NULL;
    }
    const Move *move = &load->setup.moves[move_number];
    uint32_t *next = &client->next[sender % members];
    const uint8_t *body = at + MARK;
    if (at[MARK - 1] != '~' || (uint64_t)(end - body) <= move->body.size ||
        memcmp(body, move->body.data, move->body.size) || body[move->body.size] != '"') {
        if (number == *next) *next = number + 1;
        damaged(load, client, "has other text than was sent");
        return NULL;
    }
    if (number < *next) {
        int late = came_late(load, client->number, sender, number);
        complain(load, "connection %d got number %d of connection %d %s", client->number, (int)number, (int)sender, late ? "late" : "again");
        load->tally.late += late;
        load->tally.doubled += !late;
        load->tally.received += late;
        return late ? move : NULL;
    }
    for (; *next < number; ++*next) {
        Missing missing = {client->number, sender, *next};
        complain(load, "connection %d got number %d of connection %d before %d", client->number, (int)number, (int)sender, (int)*next);
        append(&load->missing, &missing, sizeof missing);
    }
    *next = number + 1;
    load->tally.received++;
    return move;
}

static void on_broadcast(Load *load, Client *client, const uint8_t *text, size_t size, uint64_t now) {
    uint64_t sent_at;
    const Move *move = checked(load, client, text, size, &sent_at);
    if (!move) return;
    if (load->counting) {
        load->tally.deliveries++;
        count(load->tally.latency, now > sent_at ? now - sent_at : 0);
    }
    Group *group = &load->groups[client->number / load->setup.members];
    if (move->answers.count && client->number % load->setup.members == move->listener && !load->draining)
        for (int i = 0; i < move->answers.count; i++) say(load, group, move->answers.items[i], now_ns());
    heard(load, group, now);
}

static int begins(const uint8_t *text, size_t size, Text with) {
    return size >= with.size && !memcmp(text, with.data, with.size);
}

static void on_text(Load *load, Client *client, const uint8_t *text, size_t size, uint64_t now) {
    if (begins(text, size, load->setup.broadcasts)) { on_broadcast(load, client, text, size, now); return; }
    if (begins(text, size, load->setup.announcements)) {
        heard(load, &load->groups[client->number / load->setup.members], now);
        return;
    }
    int kind = size ? text[0] : 0, second = size > 1 ? text[1] : 0;
    if (kind == '2' || kind == '3') {
        load->tally.heartbeats += load->counting;
        Text parts[2] = {{(const uint8_t *)"3", 1}, {text + 1, size - 1}};
        if (kind == '2') send_frame(load, client, TEXT, parts, 2);
    } else if (kind == '1' || (kind == '4' && (second == '1' || second == '4'))) {
        lose(load, client, "the server ended the connection");
    } else {
        complain(load, "the server said %.*s", (int)(size < 200 ? size : 200), text);
    }
}

static void on_frame(Load *load, Client *client, int first, const uint8_t *payload, size_t size, uint64_t now) {
    int opcode = first & 15;
    if (opcode == PING) { send_text(load, client, PONG, payload, size); return; }
    if (opcode == CLOSE) { lose(load, client, "the server closed the WebSocket"); return; }
    if (opcode == PONG) return;
    if (first & 0x80 && opcode) {
        if (opcode == TEXT) on_text(load, client, payload, size, now);
        return;
    }
    append(&client->fragments, payload, size);
    if (first & 0x80) {
        on_text(load, client, client->fragments.data, client->fragments.size, now);
        client->fragments.size = 0;
    }
}

/* Returns how many bytes were whole frames. */
static size_t take_frames(Load *load, Client *client, const uint8_t *data, size_t total, uint64_t now) {
    size_t at = 0;
    while (client->file >= 0 && total - at >= 2) {
        uint64_t size = data[at + 1];
        size_t start = at + 2, length = size == 126 ? 2 : size == 127 ? 8 : 0;
        if (total - start < length) break;
        if (length) size = 0;
        for (size_t i = 0; i < length; i++) size = size << 8 | data[start + i];
        start += length;
        if (data[at] & 0x70 || data[at + 1] & 0x80 || size > LARGEST_FRAME) {
            lose(load, client, "the server sent what is no frame of a server without extensions");
            break;
        }
        if (total - start < size) break;
        on_frame(load, client, data[at], data + start, size, now);
        at = start + size;
    }
    return at;
}

static void readable(Load *load, Client *client) {
    ssize_t size = recv(client->file, load->chunk, CHUNK, MSG_DONTWAIT);
    if (size <= 0) {
        if (size == 0 || errno != EAGAIN) lose(load, client, size ? strerror(errno) : "the server closed the connection");
        return;
    }
    uint64_t now = now_ns();
    if (!client->in.size) {
        size_t taken = take_frames(load, client, load->chunk, size, now);
        append(&client->in, load->chunk + taken, size - taken);
        return;
    }
    append(&client->in, load->chunk, size);
    size_t taken = take_frames(load, client, client->in.data, client->in.size, now);
    memmove(client->in.data, client->in.data + taken, client->in.size - taken);
    client->in.size -= taken;
}

/* ---- the loop ---- */

static void say_what_is_due(Load *load, uint64_t now) {
    while (load->due <= now) {
        say(load, &load->groups[load->turn_of], 0, load->due);
        load->turn_of = (load->turn_of + 1) % load->setup.groups;
        load->due += load->setup.gap;
    }
}

static void ping_all(Load *load) {
    load->next_ping += load->setup.ping_gap;
    for (int i = 0; i < load->setup.groups * load->setup.members; i++) send_text(load, &load->clients[i], TEXT, "2", 1);
}

static void spin(Load *load, uint64_t end) {
    struct epoll_event events[512];
    uint64_t now;
    while ((now = now_ns()) < end) {
        if (load->draining && load->tally.expected <= load->tally.received + load->tally.damaged) return;
        uint64_t wait = end - now < TURN ? end - now : TURN;
        if (load->setup.gap && !load->draining) {
            say_what_is_due(load, now);
            now = now_ns();
            uint64_t until_due = load->due > now ? load->due - now : 0;
            if (until_due < wait) wait = until_due;
        }
        if (load->setup.ping_gap && now >= load->next_ping) ping_all(load);
        struct pollfd ready = {.fd = load->epoll, .events = POLLIN};
        struct timespec timeout = {wait / 1000000000, wait % 1000000000};
        if (ppoll(&ready, 1, &timeout, NULL) <= 0) continue; /* epoll_wait would wait for whole milliseconds */
        int ready_count = epoll_wait(load->epoll, events, 512, 0);
        for (int i = 0; i < ready_count; i++) {
            Client *client = events[i].data.ptr;
            if (client->file >= 0 && events[i].events & EPOLLOUT) flush(load, client);
            if (client->file >= 0 && events[i].events & ~EPOLLOUT) readable(load, client);
        }
    }
}

/* ---- what Python calls ---- */

Load *load_open(const Setup *setup) {
    Load *load = calloc(1, sizeof *load);
    int total = setup->groups * setup->members;
    load->setup = *setup;
    load->clients = calloc(total, sizeof *load->clients);
    load->groups = calloc(setup->groups, sizeof *load->groups);
    load->chunk = malloc(CHUNK);
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    load->next_ping = now_ns() + setup->ping_gap;
    for (int i = 0; i < total; i++) {
        Client *client = &load->clients[i];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
        client->file = setup->files[i];
        client->number = i;
        client->next = calloc(setup->members, sizeof *client->next);
        epoll_ctl(load->epoll, EPOLL_CTL_ADD, client->file, &event);
    }
    for (int i = 0; i < setup->groups; i++) load->groups[i].number = i;
    return load;
}

void load_run(Load *load, double seconds, int counting) {
    uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);
    load->counting = counting;
    if (!load->begun) {
        load->begun = 1;
        load->due = now_ns();
        for (int i = 0; i < load->setup.groups; i++)
            enter(load, &load->groups[i], load->setup.moves_on ? load->setup.step_count - 1 : 0);
    }
    spin(load, end);
    load->counting = 0;
}

void load_drain(Load *load, double most) {
    load->draining = 1;
    spin(load, now_ns() + (uint64_t)(most * 1e9));
}

const Tally *load_tally(const Load *load) { return &load->tally; }

void load_close(Load *load) {
    for (int i = 0; i < load->setup.groups * load->setup.members; i++) {
        Client *client = &load->clients[i];
        free(client->next);
        free(client->in.data);
        free(client->out.data);
        free(client->fragments.data);
    }
    close(load->epoll);
    free(load->clients);
    free(load->groups);
    free(load->chunk);
    free(load->frame.data);
    free(load->missing.data);
    free(load);
}
