// sendmmsg(2), which the C library declares for programs with GNU extensions only, and its module is made without them.
#include <sys/socket.h>

struct clinux_mmsghdr {
    struct msghdr msg_hdr;
    unsigned int msg_len;
};

int clinux_sendmmsg(int socket, struct clinux_mmsghdr *messages, unsigned int count, int flags) __asm__("sendmmsg");
