"""llama.cpp's server out of the Python package xllamacpp, told what to do by the flags of llama-server.

The package holds the server as a module without a command line. A flag that is not in the table below ends this with status 1 before
anything is loaded, as llama-server itself does.
"""

import os
import signal
import sys

import xllamacpp as lib


def member(enum, prefix):
    """Reads a word as the member of an enumeration that ends in it."""
    return lambda word: getattr(enum, prefix + word.upper().replace("-", "_"))


def below(holder, *names):
    """Sets an attribute of each object that the dotted names lead to."""

    def put(value):
        for name in names:
            *path, last = name.split(".")
            target = holder
            for step in path:
                target = getattr(target, step)
            setattr(target, last, value)

    return put


def switch(word):
    return {"on": True, "off": False}[word]


def flash(word):
    state = {"on": "ENABLED", "off": "DISABLED", "auto": "AUTO"}[word]
    return getattr(lib.llama_flash_attn_type, "LLAMA_FLASH_ATTN_TYPE_" + state)


def speculative(words):
    kind = member(lib.common_speculative_type, "COMMON_SPECULATIVE_TYPE_")
    return [kind(word) for word in words.split(",")]


def table(params):
    """Each flag: how its word is read, and where it goes. Without a reader the flag takes no word."""
    kind = member(lib.ggml_type, "GGML_TYPE_")
    rows = [
        (("-m", "--model"), str, below(params, "model.path")),
        (("-md", "--model-draft", "--spec-draft-model"), str, below(params, "speculative.draft.mparams.path")),
        (("-a", "--alias"), lambda word: {word}, below(params, "model_alias")),
        (("--host",), lambda word: [word], below(params, "hostnames")),
        (("--port",), int, below(params, "port")),
        (("-c", "--ctx-size"), int, below(params, "n_ctx")),
        (("-n", "--predict", "--n-predict"), int, below(params, "n_predict")),
        (("-np", "--parallel"), int, below(params, "n_parallel")),
        (("-t", "--threads"), int, below(params, "cpuparams.n_threads", "cpuparams_batch.n_threads")),
        (("-tb", "--threads-batch"), int, below(params, "cpuparams_batch.n_threads")),
        (("--threads-http",), int, below(params, "n_threads_http")),
        (("-b", "--batch-size"), int, below(params, "n_batch")),
        (("-ub", "--ubatch-size"), int, below(params, "n_ubatch")),
        (("-fa", "--flash-attn"), flash, below(params, "flash_attn_type")),
        (("-ctk", "--cache-type-k"), kind, below(params, "cache_type_k")),
        (("-ctv", "--cache-type-v"), kind, below(params, "cache_type_v")),
        (("-cram", "--cache-ram"), int, below(params, "cache_ram_mib")),
        (("--fit",), switch, below(params, "fit_params")),
        (("--spec-type",), speculative, below(params, "speculative.types")),
        (("--spec-draft-n-max",), int, below(params, "speculative.draft.n_max")),
        (("--spec-draft-n-min",), int, below(params, "speculative.draft.n_min")),
        (("--spec-draft-p-min",), float, below(params, "speculative.draft.p_min")),
        (("--spec-ngram-simple-size-n",), int, below(params, "speculative.ngram_simple.size_n")),
        (("--spec-ngram-simple-size-m",), int, below(params, "speculative.ngram_simple.size_m")),
        (("--metrics",), None, lambda _: below(params, "endpoint_metrics")(True)),
        (("--slots",), None, lambda _: below(params, "endpoint_slots")(True)),
        (("--no-warmup",), None, lambda _: below(params, "warmup")(False)),
        (("-kvu", "--kv-unified"), None, lambda _: below(params, "kv_unified")(True)),
    ]
    return {flag: (read, put) for flags, read, put in rows for flag in flags}


def refuse(message):
    print(f"error: {message}", file=sys.stderr, flush=True)
    sys.exit(1)


def parse(arguments):
    params = lib.CommonParams()
    params.hostnames = ["127.0.0.1"]
    known, rest = table(params), list(arguments)
    while rest:
        flag = rest.pop(0)
        if flag == "--version":
            print(f"version: {lib.__version__} (xllamacpp), {lib.BUILD_INFO['compiler']}")
            sys.exit(0)
        if flag not in known:
            refuse(f"invalid argument: {flag}")
        read, put = known[flag]
        if read is None:
            put(None)
            continue
        if not rest:
            refuse(f"expected value for argument: {flag}")
        word = rest.pop(0)
        try:
            put(read(word))
        except (ValueError, KeyError, AttributeError, TypeError):
            refuse(f"error while handling argument \"{flag}\": {word!r} is no value of it")
    return params


def main():
    params = parse(sys.argv[1:])
    if not params.model.path:
        refuse("--model is required")
    try:
        server = lib.Server(params)
    except Exception as error:  # whatever llama.cpp says that it could not do
        refuse(str(error) or "the server did not start")
    # Only now: what is still loading is ended by the signal itself. The module's own way of stopping waits now and then for ever.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    print(f"listening on {server.listening_address}", file=sys.stderr, flush=True)
    while True:
        signal.pause()


main()
