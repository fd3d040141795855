"""What must hold of a pool engine's table and of libvirt, seen from outside: the database file, and libvirt's own answers.

Broken at any time: somebody's desktop is another's, a used one is clean, a lease is lost, what a person keeps ends or has another disk,
somebody overtakes a person who waits, a stranger was touched. Broken when it is quiet: something is left over, or is missing, or is
more than the pool's file allows."""
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import re
import shutil
import sqlite3
import time

from test_libvirtd import libvirt

URI = "https://carrel.invalid/1"
HELD = ("assigned", "cloning", "off", "starting")
WHOLE = ("assigned", "off", "starting")  # its person may have seen it
COLUMNS = "id, pool, state, intent, uuid, user, image, agent, note, kept, turn"
PATIENCE_S = 180  # of the engine's clock: who does not ask for so long has left the queue


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


def serial(volume, real):
    """What no other volume has: of a file that is there its inode, of the test driver's what kill-points.c made its allocation."""
    return os.stat(volume.path()).st_ino if real else volume.info()[2]


class Libvirt:
    """What it has now."""

    def __init__(self, connection, instance, real):
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
        self.overlays, self.kept = set(), {}  # kept: desktop -> the serial of its disk
        for pool in connection.listAllStoragePools():
            if pool.name() == f"carrel-{instance[:8]}":
                self.overlays = {name.removesuffix(".qcow2") for name in (volume.name() for volume in pool.listAllVolumes())
                                 if re.search(r"-[0-9a-f]{8}\.qcow2$", name)}
            elif pool.name() == f"carrel-{instance[:8]}-kept":
                self.kept = self._kept(pool, real)
        self.networks = {network.name() for network in connection.listAllNetworks() if network.name().startswith("carrel-")}

    def _kept(self, pool, real):
        kept = {}
        for volume in pool.listAllVolumes():
            try:
                kept[volume.name().removesuffix(".qcow2")] = serial(volume, real)
            except (libvirt.libvirtError, FileNotFoundError):
                pass  # it went just now
        return kept


