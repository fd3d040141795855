"""The tables of tests/bench/display, and how far the aims are met."""
# SPDX-License-Identifier: GPL-2.0-or-later
import json

# The aims, each as a ratio to the best peer of the same run.
CPU_MOST, BYTES_MOST = 1 / 2, 1 / 5  # of scroll and window
LATENCY_MOST = 1 / 3                 # of QEMU's VNC, everywhere
WORSE_MOST = 1.1                     # nothing is worse than this
FAR_LEAST = 0.9                      # of the frames, at 80 ms


def title(cell):
    load, fps, link, quality = cell
    if load == "idle":
        return "idle"
    way = {"0": "", "narrow": ", 10 Mbit/s and 20 ms"}.get(link, f", {link} ms")
    return f"{load}, {fps} fps, {quality}{way}"


def number(value, digits=2):
    if value is None:
        return "-"
    return f"{value:.{digits}f}" if abs(value) < 100 else f"{value:.0f}"


def in_short(one):
    if "wakeups" in one:
        return f"{number(one['wakeups'], 1)} wake-ups/s, {number(one['cpu_ms_s'])} ms/s"
    return f"{number(one['cpu_ms'])} ms, {number(one['kb'], 1)} kB, {one['frames']} of {one['offered']}, {number(one['p50'], 1)} ms late"


def parts(one):
    """What each process has of it, where there are several."""
    return " ".join(f"{name} {number(value)}" for name, value in one.items()) if len(one) > 1 else ""


def rows_of(results):
    for name, one in results.items():
        if "wakeups" in one:
            yield [name, number(one["wakeups"], 1), number(one["cpu_ms_s"]), number(one["mib"], 0),
                   parts(one["wakeups_each"])]
        else:
            yield [name, number(one["cpu_ms"]), number(one["kb"], 1), f"{one['frames']:g}/{one['offered']:g}", number(one["p50"], 1),
                   number(one["p99"], 1), number(one["lossless_ms"], 0), number(one["mib"], 0),
                   number(one["level"], 0), number(one["psnr"], 1), number(one["late"], 0), parts(one["cpu_each"])]


def show(cell, results, as_json):
    load, fps, link, quality = cell
    if as_json:
        for name, one in results.items():
            print(json.dumps({"load": load, "fps": fps, "link": link, "quality": quality, "server": name, **one}), flush=True)
        return
    heads = (["idle", "wake-ups/s", "CPU ms/s", "MiB", "wake-ups of each"] if load == "idle" else
             [load, "CPU ms", "kB", "frames", "p50 ms", "p99 ms", "lossless after ms", "MiB", "level", "PSNR", "late ticks", "CPU ms of each"])
    rows = [heads, *rows_of(results)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(heads))]
    print(f"\n{title(cell)}")
    for row in rows:
        padded = [row[0].ljust(widths[0]), *(word.rjust(width) for word, width in zip(row[1:], widths[1:]))]
        print("  " + "  ".join(padded), flush=True)


def best(results, key, most=False, only=""):
    """(the best peer's figure, its name), or (None, None); of those whose name begins with @only"""
    there = [(one[key], name) for name, one in results.items()
             if not name.startswith("ours") and name.startswith(only) and one.get(key) not in (None, -1)]
    return (max if most else min)(there, default=(None, None))


def idle_aims(results, name):
    for key, what in (("cpu_ms_s", "CPU"), ("wakeups", "wake-ups"), ("mib", "memory")):
        value, peer = best(results, key, only="qemu")  # the others have no machine that could wake up
        if value and results[name][key] is not None:
            yield f"{name} {what}", peer, results[name][key] / value, "<= %.2f" % WORSE_MOST, results[name][key] <= value * WORSE_MOST
    screen = results[name]["wakeups_each"].get("carrel-screen", 0)
    yield f"{name} carrel-screen's wake-ups/s", "zero", screen, "= 0", screen == 0


def latency_aims(results, name, travel_ms):
    """Without the way, on which nobody can be faster."""
    for key, floor in (("p50", 0.5), ("p99", 1)):
        value, peer = best(results, key)
        if value is not None and results[name][key] >= 0:
            ours, theirs = results[name][key] - travel_ms, max(value - travel_ms, floor)
            yield f"{name} {key}", peer, ours / theirs, f"<= {WORSE_MOST:.2f}", ours <= theirs * WORSE_MOST
    peer = results.get("qemu-vnc")
    if peer and peer["p50"] > travel_ms and results[name]["p50"] >= 0:
        ratio = (results[name]["p50"] - travel_ms) / (peer["p50"] - travel_ms)
        yield f"{name} p50", "qemu-vnc", ratio, f"<= {LATENCY_MOST:.2f}", ratio <= LATENCY_MOST


def cost_aims(results, name, load):
    one = results[name]
    for key, what, floor in (("cpu_ms", "CPU", 0.02), ("kb", "bytes", 0.1), ("lossless_ms", "time to lossless", 10), ("mib", "memory", 1)):
        value, peer = best(results, key, only="qemu" if key == "mib" else "")
        most = {"cpu_ms": CPU_MOST, "kb": BYTES_MOST}.get(key, WORSE_MOST) if load in ("scroll", "window") else WORSE_MOST
        if key == "lossless_ms" and value is not None and one[key] is None:
            yield f"{name} {what}", peer, float("inf"), f"<= {most:.2f}", False  # never, or later than was waited for
        elif value is not None and one[key] is not None:
            ratio = one[key] / max(value, floor)  # below the floor a difference is of no use to anybody
            yield f"{name} {what}", peer, ratio, f"<= {most:.2f}", ratio <= most


def frame_aims(results, name, fps, link):
    one = results[name]
    part = one["frames"] / one["offered"]
    if fps == 60 and link == "0":
        yield f"{name} frames", "what was offered", part, "= 1", part >= 1
    if link == "80":
        yield f"{name} frames", "what was offered", part, f">= {FAR_LEAST}", part >= FAR_LEAST
    value, peer = best(results, "frames", most=True)
    if value:
        yield f"{name} frames", peer, one["frames"] / value, f">= {1 / WORSE_MOST:.2f}", one["frames"] >= value / WORSE_MOST


def aims_of(cell, results):
    """[(what of ours, the peer's name, ratio, the most or the least that it may be, met)]"""
    load, fps, link, quality = cell
    if quality == "lossless":  # a server that is lossy all the same cannot be compared
        results = {name: one for name, one in results.items() if one.get("psnr") is None}
    for name in results:
        if not name.startswith("ours"):
            continue
        if load == "idle":
            yield from idle_aims(results, name)
            continue
        yield from cost_aims(results, name, load)
        yield from latency_aims(results, name, {"80": 40, "0": 0}.get(link, 10))
        yield from frame_aims(results, name, fps, link)


def show_aims(results, as_json):
    met = total = 0
    if not as_json:
        print("\naims: ours to the best peer of this run")
    for cell, some in results.items():
        for what, peer, ratio, limit, is_met in aims_of(cell, some):
            met, total = met + is_met, total + 1
            if as_json:
                print(json.dumps({"aim": what, "cell": title(cell), "peer": peer, "ratio": round(ratio, 3) if ratio < float("inf") else None, "limit": limit, "met": is_met}))
            else:
                print(f"  {'met    ' if is_met else 'NOT MET'}  {title(cell)}: {what}: {ratio:.2f} of {peer} ({limit})")
    if not as_json and total:
        print(f"{met} of {total} are met")
