/* Stands before the calls of libvirt and SQLite that change something, in engine-driver only: the places where a process may
 * die between deciding, writing down and doing. By environment, and without any of it this file changes nothing:
 *
 *   CARREL_TEST_KILL_AT=N         raise SIGKILL at the N-th place; each call is two, before and after it
 *   CARREL_TEST_SPEED=N           the engine's clock and what it counts in seconds go N times as fast
 *   CARREL_TEST_DEADLINE_SPEED=N  and so do the deadlines of its calls to libvirt
 *   CARREL_TEST_CLOCK=FILE        so many seconds as the file says is the clock on the wall ahead
 *   CARREL_TEST_HYPERVISOR=PATH   a unix socket that is told where an agent's port is to be, and answers when it listens there;
 *                                 and libvirt's test driver is all there is: what it lacks is made good for
 *
 * The engine is linked statically, so a definition here is what it calls; the next one is the library's.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <dlfcn.h>
#include <glib.h>
#include <libvirt/libvirt.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int places; /* atomic */

static int
number_of(const char *variable, int otherwise)
{
	const char *text = getenv(variable);

	return text && *text ? atoi(text) : otherwise;
}

static void
place(const char *when, const char *call)
{
	int at = number_of("CARREL_TEST_KILL_AT", 0);

	if (at <= 0 || g_atomic_int_add(&places, 1) + 1 != at)
		return;
	dprintf(STDERR_FILENO, "killed %s %s\n", when, call);
	kill(getpid(), SIGKILL);
	pause();
}

#define NEXT(call) ((__typeof__(&call))dlsym(RTLD_NEXT, #call))

#define CHANGES(type, call, parameters, ...) \
	type call parameters \
	{ \
		place("before", #call); \
		type result = NEXT(call)(__VA_ARGS__); \
		place("after", #call); \
		return result; \
	}

CHANGES(int, virDomainDestroy, (virDomainPtr domain), domain)
CHANGES(int, virDomainResume, (virDomainPtr domain), domain)
CHANGES(int, virDomainReset, (virDomainPtr domain, unsigned flags), domain, flags)
CHANGES(int, virDomainReboot, (virDomainPtr domain, unsigned flags), domain, flags)
CHANGES(int, virDomainAttachDeviceFlags, (virDomainPtr domain, const char *xml, unsigned flags), domain, xml, flags)
CHANGES(virStoragePoolPtr, virStoragePoolCreateXML, (virConnectPtr connection, const char *xml, unsigned flags), connection, xml, flags)
CHANGES(int, virStoragePoolCreate, (virStoragePoolPtr pool, unsigned flags), pool, flags)
CHANGES(int, virStorageVolDelete, (virStorageVolPtr volume, unsigned flags), volume, flags)
CHANGES(virNetworkPtr, virNetworkCreateXML, (virConnectPtr connection, const char *xml), connection, xml)
CHANGES(int, virNetworkCreate, (virNetworkPtr network), network)
CHANGES(int, unlink, (const char *path), path)

/* A hypervisor listens before libvirt says that the VM runs. */
static void
tell_hypervisor(const char *xml)
{
	static const char mark[] = "<source mode='bind' path='";
	const char *socket_path = getenv("CARREL_TEST_HYPERVISOR"), *start = strstr(xml, mark);
	g_autofree char *line = NULL;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char answer;
	int fd;

	if (socket_path == NULL || start == NULL)
		return;
	start += strlen(mark);
	line = g_strdup_printf("%.*s\n", (int)strcspn(start, "'"), start);
	g_strlcpy(address.sun_path, socket_path, sizeof address.sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
		write(fd, line, strlen(line)) < 0 || read(fd, &answer, 1) < 0)
		perror("CARREL_TEST_HYPERVISOR");
	close(fd);
}

virDomainPtr
virDomainCreateXML(virConnectPtr connection, const char *xml, unsigned flags)
{
	virDomainPtr domain;

	place("before", "virDomainCreateXML");
	domain = NEXT(virDomainCreateXML)(connection, xml, flags);
	if (domain)
		tell_hypervisor(xml);
	place("after", "virDomainCreateXML");
	return domain;
}

/* The test driver knows no ways to shut down. One guest in two obeys. */
int
virDomainShutdownFlags(virDomainPtr domain, unsigned flags)
{
	int result;

	if (getenv("CARREL_TEST_HYPERVISOR") && g_random_boolean())
		flags = 0;
	place("before", "virDomainShutdownFlags");
	result = NEXT(virDomainShutdownFlags)(domain, flags);
	place("after", "virDomainShutdownFlags");
	return result;
}

/* A volume of the test driver is a name: its allocation, which is nobody's else, says whether one is still the same. */
virStorageVolPtr
virStorageVolCreateXML(virStoragePoolPtr pool, const char *xml, unsigned flags)
{
	const char *target = getenv("CARREL_TEST_HYPERVISOR") ? strstr(xml, "<target>") : NULL;
	g_autofree char *marked = target ? g_strdup_printf("%.*s<allocation>%d</allocation>%s", (int)(target - xml), xml,
						   g_random_int_range(1, 1 << 24), target) /* thousands of them must fit into its 100 GiB */
					 : NULL;
	virStorageVolPtr volume;

	place("before", "virStorageVolCreateXML");
	volume = NEXT(virStorageVolCreateXML)(pool, marked ? marked : xml, flags);
	place("after", "virStorageVolCreateXML");
	return volume;
}

/* Every write of the engine is one statement, or, where it is a part of a transaction, COMMIT. */
int
sqlite3_step(sqlite3_stmt *statement)
{
	const char *sql = sqlite3_sql(statement);
	gboolean writes = sql && !g_str_has_prefix(sql, "PRAGMA") &&
		(!sqlite3_stmt_readonly(statement) || g_str_has_prefix(sql, "COMMIT"));
	g_autofree char *name = writes ? g_strdup_printf("%.36s", sql) : NULL;
	int result;

	if (writes)
		place("before", name);
	result = NEXT(sqlite3_step)(statement);
	if (writes)
		place("after", name);
	return result;
}

gint64
g_get_real_time(void)
{
	const char *file = getenv("CARREL_TEST_CLOCK");
	g_autofree char *text = NULL;

	if (file)
		g_file_get_contents(file, &text, NULL, NULL);
	return NEXT(g_get_real_time)() + (text ? g_ascii_strtoll(text, NULL, 10) : 0) * G_USEC_PER_SEC;
}

static int
speed(const char *variable)
{
	return MAX(1, number_of(variable, 1));
}

gint64
g_get_monotonic_time(void)
{
	return NEXT(g_get_monotonic_time)() * speed("CARREL_TEST_SPEED");
}

guint
g_timeout_add(guint interval_ms, GSourceFunc function, gpointer data)
{
	return g_timeout_add_full(G_PRIORITY_DEFAULT,
		interval_ms / (guint)speed("CARREL_TEST_DEADLINE_SPEED"), function, data, NULL);
}

guint
g_timeout_add_seconds(guint interval_s, GSourceFunc function, gpointer data)
{
	int times = speed("CARREL_TEST_SPEED");

	if (times == 1)
		return NEXT(g_timeout_add_seconds)(interval_s, function, data);
	return g_timeout_add_full(G_PRIORITY_DEFAULT, interval_s * 1000 / (guint)times, function, data, NULL);
}
