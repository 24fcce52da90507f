/* Plays a script in all rooms, as bench/loop.py does, for plain sockets: the load generator must never be what limits
 * a server. The clients are connected and in their rooms already; one thread, epoll, no library but libc's.
 *
 * bench/native/__init__.py compiles it with the machine's compiler, and has the same structures. */
#define _GNU_SOURCE
#include "load.h"
#include "frames.h"

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

/* ---- what arrives ---- */

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
    if (load->setup.gap) say_what_is_due(load, end);
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
