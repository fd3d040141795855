/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/session/pointer.h"

#include <spice/vd_agent.h>
#include <xcb/xtest.h>

struct Pointer {
	X *x;
	guint32 buttons;
};

/* X's numbers: 4 to 7 are wheels, then come the thumb's. */
static const struct {
	guint32 mask;
	guint8 button;
} buttons_of_x[] = {
        {VD_AGENT_LBUTTON_MASK, 1},
        {VD_AGENT_MBUTTON_MASK, 2},
        {VD_AGENT_RBUTTON_MASK, 3},
        {VD_AGENT_UBUTTON_MASK, 4},
        {VD_AGENT_DBUTTON_MASK, 5},
        {VD_AGENT_SBUTTON_MASK, 8},
        {VD_AGENT_EBUTTON_MASK, 9},
};

Pointer *
pointer_new(X *x)
{
	xcb_connection_t *c = x_connection(x);
	g_autofree xcb_test_get_version_reply_t *version = NULL;
	Pointer *pointer;

	if (!xcb_get_extension_data(c, &xcb_test_id)->present)
		return NULL;
	version = xcb_test_get_version_reply(c, xcb_test_get_version(c, 2, 2), NULL);
	if (version == NULL)
		return NULL;
	pointer = g_new0(Pointer, 1);
	pointer->x = x;
	return pointer;
}

void
pointer_free(Pointer *pointer)
{
	if (pointer == NULL)
		return;
	pointer_press(pointer, 0);
	g_free(pointer);
}

static void
fake(Pointer *pointer, guint8 type, guint8 detail, int x, int y)
{
	xcb_test_fake_input(x_connection(pointer->x), type, detail, XCB_CURRENT_TIME, x_root(pointer->x), (int16_t)x, (int16_t)y, 0);
	xcb_flush(x_connection(pointer->x));
}

void
pointer_move(Pointer *pointer, int x, int y)
{
	fake(pointer, XCB_MOTION_NOTIFY, FALSE, x, y); /* FALSE: the position is not relative */
}

void
pointer_press(Pointer *pointer, guint32 buttons)
{
	guint32 changed = buttons ^ pointer->buttons;

	for (gsize i = 0; i < G_N_ELEMENTS(buttons_of_x); i++) {
		if (changed & buttons_of_x[i].mask)
			fake(pointer, buttons & buttons_of_x[i].mask ? XCB_BUTTON_PRESS : XCB_BUTTON_RELEASE, buttons_of_x[i].button, 0, 0);
	}
	pointer->buttons = buttons;
}
