"""carrel-gateway beside a fake broker and display server (fake-broker.c) in a folder of its own, and what a client needs to speak
to it: HTTP heads, WebSocket frames, VeNCrypt, a byte at a time where that is the point. Needs nothing but Python's own library."""
# SPDX-License-Identifier: GPL-2.0-or-later
import json
import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time

BUILD = os.environ.get("CARREL_BUILD") or os.environ.get("builddir") or os.path.join(os.path.dirname(__file__), "..", "..", "_build")
WEB, VNC = int(os.environ.get("GATEWAY_TEST_PORT", "15320")), int(os.environ.get("GATEWAY_TEST_VNC_PORT", "15321"))
TESTS = []


def test(function):
    TESTS.append(function)
    return function


class Instance:
    def __init__(self, folder, settings=""):
        """@settings: more lines of carrel.conf's [Gateway]."""
        self.folder = folder
        os.chmod(folder, 0o755)
        os.makedirs(folder + "/web/app")
        self.write("web/index.html", "<!doctype html><title>portal</title>")
        self.write("web/app/main.js", "export {};\n" + "x" * 300000)
        self.write("secret.txt", "not for the web")
        os.symlink(folder + "/secret.txt", folder + "/web/link.txt")
        # Started as root each program becomes a user of its own; otherwise all stay who they are.
        users = "[Users]\nBroker=61201\nGateway=61202\nDisplay=61203\n" if os.geteuid() == 0 else ""
        self.conf = (f"[Paths]\nState={folder}/state\nRuntime={folder}/run\nPools={folder}/pools.d\nWebRoot={folder}/web\n"
                     f"{users}[Gateway]\nListen=127.0.0.1:{WEB}\nVncListen=127.0.0.1:{VNC}\n")
        self.write("carrel.conf", self.conf + settings)
        self.systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)  # as sd_notify(3) sees it
        self.systemd.bind(folder + "/notify")
        self.systemd.settimeout(20)
        self.broker = self.start("tests/lib/fake-broker")
        self.gateway = self.start("carrel-gateway")

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w") as file:
            file.write(text)

    def start(self, program):
        log = open(os.path.join(self.folder, os.path.basename(program) + ".log"), "ab")
        return subprocess.Popen([os.path.join(BUILD, program), "--config", self.folder + "/carrel.conf"], stdout=log, stderr=log,
                                env={**os.environ, "ASAN_OPTIONS": "quarantine_size_mb=1", "NOTIFY_SOCKET": self.folder + "/notify"})

    def log(self):
        with open(self.folder + "/carrel-gateway.log") as file:
            return file.read()

    def reload(self, settings):
        """Gives the gateway other settings, and waits until it has read them."""
        self.write("carrel.conf", self.conf + settings)
        before = self.log().count(" read again")
        self.gateway.send_signal(signal.SIGHUP)
        wait_for(lambda: self.log().count(" read again") > before)

    def status(self):
        """What the gateway tells the broker: org.carrel.Gateway1.GetStatus."""
        status, _, body = get(self, "/api/v1/gateway-status")
        assert status == 200, (status, body)
        return json.loads(body)

    def refused(self, name):
        return self.status()["counters"]["refused"][name]

    def mark(self):
        """Where the log ends now."""
        return len(self.log())

    def stop(self):
        for process in (self.gateway, self.broker):
            if process.poll() is None:
                process.terminate()
                process.wait(10)

    def context(self):
        context = ssl.create_default_context(cafile=self.folder + "/run/gateway/ca.pem")
        return context


def wait_for(condition, seconds=10):
    end = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except (OSError, ssl.SSLError):
            pass
        if time.monotonic() > end:
            raise AssertionError("waited in vain")
        time.sleep(0.05)


def plain(port=None):
    connection = socket.create_connection(("127.0.0.1", port or WEB), 5)
    connection.settimeout(8)
    return connection


def secure(instance, connection=None):
    return instance.context().wrap_socket(connection or plain(), server_hostname="localhost")


def read_exactly(connection, n):
    data = b""
    while len(data) < n:
        more = connection.recv(n - len(data))
        if not more:
            raise EOFError(f"{len(data)} of {n} bytes")
        data += more
    return data


def read_head(connection):
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        data += read_exactly(connection, 1)
    lines = data.decode().split("\r\n")
    fields = {}
    for line in lines[1:-2]:
        name, value = line.split(": ", 1)
        fields.setdefault(name.lower(), []).append(value)
    return int(lines[0].split()[1]), fields


def read_answer(connection, has_body=True):
    status, fields = read_head(connection)
    return status, fields, read_exactly(connection, int(fields.get("content-length", ["0"])[0])) if has_body else b""


