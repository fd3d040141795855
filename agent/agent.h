/* The root daemon: the control port on one side, the session helper on the other.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

typedef struct Agent Agent;

typedef struct {
	const char *control_port; /* device of org.carrel.agent.0 */
	const char *spice_port;   /* device of com.redhat.spice.0 */
	const char *runtime;      /* folder of the session helpers' socket and of user.env, and what is known of a home */
	const char *session_unit; /* of the session manager, which has the graphical session */
	const char *root;         /* "", or a folder that stands for / (tests) */
} AgentConfig;

/* A device that is not there is looked for again and again. @config is read while this runs only. Free with agent_free. */
Agent *agent_new(const AgentConfig *config, GError **error);
void agent_free(Agent *agent);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Agent, agent_free)
