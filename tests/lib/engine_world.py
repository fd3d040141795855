"""The world of tests/faults/engine: folders, a libvirtd, a pool engine that may be killed at any place; and how it comes to rest."""
# SPDX-License-Identifier: GPL-2.0-or-later
import collections
import os
import random
import subprocess
import time

from agents import Agents
from engine_driver import Died, Driver
from instance import Failure
from pool_books import Books, Broken, Libvirt, instance_id, rows
from pool_folder import PoolFolder
from test_libvirtd import TestLibvirtd, libvirt

GUESTS = os.environ.get("CARREL_GUESTS") == "yes"
SEED = int(os.environ.get("CARREL_SEED", time.time_ns() % 1000000))
SPEED = 20 if GUESTS else 40  # of the engine's clock
QUIET_S = 120 if GUESTS else 30
KILLS_MAX = 40  # so many places ahead the next kill is, at most
POOLS = {"one": {"spare": 1, "most": 2}} if GUESTS else {
    "one": {"spare": 2, "most": 6, "mode": "nat"}, "two": {"spare": 1, "most": 3}, "none": {"spare": 0, "most": 2},
    "many": {"spare": 4, "most": 9}, "line": {"spare": 1, "most": 2, "queue": 3},
    "mine": {"spare": 1, "most": 4, "queue": 2, "kind": "persistent"}}

CONFIG = """[Paths]
State={top}/state
Runtime={top}/run
Pools={top}/pools.d
Images={top}/images
[Libvirt]
Uri={uri}
"""


