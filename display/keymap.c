/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/keymap.h"

#include <string.h>

/* Keys that print, row by row: what they give alone and with Shift, and the scan code of the first of the row. */
static const struct {
	const char *plain, *shifted;
	guint first;
} rows[] = {
	{"1234567890-=", "!@#$%^&*()_+", 0x02},
	{"qwertyuiop[]", "QWERTYUIOP{}", 0x10},
	{"asdfghjkl;'`", "ASDFGHJKL:\"~", 0x1e},
	{"\\zxcvbnm,./", "|ZXCVBNM<>?", 0x2b},
};

/* Keysyms of X11's keysymdef.h against scan code set 1; 0x80 stands for a 0xe0 before it. */
static const struct {
	guint16 keysym;
	guint8 qnum;
} keys[] = {
	{0x0020, 0x39}, /* space */
	{0xff08, 0x0e}, /* BackSpace */
	{0xff09, 0x0f}, /* Tab */
	{0xfe20, 0x0f}, /* ISO_Left_Tab: Tab with Shift */
	{0xff0a, 0x1c}, /* Linefeed */
	{0xff0d, 0x1c}, /* Return */
	{0xff13, 0xc6}, /* Pause */
	{0xff14, 0x46}, /* Scroll_Lock */
	{0xff15, 0x54}, /* Sys_Req */
	{0xff1b, 0x01}, /* Escape */
	{0xff50, 0xc7}, /* Home */
	{0xff51, 0xcb}, /* Left */
	{0xff52, 0xc8}, /* Up */
	{0xff53, 0xcd}, /* Right */
	{0xff54, 0xd0}, /* Down */
	{0xff55, 0xc9}, /* Page_Up */
	{0xff56, 0xd1}, /* Page_Down */
	{0xff57, 0xcf}, /* End */
	{0xff61, 0xb7}, /* Print */
	{0xff63, 0xd2}, /* Insert */
	{0xff67, 0xdd}, /* Menu */
	{0xff6b, 0xc6}, /* Break */
	{0xff7f, 0x45}, /* Num_Lock */
	{0xff8d, 0x9c}, /* KP_Enter */
	{0xff95, 0x47}, /* KP_Home */
	{0xff96, 0x4b}, /* KP_Left */
	{0xff97, 0x48}, /* KP_Up */
	{0xff98, 0x4d}, /* KP_Right */
	{0xff99, 0x50}, /* KP_Down */
	{0xff9a, 0x49}, /* KP_Page_Up */
	{0xff9b, 0x51}, /* KP_Page_Down */
	{0xff9c, 0x4f}, /* KP_End */
	{0xff9d, 0x4c}, /* KP_Begin */
	{0xff9e, 0x52}, /* KP_Insert */
	{0xff9f, 0x53}, /* KP_Delete */
	{0xffaa, 0x37}, /* KP_Multiply */
	{0xffab, 0x4e}, /* KP_Add */
	{0xffac, 0x53}, /* KP_Separator */
	{0xffad, 0x4a}, /* KP_Subtract */
	{0xffae, 0x53}, /* KP_Decimal */
	{0xffaf, 0xb5}, /* KP_Divide */
	{0xffb0, 0x52}, /* KP_0 */
	{0xffb1, 0x4f}, /* KP_1 */
	{0xffb2, 0x50}, /* KP_2 */
	{0xffb3, 0x51}, /* KP_3 */
	{0xffb4, 0x4b}, /* KP_4 */
	{0xffb5, 0x4c}, /* KP_5 */
	{0xffb6, 0x4d}, /* KP_6 */
	{0xffb7, 0x47}, /* KP_7 */
	{0xffb8, 0x48}, /* KP_8 */
	{0xffb9, 0x49}, /* KP_9 */
	{0xffc8, 0x57}, /* F11 */
	{0xffc9, 0x58}, /* F12 */
	{0xffe1, QNUM_SHIFT_LEFT},
	{0xffe2, QNUM_SHIFT_RIGHT},
	{0xffe3, 0x1d}, /* Control_L */
	{0xffe4, 0x9d}, /* Control_R */
	{0xffe5, 0x3a}, /* Caps_Lock */
	{0xffe7, 0x38}, /* Meta_L, where some viewers mean Alt */
	{0xffe8, 0xb8}, /* Meta_R */
	{0xffe9, 0x38}, /* Alt_L */
	{0xffea, 0xb8}, /* Alt_R */
	{0xfe03, 0xb8}, /* ISO_Level3_Shift */
	{0xffeb, 0xdb}, /* Super_L */
	{0xffec, 0xdc}, /* Super_R */
	{0xffff, 0xd3}, /* Delete */
};

guint
keymap_lookup(guint32 keysym, KeyShift *shift)
{
	*shift = KEY_SHIFT_ANY;
	for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
		if (keys[i].keysym == keysym)
			return keys[i].qnum;
	}
	if (keysym >= 0xffbe && keysym <= 0xffc7) /* F1 to F10 */
		return 0x3b + (keysym - 0xffbe);
	for (gsize i = 0; keysym > 0x20 && keysym < 0x7f && i < G_N_ELEMENTS(rows); i++) {
		const char *plain = strchr(rows[i].plain, (int)keysym);
		const char *shifted = strchr(rows[i].shifted, (int)keysym);

		if (plain) {
			*shift = KEY_SHIFT_UP;
			return rows[i].first + (guint)(plain - rows[i].plain);
		}
		if (shifted) {
			*shift = KEY_SHIFT_DOWN;
			return rows[i].first + (guint)(shifted - rows[i].shifted);
		}
	}
	return 0;
}
