// Searches at a fixed rate from many ports and counts what is answered.
//
//   search-load OWN-ADDRESS TARGET RATE PORTS SECONDS
//
// Each search is an M-SEARCH to 239.255.255.250:1900 with MX 1. The ports take turns, and there are so many
// that each has heard its answers before its next turn. Prints one line of JSON: searches sent, answers, answers that repeat
// one to the same search, and searches that nobody answered.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
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

enum { most = 20000, targets = 32 };

struct port {
    int fd, heard;
    uint32_t names[targets];
    char asked;
};

static struct port ports[most];
static uint64_t sent, answers, repeated, silent;

static double now(void) {
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    return moment.tv_sec + moment.tv_nsec / 1e9;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

static uint32_t name_of(const char *text) {
    const char *st = strcasestr(text, "\nUSN:");
    uint32_t hash = 2166136261u;
    if (st)
        for (st += 5; *st && *st != '\r' && *st != '\n'; st++) hash = (hash ^ (uint8_t)*st) * 16777619u;
    return hash;
}

static void hear(struct port *one) {
    char text[2048];
    ssize_t got;
    while ((got = recv(one->fd, text, sizeof text - 1, MSG_DONTWAIT)) > 0) {
        text[got] = 0;
        if (strncmp(text, "HTTP/1.1 200", 12)) continue;
        uint32_t name = name_of(text);
        int known = 0;
        for (int index = 0; index < one->heard; index++) known |= one->names[index] == name;
        if (known) repeated++;
        else if (one->heard < targets) one->names[one->heard++] = name, answers++;
    }
}

static void settle(struct port *one) {
    if (one->asked && !one->heard) silent++;
    one->heard = 0;
    one->asked = 0;
}

int main(int argc, char **argv) {
    if (argc != 6) return fprintf(stderr, "usage: see the top of search-load.c\n"), 2;
    double rate = atof(argv[3]), seconds = atof(argv[5]);
    int count = atoi(argv[4]);
    if (count < 1 || count > most) return 2;
    struct rlimit files = {most + 64, most + 64};
    setrlimit(RLIMIT_NOFILE, &files);
    struct sockaddr_in own = {.sin_family = AF_INET}, group = {.sin_family = AF_INET, .sin_port = htons(1900)};
    inet_pton(AF_INET, argv[1], &own.sin_addr);
    inet_pton(AF_INET, "239.255.255.250", &group.sin_addr);
    char search[512];
    int size = snprintf(search, sizeof search,
        "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: %s\r\n"
        "USER-AGENT: Linux/6 UPnP/1.1 search-load/1\r\n\r\n", argv[2]);
    int poller = epoll_create1(0);
    for (int index = 0; index < count; index++) {
        int fd = ports[index].fd = socket(AF_INET, SOCK_DGRAM, 0);
        if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof own)) die("socket");
        setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &own.sin_addr, sizeof own.sin_addr);
        unsigned char off = 0;
        setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &off, sizeof off);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &ports[index]};
        if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event)) die("epoll_ctl");
    }
    double start = now();
    double end = start + seconds, tail = end + 1.5;
    int next = 0;
    while (now() < tail) {
        double moment = now();
        while (moment < end && sent < (moment - start) * rate) {
            struct port *one = &ports[next];
            next = (next + 1) % count;
            hear(one);
            settle(one);
            if (sendto(one->fd, search, (size_t)size, 0, (struct sockaddr *)&group, sizeof group) == size) {
                one->asked = 1;
            }
            sent++;
        }
        struct epoll_event events[256];
        int ready = epoll_wait(poller, events, 256, 1);
        for (int index = 0; index < ready; index++) hear(events[index].data.ptr);
    }
    for (int index = 0; index < count; index++) hear(&ports[index]), settle(&ports[index]);
    printf("{\"searches\": %lu, \"answers\": %lu, \"repeated\": %lu, \"silent\": %lu, \"seconds\": %.3f}\n",
        sent, answers, repeated, silent, seconds);
    return 0;
}
