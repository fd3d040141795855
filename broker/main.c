/* carrel-broker: who may use which desktop. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <sys/resource.h>

#include "broker/broker.h"
#include "broker/common/error.h"
#include "broker/common/program.h"

static const ProgramInfo info = {
	.name = "carrel-broker",
	.summary = "Gives signed-in people their desktops: sessions, pools, tickets, and the portal's interface.",
	.runtime_folder = "broker",
	.private_folder = "broker/agents", /* pools/agent-link.h */
	.state_folder = "broker",
	.passage = "templates", /* QEMU's: pools/template.h */
};

static gint64
now(void)
{
	return g_get_real_time() / G_USEC_PER_SEC;
}

static gint64
steady(void)
{
	return g_get_monotonic_time() / G_USEC_PER_SEC;
}

static int
fail(const GError *error)
{
	g_warning("%s", error->message);
	return error->domain == CARREL_ERROR && error->code == CARREL_ERROR_CONFIG ? 78 : 1;
}

static void
on_reload(void *data)
{
	broker_reload(data);
}

/* Every desktop's agent has one, and the usual limit is 1024. */
static void
allow_many_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int
main(int argc, char **argv)
{
	BrokerOptions options = {.now = now, .steady = steady};
	g_autoptr(GError) error = NULL;
	g_autoptr(Store) store = NULL;
	g_autoptr(Broker) broker = NULL;
	g_autofree char *file = NULL;
	int status;
	g_autoptr(Program) program = program_new(&info, &argc, &argv, &status);
	const Conf *conf;

	if (program == NULL)
		return status;
	conf = program_conf(program);
	allow_many_files();
	if (!program_drop_rights(program, conf->broker_user, conf->libvirt_groups, &error))
		return fail(error);
	file = g_build_filename(conf->state, "broker", "carrel.db", NULL);
	store = store_open(file, &error);
	if (store == NULL)
		return fail(error);
	options.failure_ms = (guint)conf->failure_delay * 1000;
	broker = broker_new(conf, store, &options, &error);
	if (broker == NULL)
		return fail(error);
	status = program_run(program, on_reload, broker);
	/* Before the store and the configuration, which it uses. */
	g_clear_pointer(&broker, broker_free);
	g_clear_pointer(&store, store_close);
	return status;
}
