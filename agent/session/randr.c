/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/session/randr.h"

#include "broker/common/error.h"

#include <stdlib.h>
#include <string.h>
#include <xcb/randr.h>

/* Another client may change the configuration under our hands. */
#define TRIES 4
/* Hot-plug events come in bursts; the X server needs a moment to read the new EDID. */
#define SETTLE_MS 20

#define ROTATE_0 XCB_RANDR_ROTATION_ROTATE_0

typedef struct {
	xcb_randr_output_t id;
	gboolean connected;
	xcb_randr_crtc_t crtc; /* in use, or the one it could use; NONE: it cannot be lit */
	LayoutRect lit;	       /* what of the screen it shows; width 0: it is off */
	guint preferred_width, preferred_height;
	xcb_randr_mode_t modes[256];
	guint n_modes;
} Output;

struct Randr {
	X *x;
	guint8 event;
	guint settle_id;
	/* The outputs from the first connected one on, as last read: a host's monitor keeps its output when one before it is
	 * taken away. */
	guint n;
	Output outputs[LAYOUT_OUTPUTS];
	xcb_timestamp_t config_time;
	/* The preferred sizes that were followed last: a change of these, and of nothing else, is the host's wish. */
	guint followed_n;
	VdagentMonitor followed[LAYOUT_OUTPUTS];
	/* The host's last message: where monitors are to be that it has yet to connect. */
	guint asked_n;
	VdagentMonitor asked[LAYOUT_OUTPUTS];
};

static xcb_randr_get_screen_resources_current_reply_t *
get_resources(Randr *randr)
{
	xcb_connection_t *c = x_connection(randr->x);

	return xcb_randr_get_screen_resources_current_reply(c,
		xcb_randr_get_screen_resources_current(c, x_root(randr->x)), NULL);
}

static const xcb_randr_mode_info_t *
find_mode(const xcb_randr_get_screen_resources_current_reply_t *resources, xcb_randr_mode_t id)
{
	const xcb_randr_mode_info_t *modes = xcb_randr_get_screen_resources_current_modes(resources);

	for (int i = 0; i < resources->num_modes; i++) {
		if (modes[i].id == id)
			return &modes[i];
	}
	return NULL;
}

/* A CRTC that the output can use and no output before it does. */
static xcb_randr_crtc_t
choose_crtc(const Randr *randr, const xcb_randr_get_output_info_reply_t *info)
{
	const xcb_randr_crtc_t *crtcs = xcb_randr_get_output_info_crtcs(info);

	if (info->crtc != XCB_NONE || info->connection != XCB_RANDR_CONNECTION_CONNECTED)
		return info->crtc;
	for (int i = 0; i < info->num_crtcs; i++) {
		gboolean taken = FALSE;

		for (guint k = 0; k < randr->n; k++)
			taken = taken || randr->outputs[k].crtc == crtcs[i];
		if (!taken)
			return crtcs[i];
	}
	return XCB_NONE;
}

static LayoutRect
read_lit(const Randr *randr, const xcb_randr_get_output_info_reply_t *info)
{
	xcb_connection_t *c = x_connection(randr->x);
	g_autofree xcb_randr_get_crtc_info_reply_t *crtc = NULL;

	if (info->crtc != XCB_NONE)
		crtc = xcb_randr_get_crtc_info_reply(c, xcb_randr_get_crtc_info(c, info->crtc, randr->config_time), NULL);
	if (crtc == NULL || crtc->mode == XCB_NONE || crtc->x < 0 || crtc->y < 0)
		return (LayoutRect){0};
	return (LayoutRect){(guint)crtc->x, (guint)crtc->y, crtc->width, crtc->height};
}

static void
read_output(Randr *randr, const xcb_randr_get_screen_resources_current_reply_t *resources, xcb_randr_output_t id)
{
	xcb_connection_t *c = x_connection(randr->x);
	xcb_randr_get_output_info_reply_t *info =
		xcb_randr_get_output_info_reply(c, xcb_randr_get_output_info(c, id, resources->config_timestamp), NULL);

	if (info && randr->n < LAYOUT_OUTPUTS && (randr->n > 0 || info->connection == XCB_RANDR_CONNECTION_CONNECTED)) {
		Output *output = &randr->outputs[randr->n];
		const xcb_randr_mode_t *modes = xcb_randr_get_output_info_modes(info);
		const xcb_randr_mode_info_t *mode;

		*output = (Output){.id = id,
			.connected = info->connection == XCB_RANDR_CONNECTION_CONNECTED,
			.crtc = choose_crtc(randr, info),
			.lit = read_lit(randr, info)};
		output->n_modes = MIN(info->num_modes, G_N_ELEMENTS(output->modes));
		memcpy(output->modes, modes, output->n_modes * sizeof *modes);
		/* The preferred modes are the first num_preferred ones. */
		if (info->num_preferred > 0 && info->num_modes > 0 && (mode = find_mode(resources, modes[0])) != NULL) {
			output->preferred_width = mode->width;
			output->preferred_height = mode->height;
		}
		randr->n++;
	}
	free(info);
}

