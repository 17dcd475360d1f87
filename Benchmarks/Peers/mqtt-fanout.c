// One publisher, many subscribers, through an MQTT broker over TLS 1.3: what a broker's fan-out costs.
//
//   mqtt-fanout ADDRESS PORT CA-FILE SUBSCRIBERS BYTES IN-FLIGHT SECONDS BROKER-PID
//
// MQTT 3.1.1, QoS 0, on one thread. A closed loop: so many messages are under way at a time, a message being under way until
// every subscriber has it. Prints one line of JSON: deliveries, seconds, CPU seconds of the broker and of this program
// over the same span, and the time from publishing to each delivery. The first second warms up and does not count.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { most = 1024, buffer_size = 1 << 17, ring = 1 << 14, samples_kept = 1 << 20, topic_size = 5 };

struct client {
    SSL *tls;
    int fd;
    size_t used;         // of what has arrived and is not yet a whole packet
    unsigned char *in;
};

static struct client subscribers[most], publisher;
static int count, payload_size, in_flight, poller, broker;
static uint64_t published, finished, delivered, wrong;
static uint16_t arrived[ring];
static float *samples;
static size_t sampled;
static int counting;
static unsigned char out[1 << 20];
static size_t out_used, out_sent;

static double now(void) {
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    return moment.tv_sec + moment.tv_nsec / 1e9;
}

static void die(const char *what) {
    fprintf(stderr, "%s: ", what);
    ERR_print_errors_fp(stderr);
    perror("");
    exit(1);
}

static double own_cpu(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static double broker_cpu(void) {
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", broker);
    FILE *file = fopen(path, "r");
    if (!file) die(path);
    size_t got = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[got] = 0;
    unsigned long user = 0, system = 0;
    char *rest = strrchr(text, ')');
    if (!rest || sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2) die("stat");
    return (double)(user + system) / sysconf(_SC_CLK_TCK);
}

// Before the load: one packet out, one of a given kind in, on a socket that still blocks.
static void exchange(struct client *one, const unsigned char *packet, size_t size, int answer) {
    unsigned char head[2], rest[256];
    if (SSL_write(one->tls, packet, (int)size) != (int)size) die("SSL_write");
    if (SSL_read(one->tls, head, 2) != 2) die("SSL_read");
    if (head[0] != answer || SSL_read(one->tls, rest, head[1]) != head[1]) die("not the answer that was expected");
}

static void connect_client(struct client *one, SSL_CTX *context, const struct sockaddr_in *peer, int number) {
    one->fd = socket(AF_INET, SOCK_STREAM, 0);
    int yes = 1;
    setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connect(one->fd, (const struct sockaddr *)peer, sizeof *peer)) die("connect");
    one->tls = SSL_new(context);
    SSL_set_fd(one->tls, one->fd);
    if (SSL_connect(one->tls) != 1) die("SSL_connect");
    if (SSL_version(one->tls) != TLS1_3_VERSION) die("not TLS 1.3");
    one->in = malloc(buffer_size);
    unsigned char hello[23] = {0x10, 20, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 8, 'b', 'e', 'n', 'c', 'h'};
    snprintf((char *)hello + 19, 4, "%03d", number % 1000);
    exchange(one, hello, 22, 0x20);
}

static void subscribe(struct client *one) {
    const unsigned char packet[] = {0x82, 10, 0, 1, 0, topic_size, 'b', 'o', 'a', 'r', 'd', 0};
    exchange(one, packet, sizeof packet, 0x90);
}

static void take(const unsigned char *payload, size_t size) {
    double sent;
    uint64_t number;
    if (size != (size_t)payload_size) { wrong++; return; }
    memcpy(&sent, payload, 8);
    memcpy(&number, payload + 8, 8);
    delivered++;
    if (counting && sampled < samples_kept && (delivered & 7) == 0) samples[sampled++] = (float)((now() - sent) * 1000);
    if (++arrived[number % ring] == count) {
        arrived[number % ring] = 0;
        finished++;
    }
}

// Takes whole packets out of what has arrived.
static void parse(struct client *one) {
    size_t at = 0;
    while (one->used - at >= 2) {
        size_t length = 0, head = 1;
        int shift = 0, whole = 0;
        while (head < 5 && at + head < one->used) {
            unsigned char byte = one->in[at + head++];
            length |= (size_t)(byte & 127) << shift;
            shift += 7;
            if (!(byte & 128)) { whole = 1; break; }
        }
        if (!whole || at + head + length > one->used) break;
        if ((one->in[at] & 0xF0) == 0x30) take(one->in + at + head + 2 + topic_size, length - 2 - topic_size);
        at += head + length;
    }
    memmove(one->in, one->in + at, one->used - at);
    one->used -= at;
}

