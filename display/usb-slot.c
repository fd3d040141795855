/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/usb-slot.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "display/chardev.h"
#include "display/usb-filter.h"

/* The library has no bound for what it keeps of a client's compressed messages, so nothing is left with it: all is taken, and a client
 * that sends more than a VM that stands still could ever have asked for loses its device. */
#define TO_VM_MAX (32 * 1024 * 1024)
#define TO_CLIENT_MAX (256 * 1024) /* more is left with QEMU, until the client has read */
/* QEMU may not have noticed yet that the client before is gone. */
#define RETRIES 10
#define RETRY_MS 300
/* Each is a line in the log and the audit. */
#define REPORTS_MAX 30
#define REPORTS_WINDOW_US (60 * G_USEC_PER_SEC)

typedef struct {
	GByteArray *bytes;
	gsize at; /* how many of them are gone */
} Queue;

struct UsbSlot {
	SpiceCharDeviceInstance device;
	GDBusConnection *qemu;
	char *path;
	UsbEvent on_event;
	void *data;
	UsbRules *rules;
	gboolean open;     /* the client's channel is there */
	UsbFilter *filter; /* NULL: what comes is dropped */
	const char *fault; /* found by a callback of the filter's, to be dealt with behind it; static */
	Queue to_client, to_vm;
	GCancellable *cancellable; /* of the registration */
	int fd;                    /* the port; -1: none */
	gboolean registered;
	guint tries, retry_id, read_id, write_id;
	gboolean told; /* that the device that is there was connected */
	guint reports;
	gint64 reports_since_us;
};

static gboolean on_readable(gint fd, GIOCondition condition, gpointer data);
static void begin(UsbSlot *slot);

static gsize
queue_size(const Queue *queue)
{
	return queue->bytes->len - queue->at;
}

static void
queue_clear(Queue *queue)
{
	g_byte_array_set_size(queue->bytes, 0);
	queue->at = 0;
}

static void
queue_eat(Queue *queue, gsize size)
{
	queue->at += size;
	if (queue->at == queue->bytes->len)
		queue_clear(queue);
	else if (queue->at > queue->bytes->len / 2) {
		g_byte_array_remove_range(queue->bytes, 0, (guint)queue->at);
		queue->at = 0;
	}
}

static void
unregister(UsbSlot *slot)
{
	g_cancellable_cancel(slot->cancellable);
	g_clear_object(&slot->cancellable);
	g_clear_handle_id(&slot->retry_id, g_source_remove);
	g_clear_handle_id(&slot->read_id, g_source_remove);
	g_clear_handle_id(&slot->write_id, g_source_remove);
	if (slot->fd >= 0)
		close(slot->fd);
	slot->fd = -1;
	slot->registered = FALSE;
}

static void
end(UsbSlot *slot)
{
	unregister(slot);
	g_clear_pointer(&slot->filter, usb_filter_free);
	queue_clear(&slot->to_client);
	queue_clear(&slot->to_vm);
	slot->fault = NULL;
}

static void
fail(UsbSlot *slot, const char *why)
{
	g_message("USB: %s; its channel is closed until the client comes again", why);
	end(slot);
}

/* FALSE: not told, and the channel is about to be closed. */
static gboolean
report(UsbSlot *slot, const char *event, const char *device)
{
	gint64 now = g_get_monotonic_time();

	if (now - slot->reports_since_us > REPORTS_WINDOW_US) {
		slot->reports_since_us = now;
		slot->reports = 0;
	}
	if (slot->reports++ >= REPORTS_MAX) {
		slot->fault = "the client's devices come and go too often";
		return FALSE;
	}
	slot->on_event(event, device, slot->data);
	return TRUE;
}

static void
on_connected(const char *device, void *data)
{
	UsbSlot *slot = data;

	slot->told = report(slot, USB_CONNECTED, device);
}

static void
on_refused(const char *device, const char *why, void *data)
{
	g_autofree char *text = g_strdup_printf("%s: %s", device, why);

	report(data, USB_REFUSED, text);
}

static void
on_disconnected(const char *device, void *data)
{
	UsbSlot *slot = data;

	if (slot->told)
		slot->on_event(USB_DISCONNECTED, device, slot->data);
	slot->told = FALSE;
}

static void
to_client(const void *bytes, gsize size, void *data)
{
	UsbSlot *slot = data;

	if (queue_size(&slot->to_client) + size > 2 * TO_CLIENT_MAX)
		slot->fault = "the client does not read what it asks for";
	else
		g_byte_array_append(slot->to_client.bytes, bytes, (guint)size);
}

static void
to_vm(const void *bytes, gsize size, void *data)
{
	UsbSlot *slot = data;

	if (slot->rules == NULL)
		return;
	if (queue_size(&slot->to_vm) + size > TO_VM_MAX)
		slot->fault = "the VM does not take what the client sends";
	else
		g_byte_array_append(slot->to_vm.bytes, bytes, (guint)size);
}

static const UsbFilterSink sink = {to_client, to_vm, on_connected, on_refused, on_disconnected};

static gboolean
on_writable(gint fd, GIOCondition condition, gpointer data)
{
	UsbSlot *slot = data;
	ssize_t n = send(fd, slot->to_vm.bytes->data + slot->to_vm.at, queue_size(&slot->to_vm), MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n > 0)
		queue_eat(&slot->to_vm, (gsize)n);
	if ((n >= 0 || errno == EAGAIN || errno == EINTR) && queue_size(&slot->to_vm) > 0)
		return G_SOURCE_CONTINUE;
	/* Whether QEMU is gone, reading tells. */
	if (n < 0)
		queue_clear(&slot->to_vm);
	slot->write_id = 0;
	return G_SOURCE_REMOVE;
}