static xcb_randr_get_screen_resources_current_reply_t *
read_outputs(Randr *randr)
{
	xcb_randr_get_screen_resources_current_reply_t *resources = get_resources(randr);
	const xcb_randr_output_t *ids;

	randr->n = 0;
	if (resources == NULL)
		return NULL;
	randr->config_time = resources->config_timestamp;
	ids = xcb_randr_get_screen_resources_current_outputs(resources);
	for (int i = 0; i < resources->num_outputs; i++)
		read_output(randr, resources, ids[i]);
	return resources;
}

/* A mode of this very size, made where the output has none. NONE on failure. */
static xcb_randr_mode_t
obtain_mode(Randr *randr, const xcb_randr_get_screen_resources_current_reply_t *resources, const Output *output,
	guint width, guint height)
{
	xcb_connection_t *c = x_connection(randr->x);
	LayoutMode timing = layout_mode(width, height);
	g_autofree char *name = g_strdup_printf("carrel-%ux%u", width, height);
	xcb_randr_create_mode_reply_t *reply;
	xcb_randr_mode_t made = XCB_NONE;

	for (guint i = 0; i < output->n_modes; i++) {
		const xcb_randr_mode_info_t *mode = find_mode(resources, output->modes[i]);

		if (mode && mode->width == width && mode->height == height)
			return mode->id;
	}
	reply = xcb_randr_create_mode_reply(c,
		xcb_randr_create_mode(c, x_root(randr->x),
			(xcb_randr_mode_info_t){
				.width = (uint16_t)timing.width,
				.height = (uint16_t)timing.height,
				.dot_clock = timing.dot_clock_hz,
				.hsync_start = (uint16_t)timing.hsync_start,
				.hsync_end = (uint16_t)timing.hsync_end,
				.htotal = (uint16_t)timing.htotal,
				.vsync_start = (uint16_t)timing.vsync_start,
				.vsync_end = (uint16_t)timing.vsync_end,
				.vtotal = (uint16_t)timing.vtotal,
				.name_len = (uint16_t)strlen(name),
				.mode_flags = XCB_RANDR_MODE_FLAG_HSYNC_POSITIVE | XCB_RANDR_MODE_FLAG_VSYNC_NEGATIVE,
			},
			(uint32_t)strlen(name), name),
		NULL);
	if (reply) {
		made = reply->mode;
		xcb_randr_add_output_mode(c, output->id, made);
	}
	free(reply);
	return made;
}

static void
set_screen_size(Randr *randr, guint width, guint height)
{
	/* In millimetres, at 96 dots an inch: what is drawn keeps its size in pixels. */
	xcb_randr_set_screen_size(x_connection(randr->x), x_root(randr->x), (uint16_t)width, (uint16_t)height,
		width * 254 / 960, height * 254 / 960);
}

/* XCB_RANDR_SET_CONFIG_*, or -1 when the request itself failed. */
static int
set_crtc(Randr *randr, const Output *output, const LayoutRect *rect, xcb_randr_mode_t mode)
{
	xcb_connection_t *c = x_connection(randr->x);
	xcb_randr_set_crtc_config_reply_t *reply = xcb_randr_set_crtc_config_reply(c,
		xcb_randr_set_crtc_config(c, output->crtc, XCB_CURRENT_TIME, randr->config_time, (int16_t)rect->x,
			(int16_t)rect->y, mode, ROTATE_0, mode ? 1 : 0, &output->id),
		NULL);
	int status = reply ? reply->status : -1;

	free(reply);
	return status;
}

