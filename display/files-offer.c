/* Files from the desktop: the guest offers, a person takes or refuses. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/files.h"

#include <string.h>

#include "broker/common/file-name.h"
#include "display/agent-wire.h"
#include "display/files-private.h"

/* For the person to answer. */
#define ANSWER_US (300 * G_USEC_PER_SEC)
/* For the guest to send more, or the browser to put more away. */
#define MOVE_US (120 * G_USEC_PER_SEC)

static const char *const reasons[AGENT_FILE_N_ANSWERS] = {[AGENT_FILE_DENIED] = "not allowed",
        [AGENT_FILE_TOO_LARGE] = "too large",
        [AGENT_FILE_TOO_MANY] = "too many",
        [AGENT_FILE_NOBODY] = "nobody is connected",
        [AGENT_FILE_NO_BROWSER] = "no browser is connected",
        [AGENT_FILE_BROKEN] = "its number is in use"};

void
offer_free(void *data)
{
	Offer *offer = data;

	g_ptr_array_unref(offer->asked);
	g_free(offer->name);
	g_free(offer);
}

static Offer *
find(const Files *files, guint32 id)
{
	for (guint i = 0; i < files->offers->len; i++) {
		if (((Offer *)files->offers->pdata[i])->id == id)
			return files->offers->pdata[i];
	}
	return NULL;
}

static Offer *
find_of_guest(const Files *files, guint32 guest_id)
{
	for (guint i = 0; i < files->offers->len; i++) {
		if (((Offer *)files->offers->pdata[i])->guest_id == guest_id)
			return files->offers->pdata[i];
	}
	return NULL;
}

static void
say(Files *files, guint32 type, guint32 guest_id, guint32 number)
{
	g_autoptr(GByteArray) out = g_byte_array_new();

	agent_append_u32(out, guest_id);
	agent_append_u32(out, number);
	files->sink->to_guest(type, out->data, out->len, files->data);
}

static void
answer(Files *files, guint32 guest_id, AgentFileAnswer word)
{
	say(files, AGENT_FILE_ANSWER, guest_id, word);
}

static gboolean
takes_files(const FilesPeer *peer)
{
	return peer->events->offer != NULL && peer->client->files_from_desktop;
}

static gboolean
takes_size(const FilesPeer *peer, guint64 size)
{
	return peer->client->file_max == 0 || size <= peer->client->file_max;
}

/* All who have it before them are told, then the guest; @but was the one who knows. */
static void
end(Files *files, Offer *offer, FilesResult result, AgentFileAnswer word, const FilesPeer *but)
{
	guint32 id = offer->id;
	g_autoptr(GPtrArray) asked = g_ptr_array_ref(offer->asked);

	if (offer->taker)
		g_message("the desktop sent “%s” (%" G_GUINT64_FORMAT " bytes) to %s of %s at %s: %s", offer->name, offer->size,
		        offer->taker->client->name, offer->taker->client->user, offer->taker->client->address,
		        result == FILES_DONE ? "done" : "not all of it");
	answer(files, offer->guest_id, word);
	g_ptr_array_remove(files->offers, offer);
	for (guint i = 0; i < asked->len; i++) {
		FilesPeer *peer = asked->pdata[i];

		if (peer != but)
			peer->events->offer_over(id, result, peer->data);
	}
}

static void
offer_to(const Offer *offer, FilesPeer *peer)
{
	g_ptr_array_add(offer->asked, peer);
	peer->events->offer(offer->id, offer->size, offer->name, peer->data);
}

