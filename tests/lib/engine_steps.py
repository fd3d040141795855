"""What people, an admin, guests, libvirt and a full disk do to a pool engine: a step of tests/faults/engine each, and what it allows."""
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import signal
import time
import uuid

from agents import line
from engine_driver import Died
from engine_world import GUESTS, KILLS_MAX, POOLS, World
from pool_books import Broken
from test_libvirtd import libvirt

PEOPLE = [f"person{i}" for i in range(3 if GUESTS else 9)]
SOUGHT = () if GUESTS else ("line", "mine")  # more than the others
STRANGER = """<domain type='{type}'><name>{name}</name><uuid>{uuid}</uuid><metadata>
<carrel:desktop xmlns:carrel='https://carrel.invalid/1' instance='{instance}' pool='one' id='{id}' config='x' template=''/></metadata>
<memory unit='MiB'>32</memory><vcpu>1</vcpu><os><type arch='x86_64'>hvm</type></os></domain>"""
STORAGE = "<pool type='dir'><name>{}</name><target><path>{}</path></target></pool>"
VOLUME = """<volume><name>{}.qcow2</name><capacity>1048576</capacity><allocation>{}</allocation><target><format type='qcow2'/></target>
</volume>"""


class People(World):
    """And an admin who speaks to the engine."""

    def a_pool(self):
        return self.random.choice(list(self.pools))

    def a_lease(self, of=lambda desktop: True):
        """Somebody's desktop, as of the last quiet moment or a promise since."""
        leases = sorted((key, desktop) for key, desktop in self.books.leases.items() if of(desktop))
        return self.random.choice(leases) if leases else (None, None)

    def command(self, text):
        """Its answer; None when it died before one."""
        self.say(text)
        try:
            answer = self.driver.ask(text)
        except Died:
            self.revive()
            return None
        self.say(f"  {answer}")
        return answer

    def must(self, text):
        while (answer := self.command(text)) is None:
            pass
        return answer

    def ask_for(self, text, pool, person):
        self.books.asked.add((pool, person))
        asked_at = time.monotonic()
        answer = self.command(text)
        if not answer or not answer.startswith("claimed "):
            return
        _, desktop, *facts = answer.split()
        if "kept=1" in facts:
            self.books.made_to_keep.add(desktop)
        if "kept=1" in facts and "state=cloning" not in facts:
            self.books.kept.add(desktop)
        if "state=starting" in facts:
            self.books.must_be_off.discard(desktop)
            self.books.must_run.add(desktop)
        self.books.promised(pool, person, desktop, asked_at)

    def claim(self):
        pool, person = self.random.choice([*self.pools, *SOUGHT]), self.random.choice(PEOPLE)
        self.ask_for(f"claim {pool} {person}", pool, person)

    def come_back(self):
        """Somebody to what they keep, or wait for."""
        key, _ = self.a_lease(lambda desktop: desktop in self.books.made_to_keep or desktop not in self.books.handed_out)
        if key:
            self.ask_for(f"claim {key[0]} {key[1]}", *key)

    def bring(self):
        """An admin imports somebody's desktop."""
        pool, person = "mine", self.random.choice(PEOPLE)
        self.ask_for(f"import {pool} {person} brought@1", pool, person)

    def ask(self):
        key, desktop = self.a_lease()
        asked_at = time.monotonic()
        if desktop and self.command(f"ask {desktop}") == "ok":
            self.books.asked_at[key] = asked_at

    def nobody_asks(self):
        """For so long that nobody waits any more."""
        if any(desktop not in self.books.handed_out for desktop in self.books.leases.values()):
            self.empty_queue = True

    def end(self, word, desktop):
        answer = self.command(f"{word} {desktop}")
        if answer is None or answer == "ok":
            self.books.may_go.add(desktop)
        if answer == "ok" and desktop not in self.books.kept:
            self.books.must_go.add(desktop)
        return answer

    def reset(self):
        _, desktop = self.a_lease()
        if desktop and self.end("reset", desktop) == "ok" and desktop in self.books.kept and desktop not in self.books.discarded:
            raise Broken(f"{desktop} is kept, and was reset")

    def stop(self):
        """What is kept is off then, as long as the engine lives."""
        _, desktop = self.a_lease()
        if desktop in self.books.made_to_keep:
            self.stop_kept(desktop)
        elif desktop:
            self.end("stop", desktop)

    def stop_kept(self, desktop):
        answer = self.command(f"stop {desktop}")
        self.books.may_go.add(desktop)
        self.books.stopped.add(desktop)
        if answer == "ok" and desktop in self.books.kept:
            self.books.must_run.discard(desktop)
            self.books.must_be_off.add(desktop)

    def a_kept_one(self):
        return self.a_lease(lambda desktop: desktop in self.books.made_to_keep)[1]

    def stop_what_is_kept(self):
        desktop = self.a_kept_one()
        if desktop:
            self.stop_kept(desktop)

    def restart(self):
        _, desktop = self.a_lease()
        if desktop and self.command(f"restart {desktop}") == "ok":
            self.books.must_be_off.discard(desktop)  # the last word counts

    def discard(self):
        desktop = self.a_kept_one()
        if desktop is None:
            return
        before = desktop in self.books.discarded
        self.books.discarded.add(desktop)  # a process that dies of it has done it, or not
        answer = self.command(f"discard {desktop}")
        if answer is None or answer == "ok":
            self.books.may_go.add(desktop)
            self.books.must_run.discard(desktop)
            self.books.must_be_off.discard(desktop)
        if answer == "ok":
            self.books.must_go.add(desktop)
        elif answer is not None and not before:
            self.books.discarded.discard(desktop)

    def hold(self):
        """While somebody has its disk in their hands it is neither started nor discarded."""
        key, desktop = self.a_lease(lambda one: one in self.books.kept)
        if desktop is None or self.command(f"hold {desktop}") != "ok":
            return
        for text in (f"claim {key[0]} {key[1]}", f"discard {desktop}"):
            answer = self.command(text)
            if answer is None:
                return
            if not answer.startswith("error"):
                raise Broken(f"{desktop} is held, and “{text}” is answered by {answer}")
        self.command(f"unhold {desktop}")

    def reset_one_that_is_nobodys(self):
        spares = sorted(set(self.before) - set(self.books.leases.values()))
        if spares:
            desktop = self.random.choice(spares)
            if not (self.command(f"reset {desktop}") or "").startswith("error"):
                self.books.may_go.add(desktop)

    def release(self):
        person = self.random.choice(PEOPLE)
        mine = {desktop for (_, who), desktop in self.books.leases.items() if who == person} - self.books.made_to_keep
        answer = self.command(f"release {person}")
        if answer != "released 0":
            self.books.may_go |= mine
        if answer and answer == f"released {len(mine)}" and not self.books.may_go - mine:
            self.books.must_go |= mine

    def drain(self):
        closed = [name for name, pool in self.pools.items() if pool["drained"]]
        drained = not closed or self.random.random() < 0.25  # mostly they are open, or little would happen
        pool = self.a_pool() if drained else self.random.choice(closed)
        if self.must(f"drain {pool} {'yes' if drained else 'no'}") == "ok":
            self.pools[pool]["drained"] = drained


