"""What must hold of a pool engine's table and of libvirt, seen from outside: the database file, and libvirt's own answers.

Broken at any time: somebody's desktop is another's, a used one is clean, a lease is lost, a stranger was touched. Broken when it is
quiet: something is left over, or is missing, or is more than the pool's file allows."""
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import re
import shutil
import sqlite3

from test_libvirtd import libvirt

URI = "https://carrel.invalid/1"
HELD = ("assigned", "cloning")
COLUMNS = "id, pool, state, intent, uuid, user, image, agent, note"


class Broken(Exception):
    """The books lie."""


def _select(database, scratch, sql):
    """From a copy: the engine has the file to itself. Between two writes that is what a new process would find."""
    copy = os.path.join(scratch, "copy.db")
    for suffix in ("", "-wal"):
        if os.path.exists(copy + suffix):
            os.unlink(copy + suffix)
        if os.path.exists(database + suffix):
            shutil.copyfile(database + suffix, copy + suffix)
    connection = sqlite3.connect(copy)
    connection.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in connection.execute(sql)]
    finally:
        connection.close()


def rows(database, scratch):
    return {row["id"]: row for row in _select(database, scratch, f"SELECT {COLUMNS} FROM desktops")}


def instance_id(database, scratch):
    return _select(database, scratch, "SELECT value FROM meta WHERE name = 'instance-id'")[0]["value"]


class Libvirt:
    """What it has now."""

    def __init__(self, connection, instance):
        self.domains, self.numbers, self.strangers = {}, {}, {}
        for domain in connection.listAllDomains():
            try:
                text = domain.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, URI)
            except libvirt.libvirtError as error:
                if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                    continue  # it ended just now
                text = ""
            found = re.search(r"""instance=['"](\w+)""", text)
            if found and found[1] == instance:
                self.domains[domain.UUIDString()] = domain.name().removeprefix("carrel-")
                self.numbers[domain.UUIDString()] = domain.ID()
            else:
                self.strangers[domain.UUIDString()] = (domain.name(), domain.ID())
        self.overlays, self.other_volumes = set(), set()
        for pool in connection.listAllStoragePools():
            if pool.name() == f"carrel-{instance[:8]}":
                names = [volume.name() for volume in pool.listAllVolumes()]
                self.overlays = {name.removesuffix(".qcow2") for name in names if re.search(r"-[0-9a-f]{8}\.qcow2$", name)}
                self.other_volumes = set(names) - {f"{name}.qcow2" for name in self.overlays}
        self.networks = {network.name() for network in connection.listAllNetworks() if network.name().startswith("carrel-")}


