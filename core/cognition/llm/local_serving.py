"""The process that holds a model: llama.cpp's server, for as long as whoever started it lives.

A script of its own that imports nothing of PolicyTwin. It prints the address where it listens, and ends when its standard
input does or its parent is gone, by whatever signal, so that no server is ever left behind.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time

#: Tokens of a prompt and its answer together.
CONTEXT = 8192
#: Seconds between two looks at whether the parent is still there.
TICK = 0.2


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("weights")
    parser.add_argument("--alias", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    given = parser.parse_args()
    # An interrupt goes to all processes of a terminal; the parent ends this one when it is done with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = given.weights
    params.model_alias = {given.alias}
    params.hostnames, params.port = ["127.0.0.1"], given.port
    params.verbosity = -1
    # One question at a time, and attention in one way whatever part of a prompt is known from the question before: with the
    # faster way, or with several at a time, the same question has slightly other numbers depending on what was asked before.
    params.n_parallel, params.n_ctx = 1, CONTEXT
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    # Prompts of other questions kept in memory for later would take up to 8 GB.
    params.cache_ram_mib = 0
    for cpu in (params.cpuparams, params.cpuparams_batch):
        # Threads that wait by spinning take the cores from those that work.
        cpu.n_threads, cpu.poll = given.threads, 0
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)

    def until_input_ends() -> None:
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=until_input_ends, daemon=True).start()
    while os.name == "nt" or os.getppid() == given.parent:
        time.sleep(TICK)
    os._exit(0)


if __name__ == "__main__":
    main()
