/*
 * Latchkey's secure groups, for C: be a member of a group, ask services, answer requests.
 *
 *     latchkey_group_options options = { .size = sizeof options, .id = "kiosk-7", .setup_code = "7K3QX-9M2TB" };
 *     latchkey_group *group;
 *     if (latchkey_group_open(&options, &group) == LATCHKEY_OK && latchkey_group_wait(group, 60000) == LATCHKEY_OK)
 *         latchkey_group_request(group, "urn:example:service:Board:1", "news", 4, 2000, 0, on_update, NULL, NULL);
 *     ...
 *     latchkey_group_close(group);
 *
 * Keys, rekeys and controllers are hidden: a membership registers, and registers again when it has to, by itself.
 *
 * Threads. Every function may be called from any thread, and from callbacks too unless it says otherwise. The callbacks
 * of one group come one after the other, on a thread of the library. A callback that waits holds up this group's other
 * callbacks and nothing else; what it does not take in time is dropped, as on a slow network.
 *
 * Ownership. What a function gets is copied before it returns. What a callback gets is the library's, and is valid until
 * the callback returns. A context pointer is handed back as it is, and never touched.
 *
 * After latchkey_group_close() has returned, no callback of the group comes any more. A handle that was closed is no
 * handle: every function refuses it with LATCHKEY_INVALID, and closing it again does nothing. So is NULL.
 *
 * Errors. Functions give a latchkey_status, and never end the process or throw. latchkey_status_text() says it in words.
 *
 * The interface grows at the ends: structures begin with their size, as the caller knows it, or as the library does.
 */
#ifndef LATCHKEY_GROUPS_H
#define LATCHKEY_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__clang__)
#pragma clang assume_nonnull begin
#define LATCHKEY_NULLABLE _Nullable
#else
#define LATCHKEY_NULLABLE
#endif

/* The version of this interface. A library of a later version serves programs of an earlier one. */
#define LATCHKEY_GROUPS_VERSION 1u

/* The longest payload of a request or an answer, bytes. */
#define LATCHKEY_LONGEST_PAYLOAD 60000u

/* A membership. */
typedef struct latchkey_group latchkey_group;

/* How it went. */
typedef enum latchkey_status {
    LATCHKEY_OK = 0,
    /* A handle, an id, a code, a service's name, a payload or a time is not what it may be. Nothing was done. */
    LATCHKEY_INVALID = 1,
    /* The membership has ended for good; LATCHKEY_EVENT_ENDED has said why. */
    LATCHKEY_ENDED = 2,
    /* The device is no member at this moment. */
    LATCHKEY_NOT_REGISTERED = 3,
    /* No controller of a group was found on the network. */
    LATCHKEY_NOBODY_FOUND = 4,
    /* A controller was found and has not answered. */
    LATCHKEY_NO_ANSWER = 5,
    /* No controller knows this id with this code. */
    LATCHKEY_WRONG_CODE = 6,
    /* The controller knows the device and declines it. */
    LATCHKEY_DECLINED = 7,
    /* The device was evicted and may not return. */
    LATCHKEY_EVICTED = 8,
    /* The device was enrolled as a client, which answers no requests. */
    LATCHKEY_NOT_A_SERVER = 9,
    /* The request was refused: the device may not ask for the service. */
    LATCHKEY_NOT_ALLOWED = 10,
    /* The request was refused: nobody offers the service. */
    LATCHKEY_NO_SERVER = 11,
    /* The request was refused: too many are open, or they come too fast; or too many wait here. */
    LATCHKEY_TOO_MANY = 12,
    /* No forwarder has taken the request, or its end was not heard; or the time to wait is over. */
    LATCHKEY_TIMED_OUT = 13,
    /* What the device keeps over a restart could not be read. */
    LATCHKEY_STORAGE = 14,
    /* Anything else: no socket, no such interface. */
    LATCHKEY_FAILED = 15
} latchkey_status;

/* The status in words, in English. Valid for ever; never NULL, also for a number that is no status. */
const char *latchkey_status_text(latchkey_status status);

/* The version of the library that is linked. */
uint32_t latchkey_groups_version(void);

/* ---- The membership ---- */

