/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/spice-qxl.h"

#include <errno.h>
#include <glib-unix.h>
#include <spice/enums.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Commands that the library's thread has not taken yet. It stops taking them while the client's network is full; what
 * changes meanwhile is merged here, so that it never lags more than these behind. */
#define QUEUE_MAX 8
/* While no sound plays, the library has clients run their clock so many milliseconds late (MM_TIME_DELTA in its server/reds.h) and show
 * each frame of what it streams when its time has come by that clock: nearly half a second late, and it streams whatever changes often
 * enough, a dragged window too. What we stamp is that much older, less what the network's jitter needs. */
#define CLOCK_LATE_MS 400
#define JITTER_MS 50

struct SpiceQxl {
	QXLInstance instance; /* first: the library hands it back to us */
	const Frame *frame;
	const Heads *heads;
	guint heads_max;
	guint32 *surface; /* the library draws into it */
	Change pending;
	GAsyncQueue *draws, *cursors; /* Command; taken by the library's thread */
	gint starved;                 /* atomic: pending waits for room in draws */
	int room_fd;                  /* eventfd: the library's thread says that there is room */
	guint room_id;
	guint32 image_id;
	const Cursor *cursor; /* the last; NULL: none */
	gboolean leaving;     /* the library lets go of the surface: nothing is drawn until it has */
	gint left;            /* atomic: it has */
	gboolean sounds;      /* the clients' clock is the sound's now */
	void (*on_resize)(const Heads *wish, void *data);
	void *data;
};

/* What the library takes, reads while it likes, and releases. */
typedef struct {
	QXLCommandExt ext;
	QXLDrawable drawable;
	QXLImage image;
	QXLCursorCmd cursor;
	void *bytes; /* pixels of the image, or a QXLCursor */
} Command;

static SpiceQxl *
qxl_of(QXLInstance *instance)
{
	return SPICE_CONTAINEROF(instance, SpiceQxl, instance);
}

static void
command_free(void *data)
{
	Command *command = data;

	g_free(command->bytes);
	g_free(command);
}

/* ---- called by the library, most of it on its own thread ---- */

static void
attached_worker(QXLInstance *instance)
{
	/* Addresses are our own: one slot over all of them. */
	static QXLDevMemSlot slot = {.virt_end = ~0ul, .qxl_ram_size = ~0u};

	spice_qxl_add_memslot(instance, &slot);
}

static void
set_compression_level(QXLInstance *instance, int level)
{
}

static void
get_init_info(QXLInstance *instance, QXLDevInitInfo *init)
{
	*init = (QXLDevInitInfo){.num_memslots_groups = 1, .num_memslots = 1, .memslot_gen_bits = 1, .memslot_id_bits = 1, .n_surfaces = 1};
}

static void
wake_main_loop(SpiceQxl *qxl)
{
	guint64 one = 1;

	if (write(qxl->room_fd, &one, sizeof one) < 0)
		g_debug("eventfd: %s", g_strerror(errno));
}

static int
get_command(QXLInstance *instance, QXLCommandExt *ext)
{
	SpiceQxl *qxl = qxl_of(instance);
	Command *command = g_async_queue_try_pop(qxl->draws);

	if (command == NULL)
		return 0;
	*ext = command->ext;
	if (g_atomic_int_compare_and_exchange(&qxl->starved, 1, 0))
		wake_main_loop(qxl);
	return 1;
}

static int
req_cmd_notification(QXLInstance *instance)
{
	return g_async_queue_length(qxl_of(instance)->draws) <= 0;
}

static void
release_resource(QXLInstance *instance, QXLReleaseInfoExt release)
{
	if (release.info)
		command_free((Command *)(uintptr_t)release.info->id);
}

static int
get_cursor_command(QXLInstance *instance, QXLCommandExt *ext)
{
	Command *command = g_async_queue_try_pop(qxl_of(instance)->cursors);

	if (command == NULL)
		return 0;
	*ext = command->ext;
	return 1;
}

static int
req_cursor_notification(QXLInstance *instance)
{
	return g_async_queue_length(qxl_of(instance)->cursors) <= 0;
}

static void
notify_update(QXLInstance *instance, uint32_t update_id)
{
}

static int
flush_resources(QXLInstance *instance)
{
	return 0;
}

/* Our own address stands for the surface that is gone; all other cookies are memory that the call needed. */
static void
async_complete(QXLInstance *instance, uint64_t cookie)
{
	SpiceQxl *qxl = qxl_of(instance);

	if ((void *)(uintptr_t)cookie != qxl) {
		g_free((void *)(uintptr_t)cookie);
		return;
	}
	g_atomic_int_set(&qxl->left, 1);
	wake_main_loop(qxl);
}

