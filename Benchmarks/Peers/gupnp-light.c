// A BinaryLight on gupnp, to compare with: gupnp-light INTERFACE WEB-FOLDER
// Prints "location=URL" when it is up, and ends at SIGTERM.
#include <glib-unix.h>
#include <libgupnp/gupnp.h>

static gboolean target = FALSE;

static void get_status(GUPnPService *service, GUPnPServiceAction *action, gpointer data) {
    (void)service, (void)data;
    gupnp_service_action_set(action, "ResultStatus", G_TYPE_BOOLEAN, target, NULL);
    gupnp_service_action_return_success(action);
}

static void get_target(GUPnPService *service, GUPnPServiceAction *action, gpointer data) {
    (void)service, (void)data;
    gupnp_service_action_set(action, "RetTargetValue", G_TYPE_BOOLEAN, target, NULL);
    gupnp_service_action_return_success(action);
}

static void set_target(GUPnPService *service, GUPnPServiceAction *action, gpointer data) {
    (void)data;
    gboolean wanted = FALSE;
    gupnp_service_action_get(action, "newTargetValue", G_TYPE_BOOLEAN, &wanted, NULL);
    if (wanted != target) gupnp_service_notify(service, "Status", G_TYPE_BOOLEAN, wanted, NULL);
    target = wanted;
    gupnp_service_action_return_success(action);
}

static void query_status(GUPnPService *service, const char *variable, GValue *value, gpointer data) {
    (void)service, (void)variable, (void)data;
    g_value_init(value, G_TYPE_BOOLEAN);
    g_value_set_boolean(value, target);
}

static gboolean end(gpointer loop) {
    g_main_loop_quit(loop);
    return G_SOURCE_REMOVE;
}

int main(int argc, char **argv) {
    if (argc != 3) return g_printerr("usage: gupnp-light INTERFACE WEB-FOLDER\n"), 2;
    GError *error = NULL;
    GUPnPContext *context = gupnp_context_new_full(argv[1], NULL, 0, GSSDP_UDA_VERSION_1_0, &error);
    if (!context) return g_printerr("%s\n", error->message), 1;
    GUPnPRootDevice *root = gupnp_root_device_new(context, "light.xml", argv[2], &error);
    if (!root) return g_printerr("%s\n", error->message), 1;
    GUPnPServiceInfo *service = gupnp_device_info_get_service(
        GUPNP_DEVICE_INFO(root), "urn:schemas-upnp-org:service:SwitchPower:1");
    g_signal_connect(service, "action-invoked::GetStatus", G_CALLBACK(get_status), NULL);
    g_signal_connect(service, "action-invoked::GetTarget", G_CALLBACK(get_target), NULL);
    g_signal_connect(service, "action-invoked::SetTarget", G_CALLBACK(set_target), NULL);
    g_signal_connect(service, "query-variable::Status", G_CALLBACK(query_status), NULL);
    gupnp_root_device_set_available(root, TRUE);

    // The host and port of the control URL are those of the description.
    char *control = gupnp_service_info_get_control_url(service);
    GUri *uri = g_uri_parse(control, G_URI_FLAGS_NONE, &error);
    if (!uri) return g_printerr("%s\n", error->message), 1;
    g_print("location=http://%s:%d/light.xml\n", g_uri_get_host(uri), g_uri_get_port(uri));
    GMainLoop *loop = g_main_loop_new(NULL, FALSE);
    g_unix_signal_add(SIGTERM, end, loop);
    g_unix_signal_add(SIGINT, end, loop);
    g_main_loop_run(loop);
    gupnp_root_device_set_available(root, FALSE);
    g_uri_unref(uri);
    g_free(control);
    g_object_unref(service);
    g_object_unref(root);
    g_object_unref(context);
    return 0;
}
