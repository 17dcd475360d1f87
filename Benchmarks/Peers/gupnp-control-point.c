// A control point on gupnp, to compare with: gupnp-control-point INTERFACE COUNT
// Prints "ready", searches when a line arrives on standard input, and prints "complete ms=…" when it has
// that many root devices with their descriptions; stays until SIGTERM, so that it can be weighed.
#include <glib-unix.h>
#include <libgupnp/gupnp.h>

static guint wanted, found;
static gint64 started;
static GUPnPControlPoint *control_point;

static void appeared(GUPnPControlPoint *point, GUPnPDeviceProxy *device, gpointer data) {
    (void)point, (void)device, (void)data;
    if (++found != wanted) return;
    g_print("complete ms=%.1f\n", (g_get_monotonic_time() - started) / 1000.0);
}

static gboolean go(GIOChannel *channel, GIOCondition condition, gpointer data) {
    (void)channel, (void)condition, (void)data;
    started = g_get_monotonic_time();
    gssdp_resource_browser_set_active(GSSDP_RESOURCE_BROWSER(control_point), TRUE);
    return G_SOURCE_REMOVE;
}

static gboolean end(gpointer loop) {
    g_main_loop_quit(loop);
    return G_SOURCE_REMOVE;
}

int main(int argc, char **argv) {
    if (argc != 3) return g_printerr("usage: gupnp-control-point INTERFACE COUNT\n"), 2;
    wanted = (guint)g_ascii_strtoull(argv[2], NULL, 10);
    GError *error = NULL;
    GUPnPContext *context = gupnp_context_new_full(argv[1], NULL, 0, GSSDP_UDA_VERSION_1_0, &error);
    if (!context) return g_printerr("%s\n", error->message), 1;
    control_point = gupnp_control_point_new(context, "upnp:rootdevice");
    gssdp_resource_browser_set_mx(GSSDP_RESOURCE_BROWSER(control_point), 1);
    g_signal_connect(control_point, "device-proxy-available", G_CALLBACK(appeared), NULL);
    g_io_add_watch(g_io_channel_unix_new(0), G_IO_IN, go, NULL);
    GMainLoop *loop = g_main_loop_new(NULL, FALSE);
    g_unix_signal_add(SIGTERM, end, loop);
    g_print("ready\n");
    g_main_loop_run(loop);
    return 0;
}
