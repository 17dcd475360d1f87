// Many root devices in one cheap process, for control points to find: device-swarm INTERFACE ADDRESS COUNT
//
// Device n has the address ADDRESS + n, all of them on the interface already. A search for upnp:rootdevice
// or ssdp:all is answered from every address, 8 answers a millisecond, whatever its MX; descriptions come over HTTP, port 8080.
// Prints "ready".
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { http_port = 8080, per_millisecond = 8, connection_most = 4096 };

static uint32_t first;
static int count, search_socket, timer;
static struct { struct sockaddr_in to; int next; } rounds[64];
static int round_count;
static char *inputs[connection_most];
static size_t used[connection_most];

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void address_text(int device, char text[16]) {
    struct in_addr address = {htonl(first + (uint32_t)device)};
    inet_ntop(AF_INET, &address, text, 16);
}

static void answer(int device, struct sockaddr_in *to) {
    char address[16], text[512], control[CMSG_SPACE(sizeof(struct in_pktinfo))] = {0};
    address_text(device, address);
    int size = snprintf(text, sizeof text,
        "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=1800\r\nEXT:\r\nLOCATION: http://%s:%d/description.xml\r\n"
        "SERVER: Linux/6 UPnP/1.0 swarm/1\r\nST: upnp:rootdevice\r\n"
        "USN: uuid:6d1a5c0e-0000-4000-8000-0000000%05x::upnp:rootdevice\r\nBOOTID.UPNP.ORG: 1\r\n"
        "CONFIGID.UPNP.ORG: 1\r\n\r\n", address, http_port, device);
    struct iovec piece = {text, (size_t)size};
    struct msghdr message = {.msg_name = to, .msg_namelen = sizeof *to, .msg_iov = &piece, .msg_iovlen = 1,
        .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = IPPROTO_IP;
    header->cmsg_type = IP_PKTINFO;
    header->cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo));
    ((struct in_pktinfo *)CMSG_DATA(header))->ipi_spec_dst.s_addr = htonl(first + (uint32_t)device);
    sendmsg(search_socket, &message, 0);
}

static void set_timer(int on) {
    struct itimerspec spec = {.it_interval.tv_nsec = on ? 1000000 : 0, .it_value.tv_nsec = on ? 1000000 : 0};
    timerfd_settime(timer, 0, &spec, NULL);
}

static void search(void) {
    char text[2048];
    struct sockaddr_in from;
    socklen_t length = sizeof from;
    ssize_t got = recvfrom(search_socket, text, sizeof text - 1, 0, (struct sockaddr *)&from, &length);
    if (got <= 0) return;
    text[got] = 0;
    if (strncmp(text, "M-SEARCH", 8) || !(strstr(text, "upnp:rootdevice") || strstr(text, "ssdp:all"))) return;
    if (round_count == 64) return;
    rounds[round_count].to = from;
    rounds[round_count++].next = 0;
    set_timer(1);
}

static void tick(void) {
    uint64_t expirations;
    if (read(timer, &expirations, sizeof expirations) != sizeof expirations) return;
    for (int index = 0; index < round_count; index++)
        for (int n = 0; n < per_millisecond && rounds[index].next < count; n++) answer(rounds[index].next++, &rounds[index].to);
    int kept = 0;
    for (int index = 0; index < round_count; index++) if (rounds[index].next < count) rounds[kept++] = rounds[index];
    round_count = kept;
    if (!kept) set_timer(0);
}