class World:
    def __init__(self, top):
        self.top = top
        self.random = random.Random(SEED)
        self.config, self.database = f"{top}/carrel.conf", f"{top}/state/broker/carrel.db"
        self.agents_folder = f"{top}/run/broker/agents"
        self.books, self.folder = Books(SPEED), PoolFolder(top)
        self.pools = self.folder.pools
        self.history, self.killed = collections.deque(maxlen=60), collections.Counter()
        self.steps = self.quiets = self.restarts = 0
        self.hangs, self.plugged, self.orphans = False, set(), set()
        self.driver = self.daemon = self.agents = None
        self.before, self.begun, self.empty_queue = set(), set(), False

    def say(self, text):
        self.history.append(f"{self.steps}: {text}")
        print(f"{self.steps}: {text}", file=self.log, flush=True)

    # --- its parts --------------------------------------------------------------------------------------------------

    def build(self):
        self.log = open(f"{self.top}/steps", "w")
        for name in ("state/broker", "run", "pools.d", "libvirt", "scratch"):
            os.makedirs(f"{self.top}/{name}")
        if not GUESTS and os.geteuid() == 0:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=0755", "carrel-test", f"{self.top}/state/broker"], check=True)
        self.folder.new_image()
        self.folder.new_image("brought", 1)
        for name, how in POOLS.items():
            self.folder.add(name, **how)
        if GUESTS:
            uri, self.connection = "qemu:///system", lambda: self.system
            self.system = libvirt.open(uri)
        else:
            self.daemon = TestLibvirtd(f"{self.top}/libvirt")
            self.daemon.start()
            uri, self.connection = self.daemon.uri, lambda: self.daemon.connection
            # Not the world's dice: the order in which desktops come up must not change the steps.
            manners = random.Random(SEED)
            self.agents = Agents(f"{self.top}/hypervisor", lambda path: manners.choices(
                [("prompt", 0), ("late", 0.05), ("rubbish", 0), ("late", 0.4), ("never", 0)], [80, 10, 5, 3, 2])[0])
        with open(self.config, "w") as file:
            file.write(CONFIG.format(top=self.top, uri=uri))
        self.start()
        self.wait_connected()
        self.instance = instance_id(self.database, f"{self.top}/scratch")
        self.kept_name = f"carrel-{self.instance[:8]}-kept"
        self.meet_strangers()

    def libvirt(self):
        return Libvirt(self.connection(), self.instance, GUESTS)

    def start(self, kill_at=0):
        self.driver = Driver(self.config, f"{self.top}/driver.log", kill_at=kill_at, speed=SPEED, deadline_speed=1 if GUESTS else SPEED,
                             hypervisor=None if GUESTS else f"{self.top}/hypervisor")
        self.driver.begun = self.begun
        self.books.nobody_knows()
        self.forget_the_queues()
        self.restarts += 1

    def forget_the_queues(self):
        """Those without a file, whose people wait for what no process knows any more."""
        for desktop in self.books.leases.values():
            if not self.pools[desktop.rsplit("-", 1)[0]]["there"]:
                self.books.may_go.add(desktop)

    def maybe_wait_connected(self):
        if self.random.random() < 0.6:
            try:
                self.wait_connected()
            except Died:
                self.revive(False)

    def wait_connected(self):
        deadline = time.monotonic() + QUIET_S
        while not self.driver.look()[1]:
            if time.monotonic() > deadline:
                raise Failure("the engine does not find its libvirt")
            time.sleep(0.01)

    def revive(self, arm=True):
        """It died, or was killed: the next process of it may be killed as well, on its way up even."""
        how = self.driver.bury()
        self.killed[how] += 1
        if how.startswith("status") and how != "status -9":
            raise Broken(f"engine-driver ended by itself: {how}")
        kill_at = self.random.randint(1, KILLS_MAX) if arm and self.random.random() < 0.5 else 0
        self.say(f"killed {how}; started again{f', to be killed at place {kill_at}' if kill_at else ''}")
        self.start(kill_at)
        if not self.hangs:
            self.maybe_wait_connected()

    def meet_strangers(self):
        now = self.libvirt()
        self.books.strangers = {} if GUESTS else now.strangers

    def my_ports(self):
        return set(os.listdir(self.agents_folder)) if not GUESTS else None

    def plug_in(self, table, now):
        """QEMU listens as soon as it runs. Here the engine's process says so, and may have died before."""
        wanted = {row["uuid"] for row in table.values() if row["state"] in ("cloning", "ready", "assigned", "starting")}
        for own, number in now.numbers.items():
            if own not in wanted:
                continue
            path = f"{self.agents_folder}/{now.domains[own]}"
            if (own, number) not in self.plugged and not (path in self.agents.ports and os.path.exists(path)):
                self.agents.listen(path)
            self.plugged.add((own, number))

    # --- quiet, and right -------------------------------------------------------------------------------------------

    def look(self):
        """(table, libvirt's), or None while the engine writes."""
        first = rows(self.database, f"{self.top}/scratch")
        now = self.libvirt()
        if rows(self.database, f"{self.top}/scratch") != first:
            return None
        return first, now

    def check(self, table, now, waiting):
        self.books.check_table(table)
        self.books.check_libvirt(table, now)
        self.books.check_max(table, now, self.folder.wanted(), self.before, waiting)
        self.books.check_order(self.driver.places, self.begun, table)

    def what_is_not_settled(self):
        memory, connected = self.driver.look()
        waiting = self.driver.waiting
        if not connected:
            return "the engine has no libvirt"
        seen = self.look()
        if seen is None:
            return "the table changes"
        table, now = seen
        self.check(table, now, waiting)
        on_its_way = next((f"{desktop} ({state})" for desktop, (state, _) in memory.items()
                           if state in ("cloning", "starting", "resetting", "retired") and desktop not in waiting), None)
        if on_its_way:
            return f"{on_its_way} is on its way"
        if self.agents:
            self.plug_in(table, now)
        why = self.books.unsettled(table, now, self.my_ports(), waiting) or \
            self.books.unplanned(table, self.folder.wanted(), waiting)
        if why:
            return why
        if memory != {row["id"]: (row["state"], row["user"]) for row in table.values()}:
            return f"the engine's memory and its table differ: {memory}, {table}"
        if self.empty_queue and waiting:
            return f"{waiting} wait, though nobody has asked for them"
        self.before = set(table)
        self.table = table
        return None

    def settle(self):
        deadline = time.monotonic() + QUIET_S
        self.say("let it come to rest")
        while True:
            try:
                why = self.what_is_not_settled()
            except Died:
                self.revive()
                continue
            if why is None:
                break
            if time.monotonic() > deadline:
                self.books.check_table(rows(self.database, f"{self.top}/scratch"))
                raise Broken(f"after {QUIET_S} s: {why}")
            time.sleep(0.005)
        self.books.close_quiet(self.table)
        self.folder.settled()
        self.empty_queue = False
        self.books.bare &= set(self.table)
        if self.agents:
            self.agents.keep_only(f"{self.agents_folder}/{desktop}" for desktop in self.table)
        self.quiets += 1

    def tear_down(self):
        if self.driver and self.driver.is_alive():
            self.driver.kill()
        if self.daemon:
            self.daemon.kill()
        elif GUESTS:
            self.remove_guests()
        subprocess.run(["umount", "-q", f"{self.top}/state/broker"], check=False)

    def remove_guests(self):
        now = self.libvirt()
        for own in now.domains:
            self.system.lookupByUUIDString(own).destroy()
        name = f"carrel-{self.instance[:8]}"
        for kind in ("storagePool", "network"):
            try:
                getattr(self.system, f"{kind}LookupByName")(name).destroy()
            except libvirt.libvirtError:
                pass
