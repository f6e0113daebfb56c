"""What the peers share: requests come as JSON lines on stdin, answers go as JSON lines to stdout."""
import json
import resource
import sys
import time


def measure(step, seconds):
    """Median and least time of a step, over blocks of about 0.15 s, as the bench times its own steps."""
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
    return {"ms_min": blocks[0] * 1e3, "ms_median": blocks[len(blocks) // 2] * 1e3}


def serve(handle):
    """Calls handle(request) for each line; what it raises becomes an answer."""
    answers = sys.stdout
    sys.stdout = sys.stderr  # libraries that print must not disturb the protocol
    for line in sys.stdin:
        try:
            answer = handle(json.loads(line))
        except Exception as error:  # noqa: BLE001: the bench goes on with the next peer
            answer = {"error": f"{type(error).__name__}: {error}"[:300]}
        answer["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps(answer), file=answers, flush=True)
