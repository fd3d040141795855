"""What the system tests share: the running instance that tests/run (or packaging/quickstart) started, its REST interface,
its CLI, and small helpers to wait and to say what went wrong.

A test is a script with functions whose names are sentences; main() runs them in order, prints TAP, and exits 0, 1 or 77.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
import http.client
import json
import os
import ssl
import subprocess
import sys
import time
import traceback
import urllib.parse

TOP = os.environ.get("CARREL_TOP", os.path.realpath(os.path.join(os.path.dirname(__file__), "../..")))
BUILD = os.environ.get("CARREL_BUILD", os.path.join(TOP, "_build"))
INSTANCE = os.environ.get("CARREL_INSTANCE", os.path.join(TOP, "_run/instance.json"))


class Skip(Exception):
    """The test cannot run here; the text says why."""


class Untried(Exception):
    """This one function's matter cannot be seen here, while those after it can; the text says why."""


class Failure(Exception):
    pass


def check(truth, text):
    if not truth:
        raise Failure(text)


def equal(actual, expected, what="value"):
    check(actual == expected, f"{what}: {actual!r} where {expected!r} was expected")


def wait_for(what, condition, timeout, pause=0.1):
    """The first true result of condition(), or a Failure that says what was waited for."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise Failure(f"waited {timeout} s in vain for {what}")
        time.sleep(pause)


def instance():
    if not os.path.exists(INSTANCE):
        print(f"no instance runs ({INSTANCE} is missing): start one with packaging/quickstart --background")
        sys.exit(77)  # scripts ask for it before main() could catch anything
    with open(INSTANCE) as file:
        return json.load(file)


def setting(key):
    """Of the instance's configuration."""
    with open(instance()["config"]) as file:
        return next(line.split("=", 1)[1].strip() for line in file if line.startswith(key + "="))


class Portal:
    """One person's browser, as far as REST goes: keeps the cookie, sends the Origin."""

    def __init__(self, of=None, source=None):
        """@of: as instance() returns it; @source: the address to come from."""
        self.instance = of or instance()
        self.source = (source, 0) if source else None
        url = urllib.parse.urlparse(self.instance["portal"])
        self.host, self.port = url.hostname, url.port
        self.tls = ssl.create_default_context(cafile=self.instance["ca"])
        self.cookie = None

    def user(self, name):
        for user in self.instance["users"]:
            if user["name"] == name:
                return user
        raise Failure(f"no user {name} in {INSTANCE}")

    def connect(self, timeout=40):
        return http.client.HTTPSConnection(self.host, self.port, timeout=timeout, source_address=self.source,
                                           context=self.tls)

    def request(self, method, path, body=None, headers=None):
        """(status, response fields with lower-case names, decoded JSON or bytes)"""
        fields = {"Origin": self.instance["portal"]}
        if self.cookie:
            fields["Cookie"] = f"__Host-carrel={self.cookie}"
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            fields["Content-Type"] = "application/json"
        fields.update(headers or {})
        connection = self.connect()
        try:
            connection.request(method, path, body, fields)
            answer = connection.getresponse()
            content = answer.read()
            result = {name.lower(): value for name, value in answer.getheaders()}
            cookie = result.get("set-cookie", "")
            if cookie.startswith("__Host-carrel="):
                self.cookie = cookie.split(";")[0].split("=", 1)[1] or None
            if result.get("content-type", "").startswith("application/json"):
                content = json.loads(content)
            return answer.status, result, content
        finally:
            connection.close()

    def api(self, method, path, body=None, expect=(200,)):
        status, _, content = self.request(method, "/api/v1/" + path, body)
        check(status in expect, f"{method} {path}: status {status} ({content}) where {expect} was expected")
        return content

    def sign_in(self, name):
        self.api("POST", "sign-in", {"user": name, "password": self.user(name)["password"]})
        return self

    def sign_out(self):
        self.api("POST", "sign-out", {}, (200, 204))

    def open(self, pool="office", timeout=120):
        """Opens a desktop and waits until it can be seen; its id."""
        desktop = self.api("POST", f"pools/{pool}/open", {}, (200, 202))["desktop"]
        wait_for(f"desktop {desktop} to be usable", lambda: self.desktop(desktop).get("usable"), timeout, 0.2)
        return desktop

    def desktop(self, desktop):
        return self.api("GET", f"desktops/{desktop}")

    def wait_agent(self, desktop, timeout=120):
        wait_for(f"the agent of {desktop}", lambda: self.desktop(desktop).get("agent"), timeout, 0.2)


def carrel(*words, status=0, seconds=120):
    """Runs the CLI against the instance; its standard output."""
    done = subprocess.run([os.path.join(BUILD, "carrel"), "--config", instance()["config"], *words], capture_output=True, text=True, timeout=seconds)
    if status is not None and done.returncode != status:
        raise Failure(f"carrel {' '.join(words)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def carrel_json(*words):
    return json.loads(carrel(*words, "--json"))


def desktops():
    return carrel_json("desktop", "list")


def processes(name):
    """Process ids of this instance's program with this name."""
    config = instance()["config"].encode()
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if os.path.basename(words[0]) == name.encode() and config in words:
            found.append(int(pid))
    return found


def main(*tests):
    """Runs the test functions in order. A failure ends the script: later tests lean on earlier ones."""
    print(f"1..{len(tests)}", flush=True)
    for number, test in enumerate(tests, 1):
        name = test.__name__.replace("_", " ")
        started = time.monotonic()
        try:
            test()
        except Skip as skip:
            print(skip)
            sys.exit(77)
        except Untried as why:
            print(f"ok {number} {name} # SKIP not seen here: {str(why).strip()}", flush=True)
            continue
        except Exception as error:  # a test may fail in any way
            if not isinstance(error, Failure):
                traceback.print_exc()
            print(f"not ok {number} {name}: {error}", flush=True)
            sys.exit(1)
        print(f"ok {number} {name} # {time.monotonic() - started:.1f} s", flush=True)
