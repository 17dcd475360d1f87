// Calls an action as fast as the answers come: a closed loop, the same for every device.
//
//   soap-load ADDRESS PORT PATH SOAPACTION BODY-FILE EXPECTED CONNECTIONS keep|new SECONDS
//
// `keep` asks again on the connection that answered, and opens another only when the peer closes;
// `new` opens a connection for each call. Prints one line of JSON. An answer counts when its status is 200
// and EXPECTED stands in it.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { buffer_size = 1 << 20, most = 256, samples_kept = 1 << 20 };

struct connection {
    int fd;
    size_t used;
    double since;
    char *buffer;
};

static struct connection connections[most];
static struct sockaddr_in peer;
static char *request;
static size_t request_size;
static const char *expected;
static int poller, keeps;
static uint64_t answers, errors, opened;
static float *samples;

static double now(void) {
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    return moment.tv_sec + moment.tv_nsec / 1e9;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void ask(struct connection *one) {
    one->used = 0;
    one->since = now();
    // The request fits the socket's empty buffer.
    if (send(one->fd, request, request_size, MSG_NOSIGNAL) != (ssize_t)request_size) errors++;
}

static void connect_again(struct connection *one) {
    if (one->fd >= 0) close(one->fd);
    one->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (one->fd < 0) die("socket");
    int yes = 1;
    setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connect(one->fd, (struct sockaddr *)&peer, sizeof peer)) die("connect");
    opened++;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = one};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, one->fd, &event)) die("epoll_ctl");
    ask(one);
}

// -1: more is needed; 0: the answer is whole; 1: it is, and the peer closes.
static int whole(struct connection *one, int at_end) {
    one->buffer[one->used] = 0;
    char *end = strstr(one->buffer, "\r\n\r\n");
    if (!end) return -1;
    size_t head = (size_t)(end - one->buffer) + 4;
    *end = 0;
    char *length = strcasestr(one->buffer, "\r\nContent-Length:");
    char *chunked = strcasestr(one->buffer, "\r\nTransfer-Encoding:");
    int closes = strcasestr(one->buffer, "\r\nConnection: close") != NULL;
    *end = '\r';
    if (length) return one->used < head + strtoul(length + 17, NULL, 10) ? -1 : closes;
    if (chunked) return one->used - head < 5 || memcmp(one->buffer + one->used - 5, "0\r\n\r\n", 5) ? -1 : closes;
    return at_end ? 1 : -1;
}

static void answered(struct connection *one) {
    int good = one->used > 12 && memcmp(one->buffer + 8, " 200", 4) == 0 && strstr(one->buffer, expected);
    if (!good) {
        if (!errors) fprintf(stderr, "not the answer that was expected: %.400s\n", one->buffer);
        errors++;
        return;
    }
    if (answers < samples_kept) samples[answers] = (float)((now() - one->since) * 1000);
    answers++;
}

static void readable(struct connection *one) {
    ssize_t got = recv(one->fd, one->buffer + one->used, buffer_size - 1 - one->used, 0);
    if (got > 0) one->used += (size_t)got;
    int end = got <= 0;
    if (end && one->used == 0) {
        // A kept connection may be closed between two calls; that is no failure, but costs a connection.
        if (got < 0 || !keeps) errors++;
        return connect_again(one);
    }
    int state = whole(one, end);
    if (state < 0 && !end) return;
    if (state < 0) errors++;
    else answered(one);
    if (!keeps || state != 0 || end) connect_again(one);
    else ask(one);
}

static int by_value(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    if (argc != 10) return fprintf(stderr, "usage: see the top of soap-load.c\n"), 2;
    peer.sin_family = AF_INET;
    peer.sin_port = htons((uint16_t)atoi(argv[2]));
    if (inet_pton(AF_INET, argv[1], &peer.sin_addr) != 1) return fprintf(stderr, "no address\n"), 2;
    FILE *file = fopen(argv[5], "rb");
    if (!file) die(argv[5]);
    static char body[1 << 16];
    size_t body_size = fread(body, 1, sizeof body, file);
    fclose(file);
    expected = argv[6];
    int count = atoi(argv[7]);
    keeps = strcmp(argv[8], "keep") == 0;
    double seconds = atof(argv[9]);
    if (count < 1 || count > most) return 2;
    request = malloc(body_size + 4096);
    int head = snprintf(request, 4096,
        "POST %s HTTP/1.1\r\nHost: %s:%s\r\nContent-Type: text/xml; charset=\"utf-8\"\r\n"
        "User-Agent: Linux/6 UPnP/1.1 soap-load/1\r\nSOAPACTION: \"%s\"\r\nContent-Length: %zu\r\n%s\r\n",
        argv[3], argv[1], argv[2], argv[4], body_size, keeps ? "" : "Connection: close\r\n");
    memcpy(request + head, body, body_size);
    request_size = (size_t)head + body_size;
    samples = malloc(sizeof *samples * samples_kept);
    poller = epoll_create1(0);
    double start = now();
    for (int index = 0; index < count; index++) {
        connections[index].fd = -1;
        connections[index].buffer = malloc(buffer_size);
        connect_again(&connections[index]);
    }
    double end = start + seconds;
    while (now() < end) {
        struct epoll_event events[most];
        int ready = epoll_wait(poller, events, most, 100);
        for (int index = 0; index < ready; index++) readable(events[index].data.ptr);
    }
    double spent = now() - start;
    size_t kept = answers < samples_kept ? answers : samples_kept;
    qsort(samples, kept, sizeof *samples, by_value);
    printf("{\"answers\": %lu, \"errors\": %lu, \"connections\": %lu, \"seconds\": %.3f, \"p50\": %.3f, \"p99\": %.3f}\n",
        answers, errors, opened, spent, kept ? samples[kept / 2] : 0, kept ? samples[kept * 99 / 100] : 0);
    return 0;
}