class Admin(People):
    """Who writes files."""

    def apply(self, name=None):
        self.books.unordered |= {name} if name else set(self.pools)
        self.must("apply")

    def some_value(self, name, what):
        if what == "spare":
            return self.random.randint(0, POOLS[name]["spare"] + (0 if GUESTS else 2))
        if what == "max":
            return self.random.randint(1, POOLS[name]["most"])
        if what == "queue":
            return self.random.choice([0, 3])
        if what == "memory":
            return self.random.choice([128, 192])
        if what == "kind":
            return self.random.choice(["floating", "persistent"])
        return self.random.choice(["", f"@{self.random.randint(1, self.folder.versions)}"])

    def change_pool(self):
        name = self.a_pool()
        what = self.random.choice(["spare", "max", "memory", "version"])
        self.pools[name][what] = self.some_value(name, what)
        self.say(f"{name}: {what} is {self.pools[name][what]!r} now")
        self.folder.write(name)
        self.apply(name)

    def drop_in(self):
        """What stands beside a pool's file counts before it; and goes again."""
        lying = [name for name, pool in self.pools.items() if pool["dropped_in"]]
        name = self.random.choice(lying) if lying and self.random.random() < 0.6 else self.a_pool()
        pool = self.pools[name]
        if pool["dropped_in"]:
            pool["dropped_in"] = {}
        else:
            what = self.random.choice(["max", "memory", "version", *(["queue"] if name in ("line", "mine") else []),
                                       *(["kind"] if name == "mine" else [])])
            pool["dropped_in"] = {what: self.some_value(name, what)}
            if what == "max":
                pool["dropped_in"]["spare"] = min(self.some_value(name, "spare"), pool["dropped_in"]["max"])
        self.say(f"{name}: beside its file stands {pool['dropped_in']}")
        self.folder.write(name)
        self.apply(name)

    def read_as_it_is(self):
        """A process that has just been started has the files read once it answers: what is done to them comes after that."""
        self.driver.look()

    def take_pool_away(self):
        self.read_as_it_is()
        away = [name for name, pool in self.pools.items() if not pool["there"]]
        name = away[0] if away else self.a_pool()
        pool = self.pools[name]
        pool["there"] = not pool["there"]
        self.say(f"{name}: its file is {'back' if pool['there'] else 'gone'}")
        self.folder.write(name)
        self.apply(name)

    def break_pool(self):
        """A fault in its file changes nothing, until the process that knew the good one is gone: so it is mended at once."""
        self.read_as_it_is()
        name = self.a_pool()
        if not self.pools[name]["there"]:
            return
        self.folder.spoil(name)
        self.say(f"{name}: its file has a fault")
        self.command("apply")
        self.folder.write(name)
        self.apply(name)

    def new_version(self):
        if self.folder.versions < 20:
            self.folder.new_image()
            self.say(f"the image has version {self.folder.versions}")
            self.apply()

    def use_version(self):
        version = None if self.folder.in_use else self.random.randint(1, self.folder.versions)
        self.folder.use(version)
        self.say(f"the image stands for {version or 'its newest version'}")
        self.apply()


