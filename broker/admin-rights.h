/* Who may do what over the admin socket: the admins of the instance everything, the admins of a pool (its file's Admins=) what has to do
 * with that pool. Who somebody is comes from the kernel; names become numbers when the pool files are read, not at each call.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sys/types.h>

#include "broker/broker.h"

typedef struct AdminRights AdminRights;

/* @broker's engine is there. */
AdminRights *admin_rights_new(Broker *broker);
void admin_rights_free(AdminRights *rights);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AdminRights, admin_rights_free)

/* The pool files were read again. */
void admin_rights_reload(AdminRights *rights);

/* One who asks. */
typedef struct {
	const AdminRights *rights;
	uid_t uid;
	GArray *gids; /* gid_t */
} AdminPeer;

/* Of the peer at the other end of the unix socket @fd (-1: only the user counts). Free with admin_peer_free. */
AdminPeer *admin_peer_new(const AdminRights *rights, uid_t uid, int fd);
void admin_peer_free(AdminPeer *peer);

/* An admin of the instance? */
gboolean admin_peer_is_admin(const AdminPeer *peer);
/* May they look after @pool? */
gboolean admin_peer_has_pool(const AdminPeer *peer, const char *pool);

/* May they call @method of org.carrel.Broker1.Admin with @parameters? DENIED, in words for them. What lists tell is the lists'. */
gboolean admin_peer_may_call(const AdminPeer *peer, const char *method, GVariant *parameters, GError **error);
