/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/spice-input.h"

#include <spice/vd_agent.h>

#include "display/frame.h"

struct SpiceInput {
	SpiceKbdInstance keyboard;
	SpiceTabletInstance tablet;
	Input *target;
	int width, height; /* of the surface that positions are on */
};

static void
push_scan(SpiceKbdInstance *keyboard, uint8_t code)
{
	SpiceInput *self = SPICE_CONTAINEROF(keyboard, SpiceInput, keyboard);

	if (self->target)
		input_scancode(self->target, code);
}

static uint8_t
get_leds(SpiceKbdInstance *keyboard)
{
	return 0;
}

/* libspice-server gives a tablet's buttons as QEMU's devices had them: left 1, right 2, middle 4, side 0x40, extra 0x80;
 * ours are RFB's bits. */
static guint
buttons_of(uint32_t state)
{
	return (state & 1) | (state & 4 ? 2 : 0) | (state & 2 ? 4 : 0) | (state & 0x40 ? 1u << 7 : 0) |
	       (state & 0x80 ? 1u << 8 : 0);
}

static void
set_logical_size(SpiceTabletInstance *tablet, int width, int height)
{
	SpiceInput *self = SPICE_CONTAINEROF(tablet, SpiceInput, tablet);

	self->width = CLAMP(width, 1, FRAME_SIDE_MAX);
	self->height = CLAMP(height, 1, FRAME_SIDE_MAX);
}

static void
position(SpiceTabletInstance *tablet, int x, int y, uint32_t buttons)
{
	SpiceInput *self = SPICE_CONTAINEROF(tablet, SpiceInput, tablet);

	if (self->target)
		input_pointer(self->target, CLAMP(x, 0, self->width - 1), CLAMP(y, 0, self->height - 1), buttons_of(buttons));
}

static void
wheel(SpiceTabletInstance *tablet, int motion, uint32_t buttons)
{
	SpiceInput *self = SPICE_CONTAINEROF(tablet, SpiceInput, tablet);

	if (self->target && motion != 0)
		input_wheel(self->target, motion < 0 ? 1u << 3 : 1u << 4);
}

static void
buttons_changed(SpiceTabletInstance *tablet, uint32_t buttons)
{
	SpiceInput *self = SPICE_CONTAINEROF(tablet, SpiceInput, tablet);

	if (self->target)
		input_buttons(self->target, buttons_of(buttons));
}

static const SpiceKbdInterface keyboard_interface = {
	.base = {SPICE_INTERFACE_KEYBOARD, "keyboard", SPICE_INTERFACE_KEYBOARD_MAJOR, SPICE_INTERFACE_KEYBOARD_MINOR},
	.push_scan_freg = push_scan,
	.get_leds = get_leds,
};

static const SpiceTabletInterface tablet_interface = {
	.base = {SPICE_INTERFACE_TABLET, "tablet", SPICE_INTERFACE_TABLET_MAJOR, SPICE_INTERFACE_TABLET_MINOR},
	.set_logical_size = set_logical_size,
	.position = position,
	.wheel = wheel,
	.buttons = buttons_changed,
};

void
spice_input_pointer(SpiceInput *self, int x, int y, guint32 buttons)
{
	static const guint32 of_bit[] = {VD_AGENT_LBUTTON_MASK, VD_AGENT_MBUTTON_MASK, VD_AGENT_RBUTTON_MASK, VD_AGENT_UBUTTON_MASK,
		VD_AGENT_DBUTTON_MASK, 0, 0, VD_AGENT_SBUTTON_MASK, VD_AGENT_EBUTTON_MASK};
	guint bits = 0;

	if (self->target == NULL)
		return;
	for (guint i = 0; i < G_N_ELEMENTS(of_bit); i++)
		bits |= buttons & of_bit[i] ? 1u << i : 0;
	input_pointer(self->target, x, y, bits);
}

SpiceInput *
spice_input_new(SpiceServer *server)
{
	SpiceInput *self = g_new0(SpiceInput, 1);

	self->width = self->height = FRAME_SIDE_MAX;
	self->keyboard.base.sif = &keyboard_interface.base;
	self->tablet.base.sif = &tablet_interface.base;
	if (spice_server_add_interface(server, &self->keyboard.base) < 0 ||
		spice_server_add_interface(server, &self->tablet.base) < 0)
		g_error("libspice-server takes no keyboard and pointer");
	return self;
}

void
spice_input_free(SpiceInput *self)
{
	g_free(self);
}

void
spice_input_set_target(SpiceInput *self, Input *input)
{
	self->target = input;
}