class Books:
    """What was promised to whom, and what was seen of every desktop that ever was."""

    def __init__(self):
        self.owner = {}     # desktop -> the only person it may ever be of
        self.leases = {}    # (pool, person) -> desktop
        self.may_go = set() # desktops that somebody ended, or may have, or whose VM somebody ended
        self.must_go = set()
        self.asked = set()  # (pool, person) that asked for one since the last quiet moment
        self.seen_running = set() # desktops somebody was promised, whose VM was there
        self.handed_out = set() # desktops that were seen assigned
        self.strangers = {}
        self.bare = set()   # desktops whose overlay somebody deleted

    def promised(self, pool, person, desktop):
        lease = self.leases.get((pool, person))
        if lease and lease != desktop and lease not in self.may_go and lease in self.handed_out:
            raise Broken(f"{person} had {lease} of {pool}, and is given {desktop}")
        self.owned(desktop, person)
        self.leases[pool, person] = desktop

    def owned(self, desktop, person):
        before = self.owner.setdefault(desktop, person)
        if before != person:
            raise Broken(f"{desktop} was {before}'s and is {person}'s")

    def check_table(self, table):
        """At any moment."""
        held, uuids = {}, set()
        for row in table.values():
            if row["user"]:
                self.owned(row["id"], row["user"])
            if row["state"] == "assigned":
                self.handed_out.add(row["id"])
            if row["state"] in ("ready", "parked") and (row["user"] or row["id"] in self.owner):
                raise Broken(f"{row['id']} is {row['state']}, and was {self.owner.get(row['id'])}'s")
            if row["state"] in HELD and row["user"]:
                other = held.setdefault((row["pool"], row["user"]), row["id"])
                if other != row["id"]:
                    raise Broken(f"{row['user']} has {other} and {row['id']} of {row['pool']}")
            if row["uuid"] in uuids:
                raise Broken(f"the UUID {row['uuid']} twice")
            uuids.add(row["uuid"])
        for (pool, person), desktop in list(self.leases.items()):
            given = held.get((pool, person))
            if given and given != desktop and desktop not in self.handed_out:
                self.leases[pool, person] = given  # who waits is given a spare that comes up first
                continue
            if desktop not in self.may_go and given != desktop:
                raise Broken(f"{person} lost {desktop} of {pool}: it is {table.get(desktop)}")
        for (pool, person), desktop in held.items():
            if (pool, person) not in self.leases and (pool, person) not in self.asked:
                raise Broken(f"{person} has {desktop} of {pool} and never asked for one")

    def check_libvirt(self, table, now):
        """At any moment, as far as the two were read in one."""
        for uuid, seen in self.strangers.items():
            if now.strangers.get(uuid) != seen:
                raise Broken(f"the stranger {seen[0]} was touched: {now.strangers.get(uuid)}")
        by_uuid = {row["uuid"]: row["id"] for row in table.values()}
        for uuid, name in now.domains.items():
            if by_uuid.get(uuid, name) != name:
                raise Broken(f"the VM {uuid} is {name}'s by its name, and {by_uuid[uuid]}'s by the table")
        for desktop in self.leases.values():
            row = table.get(desktop)
            if desktop in self.seen_running and desktop not in self.may_go and (row is None or row["uuid"] not in now.domains):
                raise Broken(f"the VM of {desktop} ended under its person")

    def unsettled(self, table, now, ports):
        """The first thing that may not stay so; None: nothing."""
        alive = set()
        for row in table.values():
            what = f"{row['id']} ({row['state']}, {row['user']})"
            if row["state"] not in ("ready", "assigned", "failed"):
                return f"{what} is on its way"
            if row["intent"]:
                return f"{what} is to be {row['intent']}d"
            if row["state"] == "failed":
                continue
            alive.add(row["id"])
            if row["uuid"] not in now.domains:
                return f"{what} has no VM"
            if row["id"] not in now.overlays and row["id"] not in self.bare:
                return f"{what} has no overlay"
            if ports is not None and row["id"] not in ports:
                return f"{what} has no agent's port"
        for kind, names in (("VM", set(now.domains.values())), ("overlay", now.overlays), ("agent's port", ports or set())):
            left = names - alive
            if left:
                return f"nobody knows the {kind} of {left.pop()}"
        for desktop in self.must_go:
            if desktop in alive:
                return f"{desktop} was to go"
        return None

    def unplanned(self, table, pools):
        """@pools: name -> {spare, max, closing, image}. As unsettled()."""
        for name, pool in pools.items():
            mine = [row for row in table.values() if row["pool"] == name]
            ready = [row for row in mine if row["state"] == "ready"]
            held = sum(row["state"] in HELD and row["user"] is not None for row in mine)
            wanted = 0 if pool["closing"] else min(pool["spare"], max(0, pool["max"] - held))
            if len(ready) != wanted:
                return f"{name} has {len(ready)} ready and {held} held of {pool['max']}, and is to have {wanted} ready"
            if any(row["image"] != pool["image"] for row in ready):
                return f"{name} has a ready desktop of an old image"
        return None

    def check_max(self, table, pools, before):
        """More than Max= only where they were there before Max= fell, and were somebody's."""
        for name, pool in pools.items():
            mine = [row["id"] for row in table.values() if row["pool"] == name and row["state"] in ("ready", "assigned", "cloning")]
            fresh = [desktop for desktop in mine if desktop not in before]
            if len(mine) > pool["largest"] and fresh:
                raise Broken(f"{name} has {len(mine)} desktops, may have {pool['largest']}, and made {fresh[0]}")

    def close_quiet(self, table):
        """It is quiet, and all holds: what was uncertain is known now."""
        held = {(row["pool"], row["user"]): row["id"] for row in table.values() if row["state"] in HELD and row["user"]}
        for key, desktop in self.leases.items():
            if held.get(key) not in (None, desktop) and key not in self.asked:
                raise Broken(f"{key[1]} had {desktop} of {key[0]}, has {held[key]} now, and did not ask for it")
        self.leases = held
        self.seen_running = set(held.values())
        self.may_go, self.must_go, self.asked = set(), set(), set()
