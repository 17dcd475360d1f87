/* A control point on GUPnP: finds a light, reads it, calls it, hears its events, and sees it go.
 *
 *     gupnp-control-point ADDRESS SECONDS
 *
 * ADDRESS is the own address to work from, IPv4 or IPv6 (with %interface where it is link-local).
 * Prints one line for each thing seen, and ends when the light has gone, or after SECONDS.
 */
#include <libgupnp/gupnp.h>
#include <stdlib.h>

#define DEVICE "urn:schemas-upnp-org:device:DimmableLight:1"
#define SERVICE "urn:schemas-upnp-org:service:SwitchPower:1"

static GMainLoop *loop;
static GUPnPServiceProxy *service;

static void say(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

static gboolean on_time_up(gpointer unused) {
    (void)unused;
    g_main_loop_quit(loop);
    return G_SOURCE_REMOVE;
}

/* Calls an action and waits for its answer; NULL after a fault, which is printed. */
static GUPnPServiceProxyAction *call(const char *name, const char *argument, gboolean value) {
    GError *error = NULL;
    GUPnPServiceProxyAction *action =
        argument ? gupnp_service_proxy_action_new(name, argument, G_TYPE_BOOLEAN, value, NULL)
                 : gupnp_service_proxy_action_new(name, NULL);
    if (gupnp_service_proxy_call_action(service, action, NULL, &error)) return action;
    say("fault %s %d %s", name, error->code, error->message);
    g_error_free(error);
    gupnp_service_proxy_action_unref(action);
    return NULL;
}

static void on_event(GUPnPServiceProxy *proxy, const char *variable, GValue *value, gpointer unused) {
    (void)proxy, (void)unused;
    gboolean status = g_value_get_boolean(value);
    say("event %s %d", variable, status);
    static gboolean switched = FALSE;
    if (switched) return;
    switched = TRUE;
    GUPnPServiceProxyAction *set = call("SetTarget", "newTargetValue", !status);
    if (set) {
        say("called SetTarget");
        gupnp_service_proxy_action_unref(set);
    }
}

static void on_introspected(GObject *source, GAsyncResult *result, gpointer unused) {
    (void)unused;
    GError *error = NULL;
    GUPnPServiceIntrospection *scpd =
        gupnp_service_info_introspect_finish(GUPNP_SERVICE_INFO(source), result, &error);
    if (!scpd) {
        say("unreadable %s", error->message);
        return;
    }
    say("introspected %d actions, %d variables", g_list_length((GList *)gupnp_service_introspection_list_actions(scpd)),
        g_list_length((GList *)gupnp_service_introspection_list_state_variables(scpd)));
    g_object_unref(scpd);

    GUPnPServiceProxyAction *get = call("GetStatus", NULL, FALSE);
    if (get) {
        gboolean status = FALSE;
        gupnp_service_proxy_action_get_result(get, &error, "ResultStatus", G_TYPE_BOOLEAN, &status, NULL);
        say("called GetStatus %d", status);
        gupnp_service_proxy_action_unref(get);
    }
    call("Explode", NULL, FALSE);
    gupnp_service_proxy_add_notify(service, "Status", G_TYPE_BOOLEAN, on_event, NULL);
    gupnp_service_proxy_set_subscribed(service, TRUE);
}

static void on_lost(GUPnPServiceProxy *proxy, const GError *reason, gpointer unused) {
    (void)proxy, (void)unused;
    say("lost %s", reason ? reason->message : "the subscription");
}

static void on_device(GUPnPControlPoint *control, GUPnPDeviceProxy *device, gpointer unused) {
    (void)control, (void)unused;
    if (service) return;
    GUPnPDeviceInfo *info = GUPNP_DEVICE_INFO(device);
    char *name = gupnp_device_info_get_friendly_name(info);
    say("found %s", gupnp_device_info_get_location(info));
    say("described %s", name);
    g_free(name);
    service = GUPNP_SERVICE_PROXY(gupnp_device_info_get_service(info, SERVICE));
    if (!service) {
        say("no SwitchPower");
        return;
    }
    g_signal_connect(service, "subscription-lost", G_CALLBACK(on_lost), NULL);
    gupnp_service_info_introspect_async(GUPNP_SERVICE_INFO(service), NULL, on_introspected, NULL);
}

static void on_gone(GUPnPControlPoint *control, GUPnPDeviceProxy *device, gpointer unused) {
    (void)control, (void)unused;
    say("gone %s", gupnp_device_info_get_udn(GUPNP_DEVICE_INFO(device)));
    g_timeout_add(100, on_time_up, NULL);
}

int main(int count, char **words) {
    if (count != 3) return 2;
    GError *error = NULL;
    GInetAddress *address = NULL;
    /* A link-local address names its interface; GUPnP takes the two apart. */
    char **parts = g_strsplit(words[1], "%", 2);
    address = g_inet_address_new_from_string(parts[0]);
    GUPnPContext *context = gupnp_context_new_full(parts[1], address, 0, GSSDP_UDA_VERSION_1_1, &error);
    if (!context) {
        say("no context: %s", error->message);
        return 1;
    }
    loop = g_main_loop_new(NULL, FALSE);
    GUPnPControlPoint *control = gupnp_control_point_new(context, DEVICE);
    g_signal_connect(control, "device-proxy-available", G_CALLBACK(on_device), NULL);
    g_signal_connect(control, "device-proxy-unavailable", G_CALLBACK(on_gone), NULL);
    gssdp_resource_browser_set_active(GSSDP_RESOURCE_BROWSER(control), TRUE);
    g_timeout_add_seconds(atoi(words[2]), on_time_up, NULL);
    say("ready");
    g_main_loop_run(loop);
    return 0;
}
