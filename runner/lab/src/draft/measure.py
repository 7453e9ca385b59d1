"""Measures one run of train.py. `piton init` wrote it; it is sealed: no edit of an agent's reaches it.

    measure.py TREE SEED OUT HOME METRIC BUDGET

TREE holds train.py, HOME is where it finds what was prepared, METRIC is what it prints as `METRIC: number`. The seed is piton's, time and memory are the
kernel's, the metric is what train.py prints, once. One JSON object is written to the descriptor OUT, which train.py does not have.

BUDGET says what the script's own clock counts:
  wall       the time on the wall, as it is written
  cpu        the processor time of its process: a busy machine does not shorten the training
  steps:S    S seconds for each step of an optimiser of PyTorch: a budget of 300 s is 300/S steps, however fast the machine is
"""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time

# Loaded before train.py: whatever seed that asks for, it gets piton's, and its clock counts what BUDGET says.
FIRST = r'''
import importlib.abc, importlib.machinery, os, random, sys, time
SEED, BUDGET = int(os.environ["TRAIN_SEED"]), os.environ["TRAIN_BUDGET"]
random.seed(SEED)
real_seed = random.seed
random.seed = lambda *_, **__: real_seed(SEED)
steps = [0]
def clock(real):
    if BUDGET == "cpu":
        return time.process_time
    if BUDGET.startswith("steps:"):
        return lambda: steps[0] * float(BUDGET[6:])
    return real
time.time, time.monotonic, time.perf_counter = map(clock, (time.time, time.monotonic, time.perf_counter))

def seeded(*names):
    def after(module):
        for name in names:
            if real := getattr(module, name, None):
                setattr(module, name, lambda *_, real=real, **__: real(SEED))
    return after

def count(*_):
    steps[0] += 1

def optimizer(module):
    if BUDGET.startswith("steps:"):
        module.register_optimizer_step_post_hook(count)

def mlx(module):
    seeded("seed")(module)
    module.seed(SEED)

def numpy(module):
    seeded("seed", "default_rng")(module)
    module.seed(SEED)

AFTER = {
    "torch": lambda module: module.manual_seed(SEED),
    "torch.optim.optimizer": optimizer,
    "torch.random": seeded("manual_seed"),
    "torch.cuda.random": seeded("manual_seed", "manual_seed_all"),
    "torch.mps": seeded("manual_seed"),
    "numpy.random": numpy,
    "mlx.core.random": mlx,
}

class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name not in AFTER:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        run = spec.loader.exec_module
        def exec_module(module):
            run(module)
            AFTER[name](module)
        spec.loader.exec_module = exec_module
        return spec
sys.meta_path.insert(0, Finder())
'''


def main():
    tree, seed, out, home, metric, budget = sys.argv[1:7]
    private = tempfile.mkdtemp()
    with open(os.path.join(private, "sitecustomize.py"), "w") as file:
        file.write(FIRST)
    env = {
        **os.environ,
        "HOME": home,
        "TRAIN_SEED": str(int(seed) % 2**31),
        "TRAIN_BUDGET": budget,
        "PYTHONPATH": private,
        "PYTHONHASHSEED": str(int(seed) % 2**32),
        "PYTHONDONTWRITEBYTECODE": "1",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        # What is compiled meanwhile goes where it may: the home directory is only read.
        "TORCHINDUCTOR_CACHE_DIR": os.path.join(private, "inductor"),
        "TRITON_CACHE_DIR": os.path.join(private, "triton"),
        "CUDA_CACHE_PATH": os.path.join(private, "cuda"),
        "XDG_CACHE_HOME": os.path.join(home, ".cache"),
        "HF_HUB_OFFLINE": "1",
        "MPLCONFIGDIR": private,
    }
    begun = time.monotonic()
    run = subprocess.run(
        [sys.executable, "train.py"], cwd=tree, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    seconds = time.monotonic() - begun
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    sys.stdout.write(run.stdout[-20000:])
    if run.returncode != 0:
        sys.exit(f"measure.py: train.py ended with status {run.returncode}")
    printed = re.findall(r"^([A-Za-z_]\w*): *([-+0-9.eE]+|nan|inf) *$", run.stdout.replace("\r", "\n"), re.MULTILINE)
    values = dict(printed)
    twice = sorted({name for name in values if [name for name, _ in printed].count(name) > 1})
    if twice:
        sys.exit(f"measure.py: train.py printed {', '.join(twice)} more than once: which one counts nobody knows")
    if metric not in values:
        sys.exit(f"measure.py: train.py did not print `{metric}: number`")
    result = {}
    for name, value in values.items():
        number = float(value)
        if number == number and abs(number) != float("inf"):
            result[name] = number
    # What the script says of its own time and memory does not count.
    result.update(
        total_seconds=seconds,
        cpu_s=used.ru_utime + used.ru_stime,
        memory_gb=used.ru_maxrss * 1024 / 1e9,
    )
    with os.fdopen(int(out), "w") as file:
        json.dump(result, file)


main()