class Outside(Admin):
    """What nobody asked the engine about."""

    def a_domain(self):
        domains = [domain for domain in self.connection().listAllDomains() if domain.UUIDString() in
                   self.libvirt().domains]
        return self.random.choice(sorted(domains, key=lambda one: one.name())) if domains else None

    def vm_ended(self, name):
        desktop = name.removeprefix("carrel-")
        self.books.may_go.add(desktop)
        self.books.must_run.discard(desktop)
        if desktop in self.orphans:  # nobody ever knew of its port
            self.agents.remove(f"{self.agents_folder}/{desktop}")

    def destroy_vm(self):
        domain = self.a_domain()
        if domain is None:
            return
        self.say(f"somebody destroys {domain.name()}")
        self.vm_ended(domain.name())
        try:
            domain.destroy()
        except libvirt.libvirtError:
            pass  # the engine was quicker

    def shut_down_vm(self):
        domain = self.a_domain()
        if domain is None:
            return
        self.say(f"{domain.name()} shuts down")
        self.vm_ended(domain.name())
        try:
            domain.shutdown()
        except libvirt.libvirtError:
            pass

    def delete_overlay(self):
        names = sorted(self.libvirt().overlays)
        if not names:
            return
        name = self.random.choice(names)
        self.say(f"somebody deletes the overlay of {name}")
        self.books.bare.add(name)
        try:
            self.connection().storagePoolLookupByName(f"carrel-{self.instance[:8]}").storageVolLookupByName(f"{name}.qcow2").delete()
        except libvirt.libvirtError:
            pass

    def appear(self, instance, desktop):
        name, own = f"carrel-{desktop}", str(uuid.UUID(int=self.random.getrandbits(128)))
        self.connection().createXML(STRANGER.format(type="qemu" if GUESTS else "test", name=name, uuid=own, instance=instance, id=desktop))
        return own

    def orphan(self):
        desktop = f"one-{self.random.getrandbits(32):08x}"
        self.say(f"a VM of ours that nobody knows: {desktop}")
        self.agents.listen(f"{self.agents_folder}/{desktop}")
        self.orphans.add(desktop)
        self.appear(self.instance, desktop)
        try:
            self.connection().storagePoolLookupByName(f"carrel-{self.instance[:8]}").createXML(VOLUME.format(desktop, 0))
        except libvirt.libvirtError:
            pass  # there is no such storage yet

    def stranger(self):
        if len(self.books.strangers) > 12:
            return
        desktop = f"one-{self.random.getrandbits(32):08x}"
        self.say(f"a stranger's VM: {desktop}")
        self.appear("f" * 32, desktop)
        self.books.strangers = {**self.books.strangers, **self.libvirt().strangers}

    def kept_stranger(self):
        """A disk that is kept, and that no row knows of: of a database that was lost, say."""
        desktop = f"mine-{self.random.getrandbits(32):08x}"
        number = self.random.getrandbits(24)
        if len(self.books.kept_strangers) > 3:
            return
        try:
            self.connection().storagePoolLookupByName(self.kept_name).createXML(VOLUME.format(desktop, number))
        except libvirt.libvirtError:
            return
        self.say(f"a disk that is kept and has no row: {desktop}")
        self.books.kept_strangers.add(desktop)

    def ends_what_a_stranger_keeps(self):
        if self.books.kept_strangers:
            desktop = self.random.choice(sorted(self.books.kept_strangers))
            for word in ("reset", "discard", "stop"):
                self.command(f"{word} {desktop}")

    def agent_speaks(self):
        ports = sorted(self.agents.ports)
        if not ports:
            return
        path = self.random.choice(ports)
        what = self.random.choice(["ready", "logout", "dies", "hangs up", "rubbish", "floods"])
        self.say(f"the agent of {os.path.basename(path)}: {what}")
        if what == "dies":
            self.agents.die(path)
        elif what == "hangs up":
            self.agents.hang_up(path)
        elif what == "rubbish":
            self.agents.say(path, bytes(self.random.getrandbits(8) for _ in range(200)) + b"\n")
        elif what == "floods":
            self.agents.say(path, line(type="login", user="x") * 1000)
        else:
            self.agents.say(path, line(type=what, user="x", hostname="x"))