static void readable(struct client *one) {
    for (;;) {
        int got = SSL_read(one->tls, one->in + one->used, (int)(buffer_size - one->used));
        if (got <= 0) {
            if (SSL_get_error(one->tls, got) == SSL_ERROR_WANT_READ) return;
            die("a connection ended");
        }
        one->used += (size_t)got;
        parse(one);
    }
}

// Puts as many messages into the way as there is room for, and writes what can be written.
static void publish(void) {
    while (published - finished < (uint64_t)in_flight && out_used + (size_t)payload_size + 16 < sizeof out) {
        size_t length = 2 + topic_size + (size_t)payload_size;
        unsigned char *to = out + out_used;
        *to++ = 0x30;
        for (size_t left = length; ; left >>= 7) {
            *to++ = (unsigned char)((left & 127) | (left > 127 ? 128 : 0));
            if (left <= 127) break;
        }
        memcpy(to, "\0\5board", 7);
        to += 7;
        memset(to, 'x', (size_t)payload_size);
        double sent = now();
        memcpy(to, &sent, 8);
        memcpy(to + 8, &published, 8);
        published++;
        out_used = (size_t)(to + payload_size - out);
    }
    while (out_sent < out_used) {
        int wrote = SSL_write(publisher.tls, out + out_sent, (int)(out_used - out_sent));
        if (wrote <= 0) {
            if (SSL_get_error(publisher.tls, wrote) == SSL_ERROR_WANT_WRITE) return;
            die("the publisher's connection ended");
        }
        out_sent += (size_t)wrote;
    }
    out_used = out_sent = 0;
}

static void run_until(double end) {
    double last = now();
    uint64_t before = delivered;
    while (now() < end) {
        publish();
        struct epoll_event events[256];
        int ready = epoll_wait(poller, events, 256, 20);
        for (int index = 0; index < ready; index++) readable(events[index].data.ptr);
        if (delivered != before) before = delivered, last = now();
        else if (now() - last > 3) die("nothing was delivered for three seconds: messages were lost");
    }
}

static void nonblocking(struct client *one) {
    fcntl(one->fd, F_SETFL, O_NONBLOCK);
    SSL_set_mode(one->tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = one};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, one->fd, &event)) die("epoll_ctl");
}

static int by_value(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    if (argc != 9) return fprintf(stderr, "usage: see the top of mqtt-fanout.c\n"), 2;
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
    if (inet_pton(AF_INET, argv[1], &peer.sin_addr) != 1) return fprintf(stderr, "no address\n"), 2;
    count = atoi(argv[4]), payload_size = atoi(argv[5]), in_flight = atoi(argv[6]), broker = atoi(argv[8]);
    if (count < 1 || count > most || payload_size < 16 || payload_size > 65536 || in_flight < 1 || in_flight >= ring) return 2;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_load_verify_locations(context, argv[3], NULL) != 1) die(argv[3]);
    samples = malloc(sizeof *samples * samples_kept);
    poller = epoll_create1(0);
    for (int index = 0; index < count; index++) {
        connect_client(&subscribers[index], context, &peer, index);
        subscribe(&subscribers[index]);
        nonblocking(&subscribers[index]);
    }
    connect_client(&publisher, context, &peer, 999);
    nonblocking(&publisher);
    run_until(now() + 1);
    counting = 1;
    uint64_t delivered_before = delivered, published_before = published;
    double began = now(), broker_before = broker_cpu(), own_before = own_cpu();
    run_until(began + atof(argv[7]));
    double seconds = now() - began, of_broker = broker_cpu() - broker_before, own = own_cpu() - own_before;
    qsort(samples, sampled, sizeof *samples, by_value);
    printf("{\"deliveries\": %lu, \"messages\": %lu, \"wrong\": %lu, \"seconds\": %.3f, \"brokerCPU\": %.3f, \"clientCPU\": %.3f, "
           "\"p50\": %.3f, \"p99\": %.3f}\n",
        delivered - delivered_before, published - published_before, wrong, seconds, of_broker, own,
        sampled ? samples[sampled / 2] : 0, sampled ? samples[sampled * 99 / 100] : 0);
    return 0;
}
