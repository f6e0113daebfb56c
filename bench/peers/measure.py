"""What the peers share: requests come as JSON lines on stdin, answers go as JSON lines to stdout."""
import ctypes
import gc
import json
import os
import sys
import time

# Libraries that print, some of them when imported, must not disturb the protocol: import this module first.
answers = os.fdopen(os.dup(1), "w")
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def status_bytes(key):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(key + ":"))


def reset_peak_memory():
    """Gives freed memory back to the system first, so that it does not count."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5\n")


def measure(step, seconds):
    """Median and least time of a step, over blocks of about 0.15 s, as the bench times its own steps; and the most
    memory that the process held meanwhile."""
    reset_peak_memory()
    for _ in range(3):
        step()
    start = time.perf_counter()
    step()
    per_block = max(1, int(0.15 / max(time.perf_counter() - start, 1e-7)))
    blocks, begin = [], time.perf_counter()
    while time.perf_counter() - begin < seconds or len(blocks) < 3:
        start = time.perf_counter()
        for _ in range(per_block):
            step()
        blocks.append((time.perf_counter() - start) / per_block)
    blocks.sort()
    return {"ms_min": blocks[0] * 1e3, "ms_median": blocks[len(blocks) // 2] * 1e3, "peak_bytes": status_bytes("VmHWM")}


def serve(handle):
    """Calls handle(request) for each line; what it raises becomes an answer."""
    loaded = status_bytes("VmRSS")  # by the framework itself, before it does anything
    for line in sys.stdin:
        try:
            answer = handle(json.loads(line))
            answer["peak_bytes"] -= loaded
        except Exception as error:  # noqa: BLE001: the bench goes on with the next peer
            answer = {"error": f"{type(error).__name__}: {error}"[:300]}
        print(json.dumps(answer), file=answers, flush=True)
