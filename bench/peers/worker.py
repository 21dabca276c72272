"""
Measures other people's solvers for `npm run bench:peers`: one request a line on standard input, one answer a line on
standard output, as JSON. Times are those of the call alone, by the processor's clock of this process and by the wall.
"""

import json
import os
import sys
import time
import traceback

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"

from peer_data import Case  # noqa: E402


def open_peer(name, case):
    if name == "power-grid-model":
        from pgm_peer import PgmPeer

        return PgmPeer(case)
    if name == "pandapower":
        from pandapower_peer import PandapowerPeer

        return PandapowerPeer(case)
    raise ValueError(f"unknown peer {name}")


def main():
    # Whatever the libraries print must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    peer = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {}
            if request["do"] == "open":
                peer = None
                peer = open_peer(request["peer"], Case(request["case"]))
            elif request["do"] == "run":
                work = getattr(peer, request["work"])
                wall, processor = time.perf_counter(), time.process_time()
                work(request["method"], request["count"])
                answer = {
                    "processorUs": (time.process_time() - processor) * 1e6 / request["count"],
                    "wallUs": (time.perf_counter() - wall) * 1e6 / request["count"],
                }
            elif request["do"] == "write":
                peer.write_answers(request["method"], request["name"])
            elif request["do"] == "versions":
                from importlib.metadata import version

                answer = {name: version(name) for name in ("power-grid-model", "pandapower", "numba", "numpy")}
        except Exception as error:  # a peer's failure is a result
            traceback.print_exc()
            # Of a batch, what the first situation says.
            reasons = getattr(error, "error_messages", None) or [error]
            message = str(reasons[0]).strip().splitlines()
            answer = {"failure": f"{type(error).__name__}: {message[0] if message else ''}"[:200]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


main()