static void
update_area_complete(QXLInstance *instance, uint32_t surface, QXLRect *rects, uint32_t n)
{
}

static void
set_client_capabilities(QXLInstance *instance, uint8_t present, uint8_t caps[SPICE_CAPABILITIES_SIZE])
{
}

/* A client whose windows overlap, or that gives no positions, gets them in a row. */
static void
wish(SpiceQxl *qxl, const VDAgentMonitorsConfig *config)
{
	gboolean placed = (config->flags & VD_AGENT_CONFIG_MONITORS_FLAG_USE_POS) != 0;
	guint max = MIN(qxl->heads_max, HEADS_MAX), n = 0;
	HeadWish wishes[HEADS_MAX];
	Heads heads;

	/* Those that are off stand there without a size: the place in the list says which one is meant. */
	for (guint i = 0; i < config->num_of_monitors && i < max; i++) {
		const VDAgentMonConfig *monitor = &config->monitors[i];

		if (monitor->width > 0 && monitor->height > 0)
			wishes[n++] = (HeadWish){i,
			        {monitor->x, monitor->y, (int)MIN(monitor->width, FRAME_SIDE_MAX),
			                (int)MIN(monitor->height, FRAME_SIDE_MAX)}};
	}
	if ((placed && heads_from_wishes(&heads, wishes, n, max) == HEADS_GOOD) || heads_in_a_row(&heads, wishes, n, max) == HEADS_GOOD)
		qxl->on_resize(&heads, qxl->data);
}

/* On the main loop; NULL asks whether we do this at all. */
static int
client_monitors_config(QXLInstance *instance, VDAgentMonitorsConfig *config)
{
	if (config)
		wish(qxl_of(instance), config);
	return 1;
}

static const QXLInterface interface = {
        .base = {SPICE_INTERFACE_QXL, "Carrel", SPICE_INTERFACE_QXL_MAJOR, SPICE_INTERFACE_QXL_MINOR},
        .attached_worker = attached_worker,
        .set_compression_level = set_compression_level,
        .get_init_info = get_init_info,
        .get_command = get_command,
        .req_cmd_notification = req_cmd_notification,
        .release_resource = release_resource,
        .get_cursor_command = get_cursor_command,
        .req_cursor_notification = req_cursor_notification,
        .notify_update = notify_update,
        .flush_resources = flush_resources,
        .async_complete = async_complete,
        .update_area_complete = update_area_complete,
        .set_client_capabilities = set_client_capabilities,
        .client_monitors_config = client_monitors_config,
};

/* ---- on the main loop ---- */

static void
push(SpiceQxl *qxl, Command *command, const Rect *rect, guint8 type)
{
	QXLDrawable *drawable = &command->drawable;

	drawable->release_info.id = (uintptr_t)command;
	drawable->bbox = (QXLRect){rect->y, rect->x, rect->y + rect->height, rect->x + rect->width};
	drawable->clip.type = SPICE_CLIP_TYPE_NONE;
	drawable->effect = QXL_EFFECT_OPAQUE;
	for (int i = 0; i < 3; i++)
		drawable->surfaces_dest[i] = -1;
	drawable->mm_time = (guint32)(g_get_monotonic_time() / 1000) - (qxl->sounds ? 0 : CLOCK_LATE_MS - JITTER_MS);
	drawable->type = type;
	command->ext.cmd.type = QXL_CMD_DRAW;
	command->ext.cmd.data = (uintptr_t)drawable;
	g_async_queue_push(qxl->draws, command);
}

/* The client does it in the picture that it has. */
static void
copy(SpiceQxl *qxl, const Copy *copy)
{
	Command *command = g_new0(Command, 1);
	Rect from = copy_source(copy);

	command->drawable.u.copy_bits.src_pos = (QXLPoint){.x = from.x, .y = from.y};
	push(qxl, command, &copy->to, QXL_COPY_BITS);
}