static void describe(int fd) {
    struct sockaddr_in own;
    socklen_t length = sizeof own;
    getsockname(fd, (struct sockaddr *)&own, &length);
    int device = (int)(ntohl(own.sin_addr.s_addr) - first);
    char body[2048], head[256];
    int size = snprintf(body, sizeof body,
        "<?xml version=\"1.0\"?>\r\n<root xmlns=\"urn:schemas-upnp-org:device-1-0\"><specVersion><major>1</major>"
        "<minor>0</minor></specVersion><device><deviceType>urn:schemas-upnp-org:device:BinaryLight:1</deviceType>"
        "<friendlyName>Swarm %d</friendlyName><manufacturer>Bench</manufacturer>"
        "<modelDescription>One of many</modelDescription><modelName>Swarm</modelName><modelNumber>1</modelNumber>"
        "<UDN>uuid:6d1a5c0e-0000-4000-8000-0000000%05x</UDN><iconList><icon><mimetype>image/png</mimetype>"
        "<width>48</width><height>48</height><depth>24</depth><url>/icon.png</url></icon></iconList><serviceList>"
        "<service><serviceType>urn:schemas-upnp-org:service:SwitchPower:1</serviceType>"
        "<serviceId>urn:upnp-org:serviceId:SwitchPower</serviceId><SCPDURL>/SwitchPower.xml</SCPDURL>"
        "<controlURL>/SwitchPower/control</controlURL><eventSubURL>/SwitchPower/event</eventSubURL></service>"
        "<service><serviceType>urn:schemas-upnp-org:service:Dimming:1</serviceType>"
        "<serviceId>urn:upnp-org:serviceId:Dimming</serviceId><SCPDURL>/Dimming.xml</SCPDURL>"
        "<controlURL>/Dimming/control</controlURL><eventSubURL>/Dimming/event</eventSubURL></service>"
        "</serviceList></device></root>\r\n", device, device);
    int head_size = snprintf(head, sizeof head,
        "HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=\"utf-8\"\r\nContent-Length: %d\r\n\r\n", size);
    struct iovec pieces[2] = {{head, (size_t)head_size}, {body, (size_t)size}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    sendmsg(fd, &message, MSG_NOSIGNAL);
}

static void forget(int fd) {
    free(inputs[fd]);
    inputs[fd] = NULL;
    used[fd] = 0;
    close(fd);
}

static void request(int fd) {
    if (!inputs[fd]) inputs[fd] = malloc(4096);
    ssize_t got = recv(fd, inputs[fd] + used[fd], 4095 - used[fd], 0);
    if (got <= 0) return forget(fd);
    used[fd] += (size_t)got;
    inputs[fd][used[fd]] = 0;
    if (!strstr(inputs[fd], "\r\n\r\n")) {
        if (used[fd] >= 4095) forget(fd);
        return;
    }
    describe(fd);
    used[fd] = 0;
}

int main(int argc, char **argv) {
    if (argc != 4) return fprintf(stderr, "usage: device-swarm INTERFACE ADDRESS COUNT\n"), 2;
    struct in_addr address;
    if (inet_pton(AF_INET, argv[2], &address) != 1) return 2;
    first = ntohl(address.s_addr);
    count = atoi(argv[3]);
    int yes = 1, poller = epoll_create1(0);
    timer = timerfd_create(CLOCK_MONOTONIC, 0);

    search_socket = socket(AF_INET, SOCK_DGRAM, 0);
    setsockopt(search_socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    struct sockaddr_in group = {.sin_family = AF_INET, .sin_port = htons(1900)};
    inet_pton(AF_INET, "239.255.255.250", &group.sin_addr);
    if (bind(search_socket, (struct sockaddr *)&group, sizeof group)) die("bind 1900");
    struct ip_mreqn member = {.imr_multiaddr = group.sin_addr, .imr_ifindex = (int)if_nametoindex(argv[1])};
    if (setsockopt(search_socket, IPPROTO_IP, IP_ADD_MEMBERSHIP, &member, sizeof member)) die("join");

    int listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(http_port)};
    if (bind(listener, (struct sockaddr *)&any, sizeof any) || listen(listener, 1024)) die("bind 8080");

    int sockets[] = {search_socket, listener, timer};
    for (int index = 0; index < 3; index++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = sockets[index]};
        if (epoll_ctl(poller, EPOLL_CTL_ADD, sockets[index], &event)) die("epoll_ctl");
    }
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct epoll_event events[256];
        int ready = epoll_wait(poller, events, 256, -1);
        for (int index = 0; index < ready; index++) {
            int fd = events[index].data.fd;
            if (fd == search_socket) search();
            else if (fd == timer) tick();
            else if (fd != listener) request(fd);
            else {
                int accepted = accept4(listener, NULL, NULL, 0);
                struct epoll_event event = {.events = EPOLLIN, .data.fd = accepted};
                if (accepted >= connection_most) close(accepted);
                else if (accepted >= 0 && epoll_ctl(poller, EPOLL_CTL_ADD, accepted, &event)) die("epoll_ctl");
            }
        }
    }
}
