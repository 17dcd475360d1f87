// A BinaryLight on libupnp, to compare with: libupnp-light INTERFACE WEB-FOLDER
// Prints "location=URL" when it is up, and ends at SIGTERM.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <upnp/upnp.h>
#include <upnp/upnptools.h>

static const char *const service = "urn:schemas-upnp-org:service:SwitchPower:1";
static char target[2] = "0";
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void act(UpnpActionRequest *request) {
    const char *name = UpnpActionRequest_get_ActionName_cstr(request);
    IXML_Document *answer = NULL;
    pthread_mutex_lock(&lock);
    if (strcmp(name, "GetStatus") == 0) {
        UpnpAddToActionResponse(&answer, name, service, "ResultStatus", target);
    } else if (strcmp(name, "GetTarget") == 0) {
        UpnpAddToActionResponse(&answer, name, service, "RetTargetValue", target);
    } else if (strcmp(name, "SetTarget") == 0) {
        IXML_NodeList *values = ixmlDocument_getElementsByTagName(
            UpnpActionRequest_get_ActionRequest(request), "newTargetValue");
        IXML_Node *text = values ? ixmlNode_getFirstChild(ixmlNodeList_item(values, 0)) : NULL;
        const char *value = text ? ixmlNode_getNodeValue(text) : NULL;
        if (value) target[0] = value[0] == '1' ? '1' : '0';
        if (values) ixmlNodeList_free(values);
        UpnpAddToActionResponse(&answer, name, service, NULL, NULL);
    } else {
        UpnpActionRequest_set_ErrCode(request, 401);
    }
    pthread_mutex_unlock(&lock);
    if (answer) {
        UpnpActionRequest_set_ActionResult(request, answer);
        UpnpActionRequest_set_ErrCode(request, UPNP_E_SUCCESS);
    }
}

static UpnpDevice_Handle device;

static int event(Upnp_EventType type, const void *what, void *cookie) {
    (void)cookie;
    if (type == UPNP_CONTROL_ACTION_REQUEST) {
        act((UpnpActionRequest *)what);
    } else if (type == UPNP_EVENT_SUBSCRIPTION_REQUEST) {
        const UpnpSubscriptionRequest *request = what;
        const char *names[] = {"Status"}, *values[] = {target};
        UpnpAcceptSubscription(device, UpnpSubscriptionRequest_get_UDN_cstr(request),
            UpnpSubscriptionRequest_get_ServiceId_cstr(request), names, values, 1,
            UpnpSubscriptionRequest_get_SID_cstr(request));
    }
    return 0;
}

static int failed(const char *what, int code) {
    fprintf(stderr, "%s: %s\n", what, UpnpGetErrorMessage(code));
    return 1;
}

int main(int argc, char **argv) {
    if (argc != 3) return fprintf(stderr, "usage: libupnp-light INTERFACE WEB-FOLDER\n"), 2;
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    int code = UpnpInit2(argv[1], 0);
    if (code) return failed("UpnpInit2", code);
    code = UpnpSetWebServerRootDir(argv[2]);
    if (code) return failed("UpnpSetWebServerRootDir", code);
    char location[128];
    snprintf(location, sizeof location, "http://%s:%d/light.xml", UpnpGetServerIpAddress(), UpnpGetServerPort());
    code = UpnpRegisterRootDevice(location, event, NULL, &device);
    if (code) return failed("UpnpRegisterRootDevice", code);
    code = UpnpSendAdvertisement(device, 1800);
    if (code) return failed("UpnpSendAdvertisement", code);
    printf("location=%s\n", location);
    fflush(stdout);
    int number;
    sigwait(&ends, &number);
    UpnpUnRegisterRootDevice(device);
    UpnpFinish();
    return 0;
}