/* A CRTC may never reach out of the screen: it first grows, then the monitors change, then it shrinks. */
static int
apply(Randr *randr, const xcb_randr_get_screen_resources_current_reply_t *resources, const Layout *layout)
{
	xcb_connection_t *c = x_connection(randr->x);
	xcb_get_geometry_reply_t *now = xcb_get_geometry_reply(c, xcb_get_geometry(c, x_root(randr->x)), NULL);
	guint width = now ? MAX(now->width, layout->width) : layout->width;
	guint height = now ? MAX(now->height, layout->height) : layout->height;
	gboolean grows = now == NULL || width > now->width || height > now->height;
	int status = XCB_RANDR_SET_CONFIG_SUCCESS;

	free(now);
	xcb_grab_server(c);
	if (grows)
		set_screen_size(randr, width, height);
	for (guint i = 0; i < randr->n && status == XCB_RANDR_SET_CONFIG_SUCCESS; i++) {
		const LayoutRect none = {0}, *rect = i < layout->n ? &layout->outputs[i] : &none;
		xcb_randr_mode_t mode = XCB_NONE;

		if (randr->outputs[i].crtc == XCB_NONE)
			continue;
		if (rect->width > 0) {
			mode = obtain_mode(randr, resources, &randr->outputs[i], rect->width, rect->height);
			if (mode == XCB_NONE) {
				status = -1;
				break;
			}
		}
		status = set_crtc(randr, &randr->outputs[i], rect, mode);
	}
	if (status == XCB_RANDR_SET_CONFIG_SUCCESS && (width != layout->width || height != layout->height))
		set_screen_size(randr, layout->width, layout->height);
	xcb_ungrab_server(c);
	xcb_flush(c);
	return status;
}

/* The modes that we made for sizes of the past: the X server refuses to destroy one that is in use. */
static void
remove_old_modes(Randr *randr)
{
	xcb_connection_t *c = x_connection(randr->x);
	g_autofree xcb_randr_get_screen_resources_current_reply_t *resources = NULL;
	const uint8_t *names;
	const xcb_randr_mode_info_t *modes;

	free(read_outputs(randr));
	resources = get_resources(randr);
	if (resources == NULL)
		return;
	names = xcb_randr_get_screen_resources_current_names(resources);
	modes = xcb_randr_get_screen_resources_current_modes(resources);
	for (int i = 0; i < resources->num_modes; names += modes[i++].name_len) {
		if (modes[i].name_len < 7 || memcmp(names, "carrel-", 7) != 0)
			continue;
		for (guint k = 0; k < randr->n; k++) {
			g_autofree xcb_randr_get_crtc_info_reply_t *crtc = xcb_randr_get_crtc_info_reply(c,
				xcb_randr_get_crtc_info(c, randr->outputs[k].crtc, randr->config_time), NULL);

			if (crtc && crtc->mode != modes[i].id)
				xcb_randr_delete_output_mode(c, randr->outputs[k].id, modes[i].id);
		}
		xcb_randr_destroy_mode(c, modes[i].id);
	}
	xcb_flush(c);
}

/* Those whose outputs are not connected are off. */
static guint
leave_out_unconnected(const Randr *randr, const VdagentMonitor *monitors, guint n, VdagentMonitor *possible)
{
	n = MIN(n, randr->n);
	for (guint i = 0; i < n; i++)
		possible[i] = randr->outputs[i].connected ? monitors[i] : (VdagentMonitor){0};
	return n;
}

static gboolean
set_monitors(Randr *randr, const VdagentMonitor *monitors, guint n)
{
	xcb_connection_t *c = x_connection(randr->x);
	xcb_randr_get_screen_size_range_reply_t *range =
		xcb_randr_get_screen_size_range_reply(c, xcb_randr_get_screen_size_range(c, x_root(randr->x)), NULL);
	LayoutLimits limits = {0};
	int status = XCB_RANDR_SET_CONFIG_FAILED;

	if (range)
		limits = (LayoutLimits){range->min_width, range->min_height, range->max_width, range->max_height};
	free(range);
	for (int i = 0; i < TRIES; i++) {
		xcb_randr_get_screen_resources_current_reply_t *resources = read_outputs(randr);
		VdagentMonitor possible[LAYOUT_OUTPUTS];
		guint n_possible = leave_out_unconnected(randr, monitors, n, possible);
		Layout layout;

		if (resources == NULL || !layout_make(&layout, possible, n_possible, randr->n, &limits)) {
			free(resources);
			break;
		}
		status = apply(randr, resources, &layout);
		free(resources);
		if (status != XCB_RANDR_SET_CONFIG_INVALID_CONFIG_TIME && status != XCB_RANDR_SET_CONFIG_INVALID_TIME)
			break;
	}
	if (status != XCB_RANDR_SET_CONFIG_SUCCESS)
		g_warning("the X server does not let the screen be resized (status %d)", status);
	remove_old_modes(randr);
	return status == XCB_RANDR_SET_CONFIG_SUCCESS;
}

