/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/input.h"

#include "display/console.h"
#include "display/keymap.h"

#define N_KEYSYMS_DOWN 16
#define WHEEL_BITS     0x78u

struct Input {
	const InputSink *sink;
	void *data;
	gboolean down[256];
	guint buttons;
	/* Which key a held keysym pressed: its release may come under another Shift, hence as another keysym's key. */
	struct {
		guint32 keysym;
		guint qnum;
	} keysyms[N_KEYSYMS_DOWN];
	guint8 prefix; /* 0xe0, 0xe1, or 0: what a scan code began with */
	guint skip;    /* further bytes of Pause */
};

/* RFB's bit n against QEMU's button. */
static const guint8 button_of_bit[] = {BUTTON_LEFT, BUTTON_MIDDLE, BUTTON_RIGHT, BUTTON_WHEEL_UP, BUTTON_WHEEL_DOWN,
	BUTTON_WHEEL_LEFT, BUTTON_WHEEL_RIGHT, BUTTON_SIDE, BUTTON_EXTRA};

Input *
input_new(const InputSink *sink, void *data)
{
	Input *input = g_new0(Input, 1);

	input->sink = sink;
	input->data = data;
	return input;
}

void
input_free(Input *input)
{
	if (input == NULL)
		return;
	for (guint qnum = 0; qnum < G_N_ELEMENTS(input->down); qnum++) {
		if (input->down[qnum])
			input->sink->key(input->data, qnum, FALSE);
	}
	input_buttons(input, 0);
	g_free(input);
}

void
input_key(Input *input, guint qnum, gboolean down)
{
	if (qnum == 0 || qnum >= G_N_ELEMENTS(input->down) || (!down && !input->down[qnum]))
		return;
	input->down[qnum] = down;
	input->sink->key(input->data, qnum, down);
}

static void
press_with_shift(Input *input, guint qnum, gboolean shift)
{
	gboolean left = input->down[QNUM_SHIFT_LEFT], right = input->down[QNUM_SHIFT_RIGHT];

	if (shift == (left || right)) {
		input_key(input, qnum, TRUE);
		return;
	}
	/* What the client holds is put back afterwards. */
	if (shift)
		input_key(input, QNUM_SHIFT_LEFT, TRUE);
	else if (left)
		input_key(input, QNUM_SHIFT_LEFT, FALSE);
	if (!shift && right)
		input_key(input, QNUM_SHIFT_RIGHT, FALSE);
	input_key(input, qnum, TRUE);
	if (shift || left)
		input_key(input, QNUM_SHIFT_LEFT, !shift);
	if (!shift && right)
		input_key(input, QNUM_SHIFT_RIGHT, TRUE);
}

static gboolean
lacks_shift(const Input *input, guint qnum, guint32 keysym)
{
	KeyShift shift;

	if (input->down[QNUM_SHIFT_LEFT] || input->down[QNUM_SHIFT_RIGHT])
		return FALSE;
	if (keymap_lookup(keysym, &shift) != qnum || shift != KEY_SHIFT_DOWN)
		return FALSE;
	/* A letter may be a capital by Caps Lock, which the guest then has on as well. */
	return !(keysym < 0x80 && g_ascii_isupper(keysym) && input->sink->caps_lock && input->sink->caps_lock(input->data));
}

void
input_key_named(Input *input, guint qnum, guint32 keysym, gboolean down)
{
	if (down && qnum < G_N_ELEMENTS(input->down) && lacks_shift(input, qnum, keysym))
		press_with_shift(input, qnum, TRUE);
	else
		input_key(input, qnum, down);
}

static void
release_keysym(Input *input, guint32 keysym)
{
	for (guint i = 0; i < N_KEYSYMS_DOWN; i++) {
		if (input->keysyms[i].qnum != 0 && input->keysyms[i].keysym == keysym) {
			input_key(input, input->keysyms[i].qnum, FALSE);
			input->keysyms[i].qnum = 0;
			return;
		}
	}
}

void
input_keysym(Input *input, guint32 keysym, gboolean down)
{
	KeyShift shift;
	guint qnum;

	if (!down) {
		release_keysym(input, keysym);
		return;
	}
	qnum = keymap_lookup(keysym, &shift);
	if (qnum == 0) {
		g_debug("keysym %#x is on no key", keysym);
		return;
	}
	for (guint i = 0, free_slot = 1; i < N_KEYSYMS_DOWN && free_slot; i++) {
		if (input->keysyms[i].qnum == 0 || input->keysyms[i].keysym == keysym) {
			input->keysyms[i].keysym = keysym;
			input->keysyms[i].qnum = qnum;
			free_slot = 0;
		} else if (i == N_KEYSYMS_DOWN - 1) {
			return; /* nobody holds more keys than that; without a slot it would stay down */
		}
	}
	if (shift == KEY_SHIFT_ANY)
		input_key(input, qnum, TRUE);
	else
		press_with_shift(input, qnum, shift == KEY_SHIFT_DOWN);
}

void
input_scancode(Input *input, guint8 code)
{
	if (input->skip > 0) {
		input->skip--;
		return;
	}
	if (code == 0xe0 || code == 0xe1) {
		input->prefix = code;
		return;
	}
	if (input->prefix == 0xe1) {
		/* Pause is e1 1d 45 for its press, and e1 9d c5 for its release. */
		input_key(input, 0xc6, !(code & 0x80));
		input->skip = 1;
	} else {
		input_key(input, (code & 0x7fu) | (input->prefix ? 0x80 : 0), !(code & 0x80));
	}
	input->prefix = 0;
}

void
input_buttons(Input *input, guint buttons)
{
	guint changed = buttons ^ input->buttons;

	for (guint bit = 0; bit < G_N_ELEMENTS(button_of_bit); bit++) {
		if (changed & (1u << bit))
			input->sink->button(input->data, button_of_bit[bit], (buttons >> bit) & 1);
	}
	input->buttons = buttons & ((1u << G_N_ELEMENTS(button_of_bit)) - 1);
}

void
input_pointer(Input *input, int x, int y, guint buttons)
{
	input->sink->motion(input->data, x, y);
	input_buttons(input, buttons);
}

void
input_wheel(Input *input, guint buttons)
{
	guint held = input->buttons & ~WHEEL_BITS;

	input_buttons(input, held | (buttons & WHEEL_BITS));
	input_buttons(input, held);
}