/* What happens to a membership. */
typedef enum latchkey_event_kind {
    /* The device is a member, with this number. */
    LATCHKEY_EVENT_REGISTERED = 1,
    /* The group is in this epoch: its keys are others from here on. Servers alone see it. */
    LATCHKEY_EVENT_EPOCH = 2,
    /* An attempt to register has failed, text says why; another follows. */
    LATCHKEY_EVENT_REGISTRATION_FAILED = 3,
    /* The controller is silent: the device looks for it and registers again. */
    LATCHKEY_EVENT_LOST = 4,
    /* The device was evicted. It tries to register again, in case that it may. */
    LATCHKEY_EVENT_EVICTED = 5,
    /* The membership has ended for good; status and text say why. The last event. */
    LATCHKEY_EVENT_ENDED = 6,
    /* The service in text can be asked for. */
    LATCHKEY_EVENT_SERVICE_APPEARED = 7,
    /* Nobody offers the service in text any more. */
    LATCHKEY_EVENT_SERVICE_VANISHED = 8
} latchkey_event_kind;

/* Something that happens to a membership. */
typedef struct latchkey_event {
    /* sizeof(latchkey_event), as the library knows it. */
    size_t size;
    latchkey_event_kind kind;
    /* LATCHKEY_OK but in LATCHKEY_EVENT_ENDED. */
    latchkey_status status;
    /* The member's number, or the epoch; 0 in other events. */
    uint32_t number;
    /* A reason or a service's name, UTF-8 and zero-terminated; "" in other events. */
    const char *text;
} latchkey_event;

/* What a device is a member with. Zero what is not needed: latchkey_group_options o = { .size = sizeof o, ... }. */
typedef struct latchkey_group_options {
    /* sizeof(latchkey_group_options), as the program knows it. */
    size_t size;
    /* The device's name as it was enrolled, 1 to 64 bytes of UTF-8. */
    const char *LATCHKEY_NULLABLE id;
    /* The code that “latchkey group enrol” has printed. */
    const char *LATCHKEY_NULLABLE setup_code;
    /* Names of interfaces with commas between them, such as "eth0,wlan0"; NULL for every private network. */
    const char *LATCHKEY_NULLABLE interfaces;
    /* 4 or 6 to use that version of IP alone; 0 for both. */
    int32_t family;
    /* The controller's address and port, such as "192.168.1.2:58081"; NULL to search for it. */
    const char *LATCHKEY_NULLABLE controller;
    /* A file that keeps the device's keys over a restart; NULL for none. It holds secrets. */
    const char *LATCHKEY_NULLABLE keep_file;
    /* How long the first registration may take, milliseconds; 0 to look for ever. */
    uint32_t patience_ms;
    /* Told of what happens; NULL for nobody. */
    void (*LATCHKEY_NULLABLE on_event)(void *LATCHKEY_NULLABLE context, const latchkey_event *event);
    /* Handed to on_event. */
    void *LATCHKEY_NULLABLE context;
    /* SSDP's UDP port, for tests; 0 for 1900. */
    uint16_t ssdp_port;
    /* Whether derivations that are fit for laboratories only are taken. */
    bool takes_test_derivation;
} latchkey_group_options;

/* Begins a membership: returns at once, and registers by itself from then on. *group is set when it gives LATCHKEY_OK,
 * and to NULL otherwise. Close it with latchkey_group_close(), also when the membership has ended. */
latchkey_status latchkey_group_open(
    const latchkey_group_options *LATCHKEY_NULLABLE options, latchkey_group *LATCHKEY_NULLABLE *LATCHKEY_NULLABLE group);

/* Waits until the device is registered, at most so long: LATCHKEY_OK, LATCHKEY_TIMED_OUT, or why the membership has ended.
 * Not from a callback: LATCHKEY_INVALID there. */
latchkey_status latchkey_group_wait(latchkey_group *LATCHKEY_NULLABLE group, uint32_t milliseconds);

/* Leaves the group and ends the membership; at most 4 s. No callback comes after it has returned. From one of the
 * group's own callbacks it returns at once: no other callback comes then, and leaving goes on by itself. */
void latchkey_group_close(latchkey_group *LATCHKEY_NULLABLE group);

/* Writes the names of the services that can be asked for, one a line and zero-terminated, as many bytes as fit; buffer
 * may be NULL if capacity is 0. Gives how many bytes all of it takes, the zero too; 0 for no handle. */
size_t latchkey_group_services(
    latchkey_group *LATCHKEY_NULLABLE group, char *LATCHKEY_NULLABLE buffer, size_t capacity);

/* ---- Asking ---- */

/* What becomes of a request. */
typedef enum latchkey_update_kind {
    /* A forwarder has taken it. */
    LATCHKEY_UPDATE_ACCEPTED = 1,
    /* A server has answered. */
    LATCHKEY_UPDATE_ANSWER = 2,
    /* It is over, with so many answers. The last update. */
    LATCHKEY_UPDATE_COMPLETED = 3,
    /* It was refused or not taken; status says why. The last update. */
    LATCHKEY_UPDATE_FAILED = 4
} latchkey_update_kind;

