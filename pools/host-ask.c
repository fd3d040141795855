/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/host-ask.h"

#include "broker/common/error.h"
#include "pools/host.h"
#include "pools/libvirt-loop.h"

#include <string.h>

/* Shared with a thread that may never end. */
typedef struct {
	gatomicrefcount refs;
	GMutex lock;
	GCond cond;
	char *uri;
	gboolean done, connected;
	HostFacts *facts;
	GError *error;
} Question;

static void
question_unref(Question *question)
{
	if (!g_atomic_ref_count_dec(&question->refs))
		return;
	host_facts_free(question->facts);
	g_clear_error(&question->error);
	g_mutex_clear(&question->lock);
	g_cond_clear(&question->cond);
	g_free(question->uri);
	g_free(question);
}

static gpointer
ask_libvirt(gpointer data)
{
	Question *question = data;
	g_autoptr(GError) error = NULL;
	virConnectPtr connection = virConnectOpen(question->uri);
	HostFacts *facts = NULL;

	if (connection == NULL) {
		host_set_error(&error, question->uri);
	} else {
		facts = host_facts_probe(connection, strstr(question->uri, ":///") != NULL, &error);
		virConnectClose(connection);
	}
	g_mutex_lock(&question->lock);
	question->facts = facts;
	question->error = g_steal_pointer(&error);
	question->connected = connection != NULL;
	question->done = TRUE;
	g_cond_signal(&question->cond);
	g_mutex_unlock(&question->lock);
	question_unref(question);
	return NULL;
}

HostFacts *
host_ask(const char *uri, gboolean *connected, GError **error)
{
	Question *question = g_new0(Question, 1);
	gint64 deadline_us = g_get_monotonic_time() + HOST_ASK_DEADLINE_S * G_USEC_PER_SEC;
	HostFacts *facts;

	libvirt_loop_register();
	g_atomic_ref_count_init(&question->refs);
	g_atomic_ref_count_inc(&question->refs);
	g_mutex_init(&question->lock);
	g_cond_init(&question->cond);
	question->uri = g_strdup(uri);
	g_thread_unref(g_thread_new("carrel-ask", ask_libvirt, question));
	g_mutex_lock(&question->lock);
	while (!question->done && g_cond_wait_until(&question->cond, &question->lock, deadline_us))
		;
	facts = g_steal_pointer(&question->facts);
	*connected = question->connected;
	if (!question->done)
		g_set_error(
			error, CARREL_ERROR, CARREL_ERROR_TIMEOUT, "%s does not answer within %d s", uri, HOST_ASK_DEADLINE_S);
	else if (question->error)
		g_propagate_error(error, g_steal_pointer(&question->error));
	g_mutex_unlock(&question->lock);
	question_unref(question);
	return facts;
}
