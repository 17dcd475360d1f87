/* A control point on libupnp: finds a light, reads it, calls it, hears its events, and sees it go.
 *
 *     libupnp-control-point INTERFACE SECONDS
 *
 * Prints one line for each thing seen, and ends when the light has gone, or after SECONDS.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <upnp/upnp.h>
#include <upnp/upnptools.h>

#define DEVICE "urn:schemas-upnp-org:device:DimmableLight:1"
#define SERVICE "urn:schemas-upnp-org:service:SwitchPower:1"

static UpnpClient_Handle client = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static char location[1024], udn[256];
static int gone;
static char status = '0';

/* The text of the element `name` that follows `service`, or of the first one where service is empty. */
static const char *text_of(const char *xml, const char *service, const char *name, char *into, size_t size) {
    char open[64];
    const char *from = *service ? strstr(xml, service) : xml;
    snprintf(open, sizeof open, "<%s>", name);
    const char *start = from ? strstr(from, open) : NULL;
    const char *end;
    if (!start) return NULL;
    start += strlen(open);
    end = strstr(start, "</");
    if (!end || (size_t)(end - start) >= size) return NULL;
    memcpy(into, start, end - start);
    into[end - start] = 0;
    return into;
}

static void print_event(const UpnpEvent *event) {
    IXML_NodeList *all = ixmlDocument_getElementsByTagName(UpnpEvent_get_ChangedVariables(event), "Status");
    IXML_Node *node = all ? ixmlNodeList_item(all, 0) : NULL;
    IXML_Node *text = node ? ixmlNode_getFirstChild(node) : NULL;
    if (text) status = *ixmlNode_getNodeValue(text);
    printf("event %d Status %c\n", UpnpEvent_get_EventKey(event), status);
    ixmlNodeList_free(all);
}

static int on_upnp(Upnp_EventType type, const void *event, void *unused) {
    (void)unused;
    pthread_mutex_lock(&lock);
    if (type == UPNP_DISCOVERY_SEARCH_RESULT || type == UPNP_DISCOVERY_ADVERTISEMENT_ALIVE) {
        const UpnpDiscovery *found = event;
        if (!*location && strstr(UpnpString_get_String(UpnpDiscovery_get_DeviceType(found)), DEVICE)) {
            snprintf(location, sizeof location, "%s", UpnpString_get_String(UpnpDiscovery_get_Location(found)));
            snprintf(udn, sizeof udn, "%s", UpnpString_get_String(UpnpDiscovery_get_DeviceID(found)));
        }
    } else if (type == UPNP_DISCOVERY_ADVERTISEMENT_BYEBYE) {
        if (*udn && !strcmp(udn, UpnpString_get_String(UpnpDiscovery_get_DeviceID(event)))) gone = 1;
    } else if (type == UPNP_EVENT_RECEIVED) {
        print_event(event);
    }
    fflush(stdout);
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return 0;
}

/* Reads a document and says how long it is; NULL when it cannot be read. */
static char *download(const char *url, const char *what) {
    IXML_Document *document = NULL;
    int result = UpnpDownloadXmlDoc(url, &document);
    if (result != UPNP_E_SUCCESS) {
        printf("unreadable %s %d\n", what, result);
        return NULL;
    }
    char *text = ixmlDocumenttoString(document);
    ixmlDocument_free(document);
    return text;
}

/* Calls an action; its answer, or the fault, is printed. */
static void call(const char *url, const char *name, const char *argument, const char *value, const char *result_name) {
    IXML_Document *action = UpnpMakeAction(name, SERVICE, argument ? 1 : 0, argument, value, NULL);
    IXML_Document *answer = NULL;
    int result = UpnpSendAction(client, url, SERVICE, NULL, action, &answer);
    char *text = answer ? ixmlDocumenttoString(answer) : NULL;
    char got[128] = "";
    if (text && result_name) text_of(text, "", result_name, got, sizeof got);
    if (result == UPNP_E_SUCCESS) printf("called %s %s\n", name, got);
    else printf("fault %s %d\n", name, result);
    fflush(stdout);
    free(text);
    ixmlDocument_free(action);
    if (answer) ixmlDocument_free(answer);
}

static int count_of(const char *text, const char *word) {
    int count = 0;
    for (; (text = strstr(text, word)); text++) count++;
    return count;
}

static void use_light(void) {
    char relative[512], control[1024], events[1024], scpd[1024], name[128];
    printf("found %s\n", location);
    char *description = download(location, "description");
    if (!description) return;
    text_of(description, "", "friendlyName", name, sizeof name);
    printf("described %s\n", name);
    if (!text_of(description, SERVICE, "controlURL", relative, sizeof relative)) return;
    UpnpResolveURL(location, relative, control);
    text_of(description, SERVICE, "eventSubURL", relative, sizeof relative);
    UpnpResolveURL(location, relative, events);
    text_of(description, SERVICE, "SCPDURL", relative, sizeof relative);
    UpnpResolveURL(location, relative, scpd);
    free(description);
    char *service = download(scpd, "service description");
    if (!service) return;
    printf("introspected %d actions, %d variables\n", count_of(service, "<action>"), count_of(service, "<stateVariable "));
    free(service);
    call(control, "GetStatus", NULL, NULL, "ResultStatus");
    call(control, "Explode", NULL, NULL, NULL);
    Upnp_SID sid;
    int seconds = 300, result = UpnpSubscribe(client, events, &seconds, sid);
    if (result == UPNP_E_SUCCESS) printf("subscribed for %d\n", seconds);
    else printf("not subscribed %d\n", result);
    fflush(stdout);
    usleep(300000);
    call(control, "SetTarget", "newTargetValue", status == '1' ? "0" : "1", NULL);
}

int main(int count, char **words) {
    if (count != 3) return 2;
    int result = UpnpInit2(words[1], 0);
    if (result != UPNP_E_SUCCESS || (result = UpnpRegisterClient(on_upnp, NULL, &client)) != UPNP_E_SUCCESS) {
        printf("no stack: %s\n", UpnpGetErrorMessage(result));
        return 1;
    }
    printf("ready\n");
    fflush(stdout);
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += atoi(words[2]);
    UpnpSearchAsync(client, 2, DEVICE, NULL);
    pthread_mutex_lock(&lock);
    while (!*location && !pthread_cond_timedwait(&changed, &lock, &end)) continue;
    pthread_mutex_unlock(&lock);
    if (*location) use_light();
    pthread_mutex_lock(&lock);
    while (!gone && !pthread_cond_timedwait(&changed, &lock, &end)) continue;
    if (gone) printf("gone %s\n", udn);
    fflush(stdout);
    pthread_mutex_unlock(&lock);
    UpnpUnRegisterClient(client);
    UpnpFinish();
    return 0;
}