class Books:
    """What was promised to whom, and what was seen of every desktop that ever was."""

    def __init__(self, speed):
        self.patience_s = PATIENCE_S / speed
        self.owner = {}     # desktop -> the only person it may ever be of
        self.leases = {}    # (pool, person) -> desktop
        self.may_go = set() # desktops that somebody ended, or may have, or whose VM somebody ended
        self.must_go = set()
        self.asked = set()  # (pool, person) that asked for one since the last quiet moment
        self.asked_at = {}  # (pool, person) -> when they last did, and were heard
        self.seen_running = set() # desktops somebody was promised, whose VM was there
        self.handed_out = set() # desktops that were seen assigned
        self.strangers = {}
        self.bare = set()   # desktops whose overlay somebody deleted
        self.made_to_keep = set()  # desktops of a persistent pool,
        self.kept = set()          # and those of them that somebody has had in their hands: they go by "discard" alone
        self.discarded = set()
        self.disks = {}            # kept desktop, or a stranger's -> the serial of its disk
        self.kept_strangers = set()
        self.turns = {}
        self.must_be_off, self.must_run = set(), set()
        self.stopped = set()       # kept desktops that somebody stopped: they may take a while to be off
        self.earlier, self.last, self.unordered = {}, {}, set()  # of check_order(): tables; pools whose files change

    def promised(self, pool, person, desktop, asked_at):
        lease = self.leases.get((pool, person))
        if lease and lease != desktop and lease not in self.discarded and lease in self.kept:
            raise Broken(f"{person} keeps {lease} of {pool}, and is given {desktop}")
        if lease and lease != desktop and lease not in self.may_go and lease in self.handed_out:
            raise Broken(f"{person} had {lease} of {pool}, and is given {desktop}")
        self.owned(desktop, person)
        self.leases[pool, person] = desktop
        self.asked_at[pool, person] = asked_at

    def owned(self, desktop, person):
        before = self.owner.setdefault(desktop, person)
        if before != person:
            raise Broken(f"{desktop} was {before}'s and is {person}'s")

    def check_row(self, row):
        if row["user"]:
            self.owned(row["id"], row["user"])
        if row["kept"]:
            self.made_to_keep.add(row["id"])
        if row["state"] in WHOLE:
            self.handed_out.add(row["id"])
            if row["kept"]:
                self.kept.add(row["id"])
        if row["state"] in ("ready", "parked") and (row["user"] or row["id"] in self.owner):
            raise Broken(f"{row['id']} is {row['state']}, and was {self.owner.get(row['id'])}'s")
        if row["state"] in ("off", "starting") and not row["kept"]:
            raise Broken(f"{row['id']} is {row['state']}, and nobody keeps it")
        if self.turns.setdefault(row["id"], row["turn"]) != row["turn"]:
            raise Broken(f"{row['id']} had the turn {self.turns[row['id']]}, and has {row['turn']}")

    def check_lease(self, pool, person, desktop, given, table):
        """(pool, person) were promised @desktop, and have @given now."""
        if given and given != desktop and desktop not in self.handed_out:
            self.leases[pool, person] = given  # who waits is given a spare that comes up first
        elif given == desktop or desktop in self.discarded:
            pass
        elif desktop in self.kept:
            raise Broken(f"{person} kept {desktop} of {pool}: it is {table.get(desktop)}")
        elif desktop in self.may_go:
            pass
        elif desktop in self.handed_out or time.monotonic() - self.asked_at.get((pool, person), 0) < self.patience_s:
            raise Broken(f"{person} lost {desktop} of {pool}: it is {table.get(desktop)}")

    def check_table(self, table):
        """At any moment."""
        held, uuids = {}, set()
        for row in table.values():
            self.check_row(row)
            if row["state"] in HELD and row["user"]:
                other = held.setdefault((row["pool"], row["user"]), row["id"])
                if other != row["id"]:
                    raise Broken(f"{row['user']} has {other} and {row['id']} of {row['pool']}")
            if row["uuid"] in uuids:
                raise Broken(f"the UUID {row['uuid']} twice")
            uuids.add(row["uuid"])
        for (pool, person), desktop in list(self.leases.items()):
            self.check_lease(pool, person, desktop, held.get((pool, person)), table)
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
            if desktop in self.seen_running - self.may_go - self.stopped and (row is None or row["uuid"] not in now.domains):
                raise Broken(f"the VM of {desktop} ended under its person")
        for desktop in (self.kept - self.discarded & set(table)) | self.kept_strangers:
            if desktop not in now.kept:
                raise Broken(f"the disk of {desktop}, which is kept, is gone")
            if self.disks.setdefault(desktop, now.kept[desktop]) != now.kept[desktop]:
                raise Broken(f"the disk of {desktop}, which is kept, is another one")

    def check_order(self, places, begun, table):
        """@places: the queue, after self.last and before @table were read. Who waited in self.earlier, and still does, and whose
        desktop was never begun, was overtaken by whoever came by one in self.last, and had none or waited behind them."""
        before = {(row["pool"], row["user"]): row for row in self.earlier.values() if row["state"] in HELD and row["user"]}
        for desktop in sorted(places):
            waits = self.earlier.get(desktop)
            if waits is None or desktop not in self.last or desktop in begun or waits["user"] is None or waits["pool"] in self.unordered or \
                    not waits["image"].startswith("test@"):
                continue
            for row in self.last.values():
                had = before.get((row["pool"], row["user"]))
                if row["pool"] != waits["pool"] or row["state"] != "assigned" or \
                        had and (had["id"] == row["id"] and had["state"] in WHOLE or had["state"] == "cloning" and had["turn"] < waits["turn"]):
                    continue
                raise Broken(f"{row['user']}, with {row['id']}, overtook {waits['user']}, who waits for {desktop}: {had}")
        for desktop, place in places.items():
            for other, theirs in places.items():
                if desktop in table and other in table and table[desktop]["pool"] == table[other]["pool"] and \
                        (place < theirs) != (table[desktop]["turn"] < table[other]["turn"]) and desktop != other:
                    raise Broken(f"{desktop} has the place {place} and {other} {theirs}, which came in another order")
        self.earlier, self.last = self.last, table

    def unsettled(self, table, now, ports, waiting):
        """The first thing that may not stay so; None: nothing. @waiting: desktops that were not begun, by the engine's word."""
        alive, off = set(), set()
        for row in table.values():
            what = f"{row['id']} ({row['state']}, {row['user']})"
            if row["id"] in waiting:
                alive.add(row["id"])
                off.add(row["id"])
                continue
            if row["state"] not in ("ready", "assigned", "off", "failed"):
                return f"{what} is on its way"
            if row["intent"]:
                return f"{what} is to be {row['intent']}d"
            if row["state"] == "failed":
                continue
            alive.add(row["id"])
            if row["id"] not in (now.kept if row["kept"] else now.overlays) and row["id"] not in self.bare:
                return f"{what} has no overlay"
            if row["state"] == "off":
                off.add(row["id"])
                continue
            if row["uuid"] not in now.domains:
                return f"{what} has no VM"
            if ports is not None and row["id"] not in ports:
                return f"{what} has no agent's port"
        return self._left_over(now, ports, alive, off) or self._not_obeyed(table, alive)

    def _left_over(self, now, ports, alive, off):
        for kind, names, known in (("VM", set(now.domains.values()), alive - off), ("overlay", now.overlays, alive),
                                   ("kept disk", set(now.kept), alive | self.kept_strangers), ("agent's port", ports or set(), alive)):
            left = names - known
            if left:
                return f"nobody knows the {kind} of {left.pop()}"
        return None

    def _not_obeyed(self, table, alive):
        for desktop in self.must_go:
            if desktop in alive:
                return f"{desktop} was to go"
        for names, state in ((self.must_be_off, "off"), (self.must_run, "assigned")):
            for desktop in names:
                if desktop in table and table[desktop]["state"] != state:
                    return f"{desktop} was to be {state}, and is {table[desktop]['state']}"
        return None

    def unplanned(self, table, pools, waiting):
        """@pools: as of pool_folder.py's wanted(). As unsettled()."""
        for name, pool in pools.items():
            mine = [row for row in table.values() if row["pool"] == name]
            ready = [row for row in mine if row["state"] == "ready"]
            wait = [row["id"] for row in mine if row["id"] in waiting]
            held = sum(row["state"] in HELD and row["user"] is not None for row in mine) - len(wait)
            wanted = 0 if pool["closing"] else min(pool["spare"], max(0, pool["max"] - held))
            if len(ready) != wanted:
                return f"{name} has {len(ready)} ready and {held} held of {pool['max']}, and is to have {wanted} ready"
            if any(row["image"] != pool["image"] for row in ready):
                return f"{name} has a ready desktop of an old image"
            if any(bool(row["kept"]) != pool["kept"] for row in ready):
                return f"{name} has a ready desktop of another kind"
            if wait and held < pool["max"] and pool["there"]:
                return f"{name} has {held} held of {pool['max']}, and {wait} wait"
        return None

    def check_max(self, table, now, pools, before, waiting):
        """More than Max= only where they were there before Max= fell, and were somebody's. Who waits has nothing yet."""
        for name, pool in pools.items():
            mine = [row["id"] for row in table.values() if row["pool"] == name and
                    (row["state"] in ("ready", *WHOLE) or row["state"] == "cloning" and row["id"] not in waiting and
                     (row["uuid"] in now.domains or row["id"] in now.overlays or row["id"] in now.kept))]
            fresh = [desktop for desktop in mine if desktop not in before]
            if len(mine) > pool["largest"] and fresh:
                raise Broken(f"{name} has {len(mine)} desktops, may have {pool['largest']}, and made {fresh[0]}")

    def nobody_knows(self):
        """The engine died, or libvirt was away: what was asked of it may have come to nothing."""
        self.must_be_off, self.must_run = set(), set()

    def close_quiet(self, table):
        """It is quiet, and all holds: what was uncertain is known now."""
        held = {(row["pool"], row["user"]): row["id"] for row in table.values() if row["state"] in HELD and row["user"]}
        for key, desktop in self.leases.items():
            if held.get(key) not in (None, desktop) and key not in self.asked:
                raise Broken(f"{key[1]} had {desktop} of {key[0]}, has {held[key]} now, and did not ask for it")
        self.leases = held
        self.seen_running = {desktop for desktop in held.values() if table[desktop]["state"] == "assigned"}
        self.may_go, self.must_go, self.asked, self.unordered = set(), set(), set(), set()
        self.stopped = {desktop for desktop in self.stopped if desktop in table and table[desktop]["state"] != "off"}
        self.discarded -= set(held.values())  # nobody heard it
        self.nobody_knows()