/* AGENT_FILE_TAKEN: there is somebody to ask. */
static AgentFileAnswer
judge(const Files *files, guint64 size)
{
	gboolean fits = FALSE, anybody = FALSE, denied = FALSE;

	for (guint i = 0; i < files->peers->len; i++) {
		const FilesPeer *peer = files->peers->pdata[i];

		anybody = anybody || takes_files(peer);
		fits = fits || (takes_files(peer) && takes_size(peer, size));
		denied = denied || !peer->client->files_from_desktop;
	}
	if (fits)
		return files->offers->len < FILES_AT_ONCE ? AGENT_FILE_TAKEN : AGENT_FILE_TOO_MANY;
	if (anybody)
		return AGENT_FILE_TOO_LARGE;
	switch (files->sink->audience(files->data)) {
	case FILES_ALLOWED:
		return AGENT_FILE_NO_BROWSER;
	case FILES_NOT_ALLOWED:
		return AGENT_FILE_DENIED;
	default:
		return denied ? AGENT_FILE_DENIED : AGENT_FILE_NOBODY;
	}
}

static void
guest_offers(Files *files, const guint8 *data, gsize size)
{
	guint32 guest_id = agent_read_u32(data);
	guint64 bytes = agent_read_u32(data + 4) | (guint64)agent_read_u32(data + 8) << 32;
	g_autofree char *name = file_name_clean((const char *)data + 12, size - 12, FILE_NAME_MAX);
	AgentFileAnswer word = find_of_guest(files, guest_id) ? AGENT_FILE_BROKEN : judge(files, bytes);
	Offer *offer;

	if (word != AGENT_FILE_TAKEN) {
		files_note(files, "the desktop may not send “%s” (%" G_GUINT64_FORMAT " bytes): %s", name, bytes, reasons[word]);
		answer(files, guest_id, word);
		return;
	}
	offer = g_new0(Offer, 1);
	offer->id = files_next_id(files);
	offer->guest_id = guest_id;
	offer->name = g_steal_pointer(&name);
	offer->size = offer->left = bytes;
	offer->asked = g_ptr_array_new();
	offer->touched = files->clock();
	g_ptr_array_add(files->offers, offer);
	files_watch(files);
	for (guint i = 0; i < files->peers->len; i++) {
		FilesPeer *peer = files->peers->pdata[i];

		if (takes_files(peer) && takes_size(peer, bytes))
			offer_to(offer, peer);
	}
}

static void
guest_sends(Files *files, Offer *offer, const guint8 *bytes, gsize size)
{
	FilesPeer *taker = offer->taker;

	if (taker == NULL || size > offer->credit || size > offer->left) {
		end(files, offer, FILES_BROKEN, AGENT_FILE_BROKEN, NULL);
		return;
	}
	offer->credit -= size;
	offer->left -= size;
	offer->touched = files->clock();
	if (size > 0)
		taker->events->bytes(offer->id, bytes, size, taker->data);
}

static void
end_when_whole(Files *files, Offer *offer)
{
	if (offer->taken == offer->size)
		end(files, offer, FILES_DONE, AGENT_FILE_SAVED, NULL);
}

static void
guest_ends(Files *files, Offer *offer, guint32 result)
{
	if (result != 0)
		end(files, offer, FILES_WITHDRAWN, AGENT_FILE_CANCELLED, NULL);
	else if (offer->taker == NULL || offer->left > 0)
		end(files, offer, FILES_BROKEN, AGENT_FILE_BROKEN, NULL);
	else
		end_when_whole(files, offer); /* else the browser has still to put some away */
}

gboolean
offer_from_guest(Files *files, guint32 type, const guint8 *data, gsize size)
{
	Offer *offer;

	if (type == AGENT_FILE_OFFER) {
		if (size > 12)
			guest_offers(files, data, size);
		return TRUE;
	}
	if (type != AGENT_FILE_BYTES && type != AGENT_FILE_END)
		return FALSE;
	/* What was on its way when the offer ended. */
	offer = size >= 4 ? find_of_guest(files, agent_read_u32(data)) : NULL;
	if (offer == NULL)
		return TRUE;
	if (type == AGENT_FILE_BYTES)
		guest_sends(files, offer, data + 4, size - 4);
	else if (size >= 8)
		guest_ends(files, offer, agent_read_u32(data + 4));
	return TRUE;
}

