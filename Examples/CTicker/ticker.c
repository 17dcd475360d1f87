/*
 * A ticker in C: shows what is announced to the service Ticker:1, and answers "how many" with how much that was.
 *
 *     ticker ID <CODE-FILE [INTERFACES]
 */
#include <latchkey_groups.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const service = "urn:example:service:Ticker:1";

static latchkey_group *group;
static atomic_bool ended;

/* Callbacks of one group come one after the other, so that this needs no lock. */
static void on_request(void *context, const latchkey_inbound *inbound) {
    unsigned *shown = context;
    if (inbound->length == 8 && memcmp(inbound->payload, "how many", 8) == 0) {
        char text[16];
        int length = snprintf(text, sizeof text, "%u", *shown);
        latchkey_group_answer(group, inbound->request, text, (size_t)length, true);
        return;
    }
    ++*shown;
    printf("*** %.*s\n", (int)inbound->length, inbound->length ? (const char *)inbound->payload : "");
    fflush(stdout);
}

static void on_event(void *context, const latchkey_event *event) {
    (void)context;
    switch (event->kind) {
    case LATCHKEY_EVENT_REGISTERED:
        printf("member %u\n", (unsigned)event->number);
        break;
    case LATCHKEY_EVENT_EPOCH:
        printf("epoch %u\n", (unsigned)event->number);
        break;
    case LATCHKEY_EVENT_ENDED:
        fprintf(stderr, "ticker: %s\n", event->text);
        atomic_store(&ended, true);
        break;
    default:
        break;
    }
    fflush(stdout);
}

int main(int argc, char **argv) {
    char code[64] = "";
    unsigned shown = 0;
    if (argc < 2 || !fgets(code, sizeof code, stdin)) {
        fprintf(stderr, "usage: ticker ID [INTERFACES] <CODE-FILE\n");
        return 2;
    }
    code[strcspn(code, "\r\n")] = 0;
    /* Before the library has threads, so that the signals wait for this one. */
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);

    latchkey_group_options options = {
        .size = sizeof options, .id = argv[1], .setup_code = code, .interfaces = argc > 2 ? argv[2] : NULL,
        .patience_ms = 60000, .on_event = on_event};
    latchkey_status status = latchkey_group_open(&options, &group);
    if (status == LATCHKEY_OK) status = latchkey_group_serve(group, service, on_request, &shown);
    if (status == LATCHKEY_OK) status = latchkey_group_wait(group, 60000);
    if (status != LATCHKEY_OK) {
        fprintf(stderr, "ticker: %s\n", latchkey_status_text(status));
        latchkey_group_close(group);
        return 1;
    }
    const struct timespec tick = {.tv_nsec = 100000000};
    while (!atomic_load(&ended) && sigtimedwait(&signals, NULL, &tick) < 0) {
    }
    latchkey_group_close(group);
    return atomic_load(&ended) ? 1 : 0;
}