static void
draw(SpiceQxl *qxl, const Rect *rect)
{
	Command *command = g_new0(Command, 1);
	QXLDrawable *drawable = &command->drawable;
	guint32 width = (guint32)rect->width, height = (guint32)rect->height;
	guint32 *pixels = g_new(guint32, (gsize)width * height);

	for (int y = 0; y < rect->height; y++)
		memcpy(pixels + (gsize)y * width, frame_at(qxl->frame, rect->x, rect->y + y), (gsize)width * 4);
	command->bytes = pixels;
	drawable->u.copy.rop_descriptor = SPICE_ROPD_OP_PUT;
	drawable->u.copy.src_bitmap = (uintptr_t)&command->image;
	drawable->u.copy.src_area = (QXLRect){.bottom = rect->height, .right = rect->width};
	QXL_SET_IMAGE_ID(&command->image, QXL_IMAGE_GROUP_DEVICE, ++qxl->image_id);
	command->image.descriptor.type = SPICE_IMAGE_TYPE_BITMAP;
	command->image.descriptor.width = command->image.bitmap.x = width;
	command->image.descriptor.height = command->image.bitmap.y = height;
	command->image.bitmap.flags = QXL_BITMAP_DIRECT | QXL_BITMAP_TOP_DOWN;
	command->image.bitmap.format = SPICE_BITMAP_FMT_32BIT;
	command->image.bitmap.stride = width * 4;
	command->image.bitmap.data = (uintptr_t)pixels;
	push(qxl, command, rect, QXL_DRAW_COPY);
}

static void
draw_pending(SpiceQxl *qxl)
{
	gboolean drawn = FALSE;
	Damage *damage = &qxl->pending.damage;

	/* Copies come first, all of them, for nothing is in the picture before that is not in the queue: they are small. */
	if (g_async_queue_length(qxl->draws) < QUEUE_MAX) {
		for (guint i = 0; i < qxl->pending.n_copies; i++)
			copy(qxl, &qxl->pending.copies[i]);
		drawn = qxl->pending.n_copies > 0;
		qxl->pending.n_copies = 0;
	}
	while (damage->n > 0 && g_async_queue_length(qxl->draws) < QUEUE_MAX) {
		Rect rect = damage->rects[--damage->n];

		draw(qxl, &rect);
		drawn = TRUE;
	}
	if (!change_is_empty(&qxl->pending))
		g_atomic_int_set(&qxl->starved, 1);
	if (drawn)
		spice_qxl_wakeup(&qxl->instance);
}

/* One surface of which each monitor shows a part: several surfaces would be several devices. */
static void
tell_heads(SpiceQxl *qxl)
{
	QXLMonitorsConfig *config = g_malloc0(sizeof *config + HEADS_MAX * sizeof(QXLHead));

	for (guint i = 0; i < HEADS_MAX; i++) {
		const Rect *rect = &qxl->heads->rects[i];

		if (!rect_is_empty(rect))
			config->heads[config->count++] = (QXLHead){.id = i,
			        .x = (guint32)rect->x,
			        .y = (guint32)rect->y,
			        .width = (guint32)rect->width,
			        .height = (guint32)rect->height};
	}
	config->max_allowed = (guint16)MAX(qxl->heads_max, config->count);
	spice_qxl_monitors_config_async(&qxl->instance, (uintptr_t)config, 0, (uintptr_t)config);
}

static void
create_surface(SpiceQxl *qxl)
{
	gsize width = (gsize)qxl->frame->width, height = (gsize)qxl->frame->height;
	QXLDevSurfaceCreate surface = {.width = (guint32)width,
	        .height = (guint32)height,
	        .stride = -(int)width * 4,
	        .type = QXL_SURF_TYPE_PRIMARY,
	        .mouse_mode = TRUE,
	        .format = SPICE_SURFACE_FMT_32_xRGB};
	Rect all = {0, 0, (int)width, (int)height};

	qxl->surface = g_new0(guint32, width * height);
	surface.mem = (uintptr_t)qxl->surface;
	spice_qxl_create_primary_surface(&qxl->instance, 0, &surface);
	tell_heads(qxl);
	change_clear(&qxl->pending);
	change_add_damage(&qxl->pending, &all);
	draw_pending(qxl);
	/* It went with the surface. */
	if (qxl->cursor)
		spice_qxl_device_set_cursor(qxl, qxl->cursor);
}

static gboolean
on_room(gint fd, GIOCondition condition, gpointer data)
{
	SpiceQxl *qxl = data;
	guint64 count;

	if (read(fd, &count, sizeof count) != sizeof count)
		return G_SOURCE_CONTINUE;
	if (g_atomic_int_compare_and_exchange(&qxl->left, 1, 0)) {
		g_clear_pointer(&qxl->surface, g_free);
		qxl->leaving = FALSE;
		create_surface(qxl);
	} else if (!qxl->leaving) {
		draw_pending(qxl);
	}
	return G_SOURCE_CONTINUE;
}