gboolean
files_take(FilesPeer *peer, guint32 id)
{
	Files *files = peer->files;
	Offer *offer = find(files, id);
	gsize window;

	if (offer == NULL || offer->taker || !g_ptr_array_find(offer->asked, peer, NULL))
		return FALSE;
	offer->taker = peer;
	offer->touched = files->clock();
	g_ptr_array_remove(offer->asked, peer);
	for (guint i = 0; i < offer->asked->len; i++) {
		FilesPeer *other = offer->asked->pdata[i];

		other->events->offer_over(id, FILES_ELSEWHERE, other->data);
	}
	g_ptr_array_set_size(offer->asked, 0);
	g_ptr_array_add(offer->asked, peer);
	answer(files, offer->guest_id, AGENT_FILE_TAKEN);
	window = (gsize)MIN(offer->size, FILES_WINDOW);
	offer->credit = window;
	if (window > 0)
		say(files, AGENT_FILE_CREDIT, offer->guest_id, (guint32)window);
	return TRUE;
}

gboolean
files_refuse(FilesPeer *peer, guint32 id)
{
	Files *files = peer->files;
	Offer *offer = find(files, id);

	if (offer == NULL || offer->taker || !g_ptr_array_remove(offer->asked, peer))
		return FALSE;
	if (offer->asked->len == 0)
		end(files, offer, FILES_CANCELLED, AGENT_FILE_REFUSED, NULL);
	return TRUE;
}

void
files_take_cancel(FilesPeer *peer, guint32 id)
{
	Offer *offer = find(peer->files, id);

	if (offer && offer->taker == peer)
		end(peer->files, offer, FILES_CANCELLED, AGENT_FILE_CANCELLED, peer);
}

gboolean
files_took(FilesPeer *peer, guint32 id, guint64 n)
{
	Files *files = peer->files;
	Offer *offer = find(files, id);
	guint64 came, wanted;

	/* It may have ended while this was on its way. */
	if (offer == NULL || offer->taker != peer)
		return TRUE;
	came = offer->size - offer->left;
	if (n > came - offer->taken)
		return FALSE;
	offer->taken += n;
	offer->touched = files->clock();
	wanted = MIN(n, offer->left - offer->credit);
	offer->credit += wanted;
	if (wanted > 0)
		say(files, AGENT_FILE_CREDIT, offer->guest_id, (guint32)wanted);
	else if (offer->left == 0)
		end_when_whole(files, offer);
	return TRUE;
}

void
offer_end_all(Files *files, FilesResult result)
{
	while (files->offers->len > 0)
		end(files, files->offers->pdata[files->offers->len - 1], result, AGENT_FILE_CANCELLED, NULL);
}

void
offer_check(Files *files, gint64 now)
{
	for (guint i = files->offers->len; i-- > 0;) {
		Offer *offer = files->offers->pdata[i];

		if (offer->taker == NULL && now - offer->touched >= ANSWER_US)
			end(files, offer, FILES_WITHDRAWN, AGENT_FILE_UNANSWERED, NULL);
		else if (offer->taker && now - offer->touched >= MOVE_US)
			end(files, offer, FILES_STALLED, AGENT_FILE_LOST, NULL);
	}
}

void
offer_peer_came(FilesPeer *peer)
{
	Files *files = peer->files;

	if (!takes_files(peer))
		return;
	for (guint i = 0; i < files->offers->len; i++) {
		const Offer *offer = files->offers->pdata[i];

		if (offer->taker == NULL && takes_size(peer, offer->size))
			offer_to(offer, peer);
	}
}

void
offer_peer_gone(FilesPeer *peer)
{
	Files *files = peer->files;

	for (guint i = files->offers->len; i-- > 0;) {
		Offer *offer = files->offers->pdata[i];
		gboolean was_asked = g_ptr_array_remove(offer->asked, peer);

		if (offer->taker == peer || (was_asked && offer->asked->len == 0))
			end(files, offer, FILES_CANCELLED, AGENT_FILE_LOST, peer);
	}
}