/* Something that becomes of a request. */
typedef struct latchkey_update {
    /* sizeof(latchkey_update), as the library knows it. */
    size_t size;
    latchkey_update_kind kind;
    /* LATCHKEY_OK but in LATCHKEY_UPDATE_FAILED. */
    latchkey_status status;
    /* The request's number, as latchkey_group_request() has given it. */
    uint64_t request;
    /* Of an answer: tells the servers of one request apart, from 1. */
    uint32_t server;
    /* Of an answer: whether this server says no more. */
    bool is_last;
    /* Of an answer: what it says; NULL if length is 0. */
    const uint8_t *LATCHKEY_NULLABLE payload;
    size_t length;
    /* In LATCHKEY_UPDATE_COMPLETED: how many answers were passed on. */
    uint32_t answers;
} latchkey_update;

/* Told of what becomes of a request. */
typedef void (*latchkey_update_callback)(void *LATCHKEY_NULLABLE context, const latchkey_update *update);

/* Asks all servers of a service; returns at once. Exactly one last update comes unless the request is cancelled or the
 * group closed. window_ms is how long answers are collected, 50 to 30000; maximum_answers 0 takes all, up to 63.
 * request, if it is not NULL, is given the request's number. */
latchkey_status latchkey_group_request(
    latchkey_group *LATCHKEY_NULLABLE group, const char *LATCHKEY_NULLABLE service,
    const void *LATCHKEY_NULLABLE payload, size_t length, uint32_t window_ms, uint32_t maximum_answers,
    latchkey_update_callback LATCHKEY_NULLABLE callback, void *LATCHKEY_NULLABLE context,
    uint64_t *LATCHKEY_NULLABLE request);

/* Tells all servers of a service something, without wanting an answer; returns at once. The last update, COMPLETED or
 * FAILED, says whether a forwarder has taken it; callback may be NULL. */
latchkey_status latchkey_group_announce(
    latchkey_group *LATCHKEY_NULLABLE group, const char *LATCHKEY_NULLABLE service,
    const void *LATCHKEY_NULLABLE payload, size_t length, latchkey_update_callback LATCHKEY_NULLABLE callback,
    void *LATCHKEY_NULLABLE context);

/* Hears no more of a request. An update that is on its way may still come. LATCHKEY_INVALID if it is over. */
latchkey_status latchkey_group_cancel(latchkey_group *LATCHKEY_NULLABLE group, uint64_t request);

/* ---- Answering ---- */

/* A request that this device is asked to answer. */
typedef struct latchkey_inbound {
    /* sizeof(latchkey_inbound), as the library knows it. */
    size_t size;
    /* What latchkey_group_answer() takes. */
    uint64_t request;
    /* The service, zero-terminated. */
    const char *service;
    /* A number of the client that says nothing of who it is. */
    uint32_t client;
    /* What is asked; NULL if length is 0. */
    const uint8_t *LATCHKEY_NULLABLE payload;
    size_t length;
} latchkey_inbound;

/* Told of a request: answer it here, later from any thread, or not at all. */
typedef void (*latchkey_inbound_callback)(void *LATCHKEY_NULLABLE context, const latchkey_inbound *inbound);

/* Offers a service. LATCHKEY_INVALID if it is offered already. A device that was enrolled as a client learns it by
 * LATCHKEY_EVENT_ENDED with LATCHKEY_NOT_A_SERVER. */
latchkey_status latchkey_group_serve(
    latchkey_group *LATCHKEY_NULLABLE group, const char *LATCHKEY_NULLABLE service,
    latchkey_inbound_callback LATCHKEY_NULLABLE callback, void *LATCHKEY_NULLABLE context);

/* Offers a service no longer. */
latchkey_status latchkey_group_stop_serving(
    latchkey_group *LATCHKEY_NULLABLE group, const char *LATCHKEY_NULLABLE service);

/* Answers a request, once or several times; after the last answer, or 60 s after the request, it is LATCHKEY_INVALID. Of
 * the requests that wait for an answer, the 1024 newest are remembered. */
latchkey_status latchkey_group_answer(
    latchkey_group *LATCHKEY_NULLABLE group, uint64_t request, const void *LATCHKEY_NULLABLE payload, size_t length,
    bool is_last);

#if defined(__clang__)
#pragma clang assume_nonnull end
#endif

#ifdef __cplusplus
}
#endif

#endif