/* What the filter has made of some bytes: on its way, both ways. */
static void
settle(UsbSlot *slot, const GError *error)
{
	if (error || slot->fault) {
		fail(slot, error ? error->message : slot->fault);
		return;
	}
	if (slot->registered && slot->write_id == 0 && queue_size(&slot->to_vm) > 0)
		slot->write_id = g_unix_fd_add(slot->fd, G_IO_OUT, on_writable, slot);
	if (queue_size(&slot->to_client) > 0)
		spice_server_char_device_wakeup(&slot->device);
}

static void
listen_to_vm(UsbSlot *slot)
{
	if (slot->registered && slot->read_id == 0 && queue_size(&slot->to_client) < TO_CLIENT_MAX)
		slot->read_id = g_unix_fd_add(slot->fd, G_IO_IN, on_readable, slot);
}

static gboolean
on_readable(gint fd, GIOCondition condition, gpointer data)
{
	UsbSlot *slot = data;
	g_autoptr(GError) error = NULL;
	guint8 buffer[65536];
	ssize_t n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return G_SOURCE_CONTINUE;
	slot->read_id = 0; /* set again where more may come */
	if (n > 0) {
		usb_filter_from_vm(slot->filter, buffer, (gsize)n, &error);
		settle(slot, error);
		listen_to_vm(slot);
	} else {
		fail(slot, "QEMU has closed its end");
	}
	return G_SOURCE_REMOVE;
}

static gboolean
on_retry(gpointer data)
{
	UsbSlot *slot = data;

	slot->retry_id = 0;
	begin(slot);
	return G_SOURCE_REMOVE;
}

static void
on_registered(const GError *error, void *data)
{
	UsbSlot *slot = data;

	if (error == NULL) {
		slot->registered = TRUE;
		listen_to_vm(slot);
		settle(slot, NULL);
		return;
	}
	unregister(slot);
	if (slot->tries++ < RETRIES)
		slot->retry_id = g_timeout_add(RETRY_MS, on_retry, slot);
	else
		fail(slot, error->message);
}

/* The client is here: what it says is kept until QEMU listens. */
static void
begin(UsbSlot *slot)
{
	if (slot->filter == NULL)
		slot->filter = usb_filter_new(slot->rules, &sink, slot);
	if (slot->rules == NULL) {
		usb_filter_pretend_vm(slot->filter);
		settle(slot, NULL);
		return;
	}
	slot->cancellable = g_cancellable_new();
	slot->fd = chardev_register(slot->qemu, slot->path, slot->cancellable, on_registered, slot);
	if (slot->fd < 0)
		fail(slot, "there is no way to QEMU");
}

static void
set_state(SpiceCharDeviceInstance *device, int connected)
{
	UsbSlot *slot = SPICE_CONTAINEROF(device, UsbSlot, device);

	end(slot);
	slot->open = connected != 0;
	slot->tries = 0;
	if (slot->open)
		begin(slot);
}

static int
write_bytes(SpiceCharDeviceInstance *device, const uint8_t *bytes, int size)
{
	UsbSlot *slot = SPICE_CONTAINEROF(device, UsbSlot, device);
	g_autoptr(GError) error = NULL;

	if (slot->filter && size > 0) {
		usb_filter_from_client(slot->filter, bytes, (gsize)size, &error);
		settle(slot, error);
	}
	return size;
}

static int
read_bytes(SpiceCharDeviceInstance *device, uint8_t *bytes, int size)
{
	UsbSlot *slot = SPICE_CONTAINEROF(device, UsbSlot, device);
	gsize n = MIN((gsize)MAX(size, 0), queue_size(&slot->to_client));

	if (n == 0)
		return 0;
	memcpy(bytes, slot->to_client.bytes->data + slot->to_client.at, n);
	queue_eat(&slot->to_client, n);
	listen_to_vm(slot);
	return (int)n;
}

static const SpiceCharDeviceInterface interface = {
	.base = {SPICE_INTERFACE_CHAR_DEVICE, "usbredir", SPICE_INTERFACE_CHAR_DEVICE_MAJOR, SPICE_INTERFACE_CHAR_DEVICE_MINOR},
	.state = set_state,
	.write = write_bytes,
	.read = read_bytes,
};

UsbSlot *
usb_slot_new(SpiceServer *server, GDBusConnection *qemu, const char *path, UsbEvent on_event, void *data)
{
	UsbSlot *slot = g_new0(UsbSlot, 1);

	slot->qemu = g_object_ref(qemu);
	slot->path = g_strdup(path);
	slot->on_event = on_event;
	slot->data = data;
	slot->fd = -1;
	slot->to_client.bytes = g_byte_array_new();
	slot->to_vm.bytes = g_byte_array_new();
	slot->device.base.sif = &interface.base;
	slot->device.subtype = "usbredir";
	if (spice_server_add_interface(server, &slot->device.base) < 0)
		g_error("libspice-server takes no USB channel");
	return slot;
}

void
usb_slot_free(UsbSlot *slot)
{
	if (slot == NULL)
		return;
	end(slot);
	usb_rules_unref(slot->rules);
	g_byte_array_unref(slot->to_client.bytes);
	g_byte_array_unref(slot->to_vm.bytes);
	g_object_unref(slot->qemu);
	g_free(slot->path);
	g_free(slot);
}

void
usb_slot_set_rules(UsbSlot *slot, UsbRules *rules)
{
	end(slot);
	usb_rules_unref(slot->rules);
	slot->rules = rules ? usb_rules_ref(rules) : NULL;
	slot->tries = 0;
	if (slot->open && rules)
		begin(slot);
}