gboolean
randr_set_monitors(Randr *randr, const VdagentMonitor *monitors, guint n)
{
	randr->asked_n = MIN(n, LAYOUT_OUTPUTS);
	memcpy(randr->asked, monitors, randr->asked_n * sizeof *monitors);
	return set_monitors(randr, monitors, n);
}

gboolean
randr_locate(const Randr *randr, guint output, guint x, guint y, int *root_x, int *root_y)
{
	const LayoutRect *lit;

	if (output >= randr->n || randr->outputs[output].lit.width == 0 || randr->outputs[output].lit.height == 0)
		return FALSE;
	lit = &randr->outputs[output].lit;
	*root_x = (int)(lit->x + MIN(x, lit->width - 1));
	*root_y = (int)(lit->y + MIN(y, lit->height - 1));
	return TRUE;
}

/* Each connected output in its preferred size: where the host's last message put monitors of just these sizes, else in a row. */
static guint
wish_preferred(const Randr *randr, VdagentMonitor *wish)
{
	gboolean as_asked = TRUE;
	guint x = 0;

	for (guint i = 0; i < randr->n; i++) {
		const Output *output = &randr->outputs[i];

		wish[i] = (VdagentMonitor){.x = (int)x};
		if (output->connected) {
			wish[i].width = output->preferred_width;
			wish[i].height = output->preferred_height;
		}
		x += wish[i].width;
		if (wish[i].width > 0)
			as_asked = as_asked && i < randr->asked_n && randr->asked[i].width == wish[i].width &&
				   randr->asked[i].height == wish[i].height;
	}
	for (guint i = 0; as_asked && i < MIN(randr->n, randr->asked_n); i++) {
		wish[i].x = randr->asked[i].x;
		wish[i].y = randr->asked[i].y;
	}
	return x;
}

static gboolean
on_settled(gpointer data)
{
	Randr *randr = data;
	VdagentMonitor wish[LAYOUT_OUTPUTS] = {{0}};
	guint n, x;

	randr->settle_id = 0;
	free(read_outputs(randr));
	n = randr->n;
	x = wish_preferred(randr, wish);
	/* Our own changes come back as events, and a person may have chosen another size with xrandr. */
	if (n == randr->followed_n && memcmp(wish, randr->followed, n * sizeof *wish) == 0)
		return G_SOURCE_REMOVE;
	randr->followed_n = n;
	memcpy(randr->followed, wish, n * sizeof *wish);
	if (n > 0 && x > 0)
		set_monitors(randr, wish, n);
	return G_SOURCE_REMOVE;
}

static void
on_event(const xcb_generic_event_t *event, void *data)
{
	Randr *randr = data;
	guint8 type = event->response_type & 0x7f;

	if (type != randr->event + XCB_RANDR_SCREEN_CHANGE_NOTIFY && type != randr->event + XCB_RANDR_NOTIFY)
		return;
	if (randr->settle_id == 0)
		randr->settle_id = g_timeout_add(SETTLE_MS, on_settled, randr);
}

Randr *
randr_new(X *x, GError **error)
{
	g_autoptr(Randr) randr = g_new0(Randr, 1);
	xcb_connection_t *c = x_connection(x);
	xcb_randr_query_version_reply_t *version = NULL;

	randr->x = x;
	randr->event = x_extension(x, &xcb_randr_id);
	if (randr->event)
		version = xcb_randr_query_version_reply(c, xcb_randr_query_version(c, 1, 3), NULL);
	if (version == NULL || (version->major_version == 1 && version->minor_version < 3)) {
		free(version);
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_FAILED, "the X server has no RandR 1.3");
		return NULL;
	}
	free(version);
	x_listen(x, on_event, randr);
	xcb_randr_select_input(c, x_root(x),
		XCB_RANDR_NOTIFY_MASK_SCREEN_CHANGE | XCB_RANDR_NOTIFY_MASK_OUTPUT_CHANGE |
			XCB_RANDR_NOTIFY_MASK_CRTC_CHANGE);
	/* The size may have changed before this session began. */
	randr->settle_id = g_timeout_add(SETTLE_MS, on_settled, randr);
	return g_steal_pointer(&randr);
}

void
randr_free(Randr *randr)
{
	if (randr == NULL)
		return;
	g_clear_handle_id(&randr->settle_id, g_source_remove);
	g_free(randr);
}