class Steps(Outside):
    """Where libvirt, the engine itself or its disk is in trouble, too."""

    def everybodys_vm_ended(self):
        self.books.may_go |= set(self.books.leases.values()) | set(self.before)
        self.books.bare = set()
        self.books.nobody_knows()

    def restart_libvirt(self):
        """All is gone but what is kept, which are files."""
        self.say("libvirtd is killed, and all VMs with it")
        # Whose claim is under way now has a VM that may be lost, too.
        self.books.strangers = {}
        self.driver.process.send_signal(signal.SIGSTOP)  # it makes and deletes none meanwhile
        kept = self.libvirt().kept
        self.daemon.kill()
        self.driver.process.send_signal(signal.SIGCONT)
        self.everybodys_vm_ended()
        for desktop in self.orphans:  # nobody ever knew of its port
            self.agents.remove(f"{self.agents_folder}/{desktop}")
        self.hangs = True  # an engine that dies now finds no libvirt when it is started again
        if self.random.random() < 0.3:
            self.claim()
        time.sleep(self.random.random() * 0.1)
        self.driver.process.send_signal(signal.SIGSTOP)
        self.daemon.start()
        self.hangs = False
        if kept:
            storage = self.connection().storagePoolCreateXML(STORAGE.format(self.kept_name, f"{self.top}/state/kept"))
            for desktop, number in kept.items():
                storage.createXML(VOLUME.format(desktop, number))
        self.driver.process.send_signal(signal.SIGCONT)
        self.everybodys_vm_ended()
        self.meet_strangers()

    def hang_libvirt(self):
        seconds = self.random.choice([0.02, 0.1, 0.5, 2])
        self.say(f"libvirtd hangs for {seconds} s")
        self.daemon.hang()
        self.hangs = True
        try:
            for _ in range(self.random.randint(0, 4)):
                self.random.choice([self.claim, self.claim, self.reset, self.release, self.kill])()
            time.sleep(seconds)
        finally:
            self.daemon.go_on()
            self.hangs = False
            self.books.nobody_knows()

    def full_disk(self):
        path = f"{self.top}/state/broker/filler"
        if not os.path.ismount(os.path.dirname(path)):
            return
        self.say("the disk of the table is full")
        with open(path, "wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    pass
        for _ in range(self.random.randint(1, 4)):
            self.random.choice([self.claim, self.reset, self.release, self.destroy_vm])()
            time.sleep(self.random.random() * 0.02)
        os.unlink(path)

    def kill(self):
        self.say("kill -9")
        self.driver.process.kill()
        self.revive()

    def arm(self):
        """A process that dies at the N-th place from its start on."""
        self.driver.process.kill()
        self.driver.bury()
        at = self.random.randint(1, KILLS_MAX)
        self.say(f"started again, to be killed at place {at}")
        self.start(at)
        self.maybe_wait_connected()

    def wait(self):
        time.sleep(self.random.random() * 0.03)

    def choices(self):
        both = {self.claim: 30, self.reset: 8, self.stop: 3, self.release: 6, self.reset_one_that_is_nobodys: 2, self.drain: 3,
                self.change_pool: 6, self.take_pool_away: 2, self.break_pool: 1, self.new_version: 1, self.destroy_vm: 5,
                self.kill: 4, self.arm: 10, self.wait: 8, self.restart: 2, self.drop_in: 4, self.use_version: 2}
        if GUESTS:
            return both
        return {**both, self.shut_down_vm: 4, self.delete_overlay: 2, self.orphan: 2, self.stranger: 1, self.agent_speaks: 6,
                self.restart_libvirt: 1, self.hang_libvirt: 2, self.full_disk: 2, self.come_back: 8, self.ask: 4, self.bring: 1,
                self.nobody_asks: 0.3, self.stop_what_is_kept: 3, self.discard: 3, self.hold: 2, self.kept_stranger: 1,
                self.ends_what_a_stranger_keeps: 1}
