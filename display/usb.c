/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/usb.h"

#include "display/chardev.h"

/* As pools name it in a desktop's XML. */
#define CHANNEL "org.qemu.usbredir"
#define SLOTS_MAX 4

struct Usb {
	GDBusConnection *qemu;
	GCancellable *cancellable;
	UsbEvent on_event;
	void *data;
	char **paths; /* NULL: not known yet */
	SpiceServer *server;
	GPtrArray *slots; /* UsbSlot */
	UsbRules *rules;
};

static void
offer(Usb *usb)
{
	if (usb->server == NULL || usb->paths == NULL || usb->slots->len > 0)
		return;
	for (char **path = usb->paths; *path != NULL && usb->slots->len < SLOTS_MAX; path++) {
		UsbSlot *slot = usb_slot_new(usb->server, usb->qemu, *path, usb->on_event, usb->data);

		usb_slot_set_rules(slot, usb->rules);
		g_ptr_array_add(usb->slots, slot);
	}
}

static void
on_found(const char *const *paths, const GError *error, void *data)
{
	Usb *usb = data;

	if (error) {
		g_message("no USB: %s", error->message);
		return;
	}
	usb->paths = g_strdupv((char **)paths);
	offer(usb);
}

Usb *
usb_new(GDBusConnection *qemu, UsbEvent on_event, void *data)
{
	Usb *usb = g_new0(Usb, 1);

	usb->qemu = g_object_ref(qemu);
	usb->on_event = on_event;
	usb->data = data;
	usb->cancellable = g_cancellable_new();
	usb->slots = g_ptr_array_new_with_free_func((GDestroyNotify)usb_slot_free);
	chardev_find(qemu, CHANNEL, usb->cancellable, on_found, usb);
	return usb;
}

void
usb_free(Usb *usb)
{
	if (usb == NULL)
		return;
	g_cancellable_cancel(usb->cancellable);
	g_object_unref(usb->cancellable);
	g_ptr_array_unref(usb->slots);
	usb_rules_unref(usb->rules);
	g_strfreev(usb->paths);
	g_object_unref(usb->qemu);
	g_free(usb);
}

void
usb_serve(Usb *usb, SpiceServer *server)
{
	usb->server = server;
	offer(usb);
}

void
usb_set_rules(Usb *usb, UsbRules *rules)
{
	usb_rules_unref(usb->rules);
	usb->rules = rules ? usb_rules_ref(rules) : NULL;
	for (guint i = 0; i < usb->slots->len; i++)
		usb_slot_set_rules(usb->slots->pdata[i], rules);
}