def ask(instance, text, has_body=True):
    connection = secure(instance)
    connection.sendall(text if isinstance(text, bytes) else text.encode())
    answer = read_answer(connection, has_body)
    connection.close()
    return answer


def get(instance, path, fields=""):
    return ask(instance, f"GET {path} HTTP/1.1\r\nHost: localhost:{WEB}\r\n{fields}\r\n")


def is_closed(connection):
    try:
        return connection.recv(1) == b""
    except (ConnectionResetError, ssl.SSLError):
        return True


KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def handshake(desktop, session="good", extra="", protocol="binary", origin=None, stream="screen"):
    cookie = f"Cookie: __Host-carrel={session}\r\n" if session else ""
    return (f"GET /api/v1/desktops/{desktop}/{stream} HTTP/1.1\r\nHost: localhost:{WEB}\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
            f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {protocol}\r\n"
            f"Origin: {origin or f'https://localhost:{WEB}'}\r\n{cookie}{extra}\r\n").encode()


def open_screen(i, desktop, session="good"):
    connection = secure(i)
    connection.sendall(handshake(desktop, session))
    status, fields = read_head(connection)
    assert status == 101 and fields["sec-websocket-accept"] == ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]
    assert fields["sec-websocket-protocol"] == ["binary"]
    return connection


def frame(opcode, payload, fin=True, masked=True):
    head = bytes([(0x80 if fin else 0) | opcode])
    mask = b"\x01\x02\x03\x04" if masked else b""
    n, bit = len(payload), 0x80 if masked else 0
    head += bytes([bit | n]) if n < 126 else bytes([bit | 126]) + struct.pack(">H", n) if n < 65536 else bytes([bit | 127]) + struct.pack(">Q", n)
    if masked:
        key = (mask * (n // 4 + 1))[:n]
        payload = (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(n, "big")
    return head + mask + payload


def read_frame(connection):
    first, second = read_exactly(connection, 2)
    n = second & 127
    assert second < 128
    if n == 126:
        n, = struct.unpack(">H", read_exactly(connection, 2))
    elif n == 127:
        n, = struct.unpack(">Q", read_exactly(connection, 8))
    return first & 15, read_exactly(connection, n)


def close_code(connection):
    while True:
        opcode, payload = read_frame(connection)
        if opcode == 8:
            return struct.unpack(">H", payload[:2])[0] if payload else None


def tunnel(i, connect=b"CONNECT t-1:5901 HTTP/1.0\r\n\r\n", connection=None):
    connection = connection or plain()
    connection.sendall(connect)
    assert read_head(connection)[0] == 200
    return secure(i, connection)


def vnc_to_tls(i, version=b"RFB 003.008\n"):
    connection = plain(VNC)
    assert read_exactly(connection, 12) == b"RFB 003.008\n"
    connection.sendall(version)
    assert read_exactly(connection, 2) == b"\x01\x13"
    connection.sendall(b"\x13")
    assert read_exactly(connection, 2) == b"\0\x02"
    connection.sendall(b"\0\x02")
    assert read_exactly(connection, 6) == b"\0\x01\0\0\x01\x06"
    connection.sendall(struct.pack(">I", 262))
    assert read_exactly(connection, 1) == b"\x01"
    return secure(i, connection)


def run_all(instance):
    failed = 0
    wait_for(lambda: get(instance, "/healthz")[0] == 200)
    for function in TESTS:
        if len(sys.argv) > 1 and sys.argv[1] not in function.__name__:
            continue
        start = time.monotonic()
        try:
            function(instance)
            print(f"ok     {function.__name__} ({time.monotonic() - start:.1f} s)", flush=True)
        except Exception as error:
            failed += 1
            print(f"FAILED {function.__name__}: line {error.__traceback__.tb_next.tb_lineno if error.__traceback__.tb_next else 0}: {type(error).__name__}: {error}", flush=True)
        if instance.gateway.poll() is not None:
            print("the gateway died:", instance.gateway.returncode)
            failed += 1
            break
    return failed


def run(title, settings=""):
    """Runs every @test function with an instance, each named on the command line, or all. Exits."""
    if not os.path.exists(os.path.join(BUILD, "tests/lib/fake-broker")):
        print("skipped: not built in", BUILD)
        sys.exit(77)
    folder = tempfile.mkdtemp(prefix=title + "-")
    instance = Instance(folder, settings)
    try:
        failed = run_all(instance)
    finally:
        instance.stop()
    if failed:
        print(instance.log())
    shutil.rmtree(folder)
    sys.exit(1 if failed else 0)
