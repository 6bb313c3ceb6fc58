/* The floor of a fan-out: what is published is written to every subscriber of its topic, and nothing else is done.

       floor PORT [batched]

   A connection says in its first line what it is: "S TOPIC" subscribes and is answered "+", "P TOPIC SIZE" publishes
   messages of that size, without anything between them. Each message is one write(2) for each subscriber; batched, all
   that was read at once is one. Writes wait for their reader, so nothing is lost and nothing queued. */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_FILES = 65536, MAX_TOPICS = 16384, TOPIC_BYTES = 64, READ_BYTES = 1 << 18, EVENTS = 512 };

struct topic {
    char name[TOPIC_BYTES];
    int *subscribers;
    int count, room;
};

static struct topic topics[MAX_TOPICS];
static int topic_count;
static struct topic *publishes_to[MAX_FILES];
static size_t message_bytes[MAX_FILES], kept_bytes[MAX_FILES];
static char *kept[MAX_FILES];
static char buffer[2 * READ_BYTES];

static void die(const char *what) {
    perror(what);
    exit(1);
}

static struct topic *topic_named(const char *name) {
    for (int at = 0; at < topic_count; at++)
        if (!strcmp(topics[at].name, name)) return &topics[at];
    if (topic_count == MAX_TOPICS) {
        fprintf(stderr, "more than %d topics\n", MAX_TOPICS);
        exit(1);
    }
    struct topic *made = &topics[topic_count++];
    snprintf(made->name, sizeof made->name, "%s", name);
    return made;
}

static void add_subscriber(struct topic *topic, int file) {
    if (topic->count == topic->room) {
        topic->room = topic->room ? 2 * topic->room : 4;
        topic->subscribers = realloc(topic->subscribers, topic->room * sizeof(int));
        if (!topic->subscribers) die("realloc");
    }
    topic->subscribers[topic->count++] = file;
}

static void write_all(int file, const char *data, size_t size) {
    while (size) {
        ssize_t written = write(file, data, size);
        if (written < 0) return; /* the reader has gone: the load generator counts what it misses */
        data += written;
        size -= written;
    }
}

/* Returns whether the line was understood. */
static int introduce(int file, char *line) {
    char name[TOPIC_BYTES];
    size_t size;
    if (sscanf(line, "S %63s", name) == 1) {
        add_subscriber(topic_named(name), file);
        write_all(file, "+", 1);
        return 1;
    }
    if (sscanf(line, "P %63s %zu", name, &size) == 2 && size > 0 && size < READ_BYTES) {
        publishes_to[file] = topic_named(name);
        message_bytes[file] = size;
        if (!(kept[file] = malloc(size))) die("malloc");
        write_all(file, "+", 1);
        return 1;
    }
    return 0;
}

static void publish(int file, size_t size, int is_batched) {
    struct topic *topic = publishes_to[file];
    size_t each = message_bytes[file], whole = size - size % each;
    size_t step = is_batched ? whole : each;
    for (size_t at = 0; at < whole; at += step)
        for (int reader = 0; reader < topic->count; reader++) write_all(topic->subscribers[reader], buffer + at, step);
    kept_bytes[file] = size - whole;
    memcpy(kept[file], buffer + whole, size - whole);
}

/* Returns whether the connection goes on. */
static int readable(int file, int is_batched) {
    size_t before = publishes_to[file] ? kept_bytes[file] : 0;
    if (before) memcpy(buffer, kept[file], before);
    ssize_t got = read(file, buffer + before, READ_BYTES);
    if (got <= 0) return 0;
    if (publishes_to[file]) {
        publish(file, before + got, is_batched);
        return 1;
    }
    buffer[got] = 0;
    return introduce(file, buffer);
}

int main(int count, char **arguments) {
    if (count < 2) {
        fprintf(stderr, "usage: floor PORT [batched]\n");
        return 2;
    }
    int is_batched = count > 2, one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM, 0), poll = epoll_create1(0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address)) die("bind");
    if (listen(listener, 1024)) die("listen");
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[EVENTS];
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int ready = epoll_wait(poll, events, EVENTS, -1);
        for (int at = 0; at < ready; at++) {
            int file = events[at].data.fd;
            if (file == listener) {
                int accepted = accept(listener, NULL, NULL);
                if (accepted < 0 || accepted >= MAX_FILES) die("accept");
                setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                event = (struct epoll_event){.events = EPOLLIN, .data.fd = accepted};
                epoll_ctl(poll, EPOLL_CTL_ADD, accepted, &event);
            } else if (!readable(file, is_batched)) {
                epoll_ctl(poll, EPOLL_CTL_DEL, file, NULL); /* left open: its number must not become another's */
            }
        }
    }
}
