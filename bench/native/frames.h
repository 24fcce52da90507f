/* Frames of WebSocket (RFC 6455 section 5), written and read as a client does. */

static void on_text(Load *load, Client *client, const uint8_t *text, size_t size, uint64_t now);

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

/* ---- reading ---- */

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