SpiceQxl *
spice_qxl_device_new(SpiceServer *server, const Frame *frame, const Heads *heads, guint heads_max,
        void (*on_resize)(const Heads *wish, void *data), void *data)
{
	SpiceQxl *qxl = g_new0(SpiceQxl, 1);

	qxl->instance.base.sif = &interface.base;
	qxl->frame = frame;
	qxl->heads = heads;
	qxl->heads_max = heads_max;
	qxl->on_resize = on_resize;
	qxl->data = data;
	qxl->draws = g_async_queue_new_full(command_free);
	qxl->cursors = g_async_queue_new_full(command_free);
	qxl->room_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	qxl->room_id = g_unix_fd_add(qxl->room_fd, G_IO_IN, on_room, qxl);
	if (spice_server_add_interface(server, &qxl->instance.base) < 0)
		g_error("libspice-server takes no display");
	/* Nothing is drawn before. */
	spice_server_vm_start(server);
	create_surface(qxl);
	return qxl;
}

void
spice_qxl_device_free(SpiceQxl *qxl)
{
	if (qxl == NULL)
		return;
	g_source_remove(qxl->room_id);
	close(qxl->room_fd);
	g_async_queue_unref(qxl->draws);
	g_async_queue_unref(qxl->cursors);
	g_free(qxl->surface);
	g_free(qxl);
}

void
spice_qxl_device_set_frame(SpiceQxl *qxl, const Frame *frame, const Heads *heads)
{
	qxl->frame = frame;
	qxl->heads = heads;
	change_clear(&qxl->pending);
	if (qxl->leaving)
		return;
	/* The library's thread gives a client that does not read half a minute before it lets go: nobody waits here for that. */
	qxl->leaving = TRUE;
	spice_qxl_destroy_primary_surface_async(&qxl->instance, 0, (uintptr_t)qxl);
}

void
spice_qxl_device_set_sounds(SpiceQxl *qxl, gboolean sounds)
{
	qxl->sounds = sounds;
}

void
spice_qxl_device_set_heads_max(SpiceQxl *qxl, guint max)
{
	qxl->heads_max = max;
	if (!qxl->leaving)
		tell_heads(qxl);
}

void
spice_qxl_device_change(SpiceQxl *qxl, const Change *change)
{
	if (qxl->leaving)
		return; /* all will be drawn */
	change_add(&qxl->pending, change);
	draw_pending(qxl);
}

static void
push_cursor(SpiceQxl *qxl, Command *command)
{
	command->cursor.release_info.id = (uintptr_t)command;
	command->ext.cmd.type = QXL_CMD_CURSOR;
	command->ext.cmd.data = (uintptr_t)&command->cursor;
	g_async_queue_push(qxl->cursors, command);
	spice_qxl_wakeup(&qxl->instance);
}

void
spice_qxl_device_set_cursor(SpiceQxl *qxl, const Cursor *cursor)
{
	gsize size = (gsize)cursor->width * (gsize)cursor->height * 4;
	QXLCursor *shape = g_malloc0(sizeof *shape + size);
	Command *command = g_new0(Command, 1);

	qxl->cursor = cursor;
	shape->header.unique = 0; /* not to be cached: shapes come without a name */
	shape->header.type = SPICE_CURSOR_TYPE_ALPHA;
	shape->header.width = (guint16)cursor->width;
	shape->header.height = (guint16)cursor->height;
	shape->header.hot_spot_x = (guint16)cursor->hot_x;
	shape->header.hot_spot_y = (guint16)cursor->hot_y;
	shape->data_size = shape->chunk.data_size = (guint32)size;
	memcpy(shape->chunk.data, cursor->pixels, size);
	command->bytes = shape;
	command->cursor.type = QXL_CURSOR_SET;
	command->cursor.u.set.visible = 1;
	command->cursor.u.set.shape = (uintptr_t)shape;
	push_cursor(qxl, command);
}

void
spice_qxl_device_set_pointer(SpiceQxl *qxl, int x, int y, gboolean visible)
{
	Command *command;

	/* A guest that moves it faster than anybody looks. */
	if (g_async_queue_length(qxl->cursors) >= QUEUE_MAX)
		return;
	command = g_new0(Command, 1);
	command->cursor.type = visible ? QXL_CURSOR_MOVE : QXL_CURSOR_HIDE;
	command->cursor.u.position.x = (gint16)x;
	command->cursor.u.position.y = (gint16)y;
	push_cursor(qxl, command);
}
