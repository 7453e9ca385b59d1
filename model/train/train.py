"""Trains the model that ships in model/, from nothing: text, tokenizer, weights, evaluation, export.

    python model/train/train.py                 # everything; resumes where it was interrupted
    python model/train/train.py --evaluate 100  # only measures the exported model, on 100 samples

The text comes from the `corpus` binary of the `suite` crate, which also draws the harness's prompts. What shapes
the result is in recipe.toml and corpus.toml; this file says only how. It runs on the CPU, at low priority, and
sleeps while the file named by --pause exists, so that something else can be timed on the same machine.
"""

import argparse
import json
import math
import os
import shutil
import subprocess
import time
import tomllib
from pathlib import Path

# Threads that wait must sleep: on a shared machine, spinning for one that was put aside costs most of the time.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
END = "<|endoftext|>"


# ---- text ----

class Corpus:
    """Documents and prompts, from the `corpus` binary."""

    def __init__(self, binary):
        if binary is None:
            subprocess.run(["cargo", "build", "--release", "-p", "piton-suite"], cwd=ROOT, check=True)
            binary = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "corpus"
        self.binary = str(binary)

    def _lines(self, suite, seed, count, *more):
        command = [self.binary, "--suite", str(suite), "--seed", str(seed), "--docs", str(count), *more]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return [json.loads(line) for line in printed.splitlines()]

    def documents(self, seed, stage, count):
        return self._lines(HERE / stage["corpus"], seed, count, "--stage", str(stage["share"]))

    def prompts(self, seed, samples):
        return self._lines(ROOT / "harness" / "suites" / "climb.toml", seed, samples, "--prompts")


def train_tokenizer(corpus, recipe, path):
    """Byte-level BPE; every digit a token of its own."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    documents = corpus.documents(recipe["seed"], recipe["tokenizer"], 20_000)
    trainer = trainers.BpeTrainer(
        vocab_size=recipe["vocabulary"], special_tokens=[END], show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator((text for d in documents for text, _ in d["segments"]), trainer)
    tokenizer.save(str(path))


def encode(tokenizer, documents):
    """For each document its token ids, and for each token its weight in the loss."""
    texts = [text for d in documents for text, _ in d["segments"]]
    pieces = iter(tokenizer.encode_batch(texts, add_special_tokens=False))
    end = tokenizer.token_to_id(END)
    for document in documents:
        ids, weights = [], []
        for _, weight in document["segments"]:
            piece = next(pieces).ids
            ids += piece
            weights += [weight] * len(piece)
        yield ids + [end], weights + [weights[-1]]


def pack(encoded, longest, context):
    """Documents of at most `longest` tokens in rows of context + 1: ids, weights, and which document a token is of."""
    rows, by_space = [], [[] for _ in range(context + 2)]
    for ids, weights in sorted(encoded, key=lambda document: -len(document[0])):
        if len(ids) > longest:
            continue
        space = next((space for space in range(len(ids), context + 2) if by_space[space]), None)
        if space is None:
            space = context + 1
            rows.append([])
            by_space[space].append(rows[-1])
        row = by_space[space].pop()
        row.append((ids, weights))
        by_space[space - len(ids)].append(row)
    shape = (len(rows), context + 1)
    ids, weights, owner = np.zeros(shape, np.int64), np.zeros(shape, np.float32), np.full(shape, -1, np.int64)
    for r, row in enumerate(rows):
        at = 0
        for d, (document, weight) in enumerate(row):
            there = slice(at, at + len(document))
            ids[r, there], weights[r, there], owner[r, there] = document, weight, d
            weights[r, at] = 0  # nothing foretells how a document begins
            at += len(document)
    return torch.from_numpy(ids), torch.from_numpy(weights), torch.from_numpy(owner)


# ---- model: Llama, by the names of the Hugging Face layout ----

class Layer(torch.nn.Module):
    def __init__(self, r):
        super().__init__()
        width, head = r["width"], r["width"] // r["heads"]
        self.heads, self.kv_heads, self.head, self.eps = r["heads"], r["kv_heads"], head, r["norm_eps"]
        matrix = lambda rows, columns: torch.nn.Parameter(torch.randn(rows, columns) * columns ** -0.5 * 0.5)
        self.input_layernorm = torch.nn.Parameter(torch.ones(width))
        self.post_attention_layernorm = torch.nn.Parameter(torch.ones(width))
        self.q_proj = matrix(width, width)
        self.k_proj = matrix(r["kv_heads"] * head, width)
        self.v_proj = matrix(r["kv_heads"] * head, width)
        self.o_proj = torch.nn.Parameter(torch.zeros(width, width))
        self.gate_proj = matrix(r["feed_forward"], width)
        self.up_proj = matrix(r["feed_forward"], width)
        self.down_proj = torch.nn.Parameter(torch.zeros(width, r["feed_forward"]))

    def forward(self, x, turn, mask):
        rows, length, width = x.shape
        split = lambda y, heads: y.view(rows, length, heads, self.head).transpose(1, 2)
        h = F.rms_norm(x, (width,), self.input_layernorm, self.eps)
        q, k = turn(split(F.linear(h, self.q_proj), self.heads)), turn(split(F.linear(h, self.k_proj), self.kv_heads))
        v = split(F.linear(h, self.v_proj), self.kv_heads)
        k, v = (y.repeat_interleave(self.heads // self.kv_heads, 1) for y in (k, v))
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
        x = x + F.linear(seen.transpose(1, 2).reshape(rows, length, width), self.o_proj)
        h = F.rms_norm(x, (width,), self.post_attention_layernorm, self.eps)
        return x + F.linear(F.silu(F.linear(h, self.gate_proj)) * F.linear(h, self.up_proj), self.down_proj)


class Llama(torch.nn.Module):
    def __init__(self, r, vocabulary):
        super().__init__()
        self.eps = r["norm_eps"]
        self.embed_tokens = torch.nn.Parameter(torch.randn(vocabulary, r["width"]) * 0.02)
        self.layers = torch.nn.ModuleList(Layer(r) for _ in range(r["layers"]))
        self.norm = torch.nn.Parameter(torch.ones(r["width"]))
        half = r["width"] // r["heads"] // 2
        speed = r["rope_theta"] ** (-torch.arange(half) / half)
        angle = torch.arange(4 * r["context"])[:, None] * speed
        self.cos, self.sin = angle.cos(), angle.sin()

    def forward(self, ids, mask=None):
        cos, sin = self.cos[: ids.shape[1]], self.sin[: ids.shape[1]]

        def turn(y):  # rope, halves rotated
            a, b = y.chunk(2, -1)
            return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)

        x = F.embedding(ids, self.embed_tokens)
        for layer in self.layers:
            x = layer(x, turn, mask)
        x = F.rms_norm(x, (x.shape[-1],), self.norm, self.eps)
        return F.linear(x, self.embed_tokens)

    def tensors(self):
        """Hugging Face names; norms are modules there, so theirs end in .weight too."""
        return {f"model.{HF(name)}.weight": p for name, p in self.named_parameters()}


def HF(name):
    for part, owner in (("q k v o", "self_attn"), ("gate up down", "mlp")):
        for letter in part.split():
            name = name.replace(f".{letter}_proj", f".{owner}.{letter}_proj")
    return name


# ---- optimiser ----

class Muon(torch.optim.Optimizer):
    """Momentum, made orthogonal by Newton-Schulz (K. Jordan and others, 2024). Matrices of a shape go together."""

    def __init__(self, matrices, lr):
        super().__init__(list(matrices), {"lr": lr, "momentum": 0.95})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            shapes = {}
            for p in group["params"]:
                shapes.setdefault(p.shape, []).append(p)
            for shape, same in shapes.items():
                for p in same:
                    self.state[p].setdefault("momentum", torch.zeros_like(p)).lerp_(p.grad, 1 - group["momentum"])
                x = torch.stack([p.grad.lerp(self.state[p]["momentum"], group["momentum"]) for p in same])
                tall = shape[0] > shape[1]
                x = x.mT if tall else x
                x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
                for _ in range(5):
                    a = x @ x.mT
                    x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
                x = x.mT if tall else x
                for p, update in zip(same, x):
                    p.mul_(1 - 0.01 * group["lr"]).add_(update, alpha=-group["lr"] * max(1, shape[0] / shape[1]) ** 0.5)


# ---- evaluation ----

@torch.no_grad()
def evaluate(model, tokenizer, prompts):
    """Share of answers that are right to the last token, and of tokens, by task.

    Greedy decoding gives the expected answer exactly if at each of its tokens the expected one has the
    highest logit, all before it given: so one pass over prompt and answer tells.
    """
    counts = {}
    for prompt in prompts:
        if prompt["expected"] is None:
            continue
        question = tokenizer.encode(prompt["text"]).ids
        answer = tokenizer.encode(prompt["expected"]).ids
        logits = model(torch.tensor([question + answer]))[0]
        right = logits[len(question) - 1 : -1].argmax(-1) == torch.tensor(answer)
        entry = counts.setdefault(prompt["task"], [0, 0, 0, 0])
        for i, value in enumerate((1, int(right.all()), len(answer), int(right.sum()))):
            entry[i] += value
    return {task: {"n": n, "exact": round(e / n, 4), "tokens": round(rt / t, 4)} for task, (n, e, t, rt) in counts.items()}


def export(model, recipe, tokenizer, tokenizer_path, out):
    """The three files, each written aside and renamed, so that a reader never meets half of one."""
    end = tokenizer.token_to_id(END)
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "bfloat16",
        "hidden_size": recipe["width"], "intermediate_size": recipe["feed_forward"],
        "num_hidden_layers": recipe["layers"], "num_attention_heads": recipe["heads"],
        "num_key_value_heads": recipe["kv_heads"], "head_dim": recipe["width"] // recipe["heads"],
        "vocab_size": tokenizer.get_vocab_size(), "max_position_embeddings": recipe["context"],
        "rope_theta": recipe["rope_theta"], "rms_norm_eps": recipe["norm_eps"], "hidden_act": "silu",
        "tie_word_embeddings": True, "attention_bias": False, "mlp_bias": False, "attention_dropout": 0.0,
        "initializer_range": 0.02, "use_cache": True, "bos_token_id": end, "eos_token_id": end,
    }
    (out / ".config.json").write_text(json.dumps(config, indent=2) + "\n")
    shutil.copy(tokenizer_path, out / ".tokenizer.json")
    tensors = {name: p.detach().to(torch.bfloat16).contiguous() for name, p in model.tensors().items()}
    save_file(tensors, out / ".model.safetensors", metadata={"format": "pt"})
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (out / f".{name}").chmod(0o644)
        os.replace(out / f".{name}", out / name)


def load_exported(recipe, out):
    tokenizer = Tokenizer.from_file(str(out / "tokenizer.json"))
    model = Llama(recipe, tokenizer.get_vocab_size())
    with safe_open(out / "model.safetensors", "pt") as file, torch.no_grad():
        for name, p in model.tensors().items():
            p.copy_(file.get_tensor(name))
    return model, tokenizer


# ---- training ----

def plan(recipe, tokens):
    """The stage at this many tokens, and the factor on the learning rates; None at the end."""
    factor = float(np.interp(tokens, *zip(*recipe["rates"])))
    for number, stage in enumerate(recipe["stages"]):
        if tokens < stage["tokens"]:
            return number, factor
        tokens -= stage["tokens"]
    return None


def train(arguments, recipe, corpus):
    work = arguments.work
    work.mkdir(parents=True, exist_ok=True)
    tokenizer_path, checkpoint_path = work / "tokenizer.json", work / "checkpoint.pt"
    if not tokenizer_path.exists():
        train_tokenizer(corpus, recipe, tokenizer_path)
    tokenizer = Tokenizer.from_file(str(tokenizer_path))
    model = Llama(recipe, tokenizer.get_vocab_size())
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim == 1 or "embed" in name]
    optimisers = [
        Muon(matrices, recipe["muon_rate"]),
        torch.optim.AdamW(others, recipe["adam_rate"], betas=(0.9, 0.95), weight_decay=0.0),
    ]
    at = {"tokens": 0, "chunk": 0, "step": 0, "seconds": 0.0}
    if checkpoint_path.exists():
        saved = torch.load(checkpoint_path, weights_only=False)
        model.load_state_dict(saved["model"])
        for optimiser, state in zip(optimisers, saved["optimisers"]):
            optimiser.load_state_dict(state)
        at = saved["at"]
    forward = torch.compile(model, dynamic=False) if arguments.compile else model
    prompts = corpus.prompts(1_000_000, arguments.samples)
    log = open(work / "log.jsonl", "a", buffering=1)
    saved_at = time.time()

    def checkpoint():
        state = {"model": model.state_dict(), "optimisers": [o.state_dict() for o in optimisers], "at": at}
        torch.save(state, checkpoint_path.with_suffix(".new"))
        os.replace(checkpoint_path.with_suffix(".new"), checkpoint_path)
        export(model, recipe, tokenizer, tokenizer_path, arguments.out)
        log.write(json.dumps({**at, "accuracy": evaluate(model, tokenizer, prompts)}) + "\n")

    while now := plan(recipe, at["tokens"]):
        stage = now[0]
        of_stage = recipe["stages"][stage]
        longest, context = of_stage["longest"], of_stage["context"]
        documents = corpus.documents(recipe["seed"] + 1 + at["chunk"], of_stage, recipe["chunk_documents"])
        ids, weights, owner = pack(encode(tokenizer, documents), longest, context)
        order = torch.randperm(len(ids), generator=torch.Generator().manual_seed(at["chunk"]))
        rows = recipe["batch_tokens"] // context
        begun, losses = time.time(), []
        for batch in order[: len(order) // rows * rows].view(-1, rows):
            while arguments.pause and os.path.exists(arguments.pause):
                time.sleep(1)
            now = plan(recipe, at["tokens"])
            if now is None or now[0] != stage:
                break
            factor = now[1] * min(1.0, (at["step"] + 1) / recipe["warmup_steps"])
            of = owner[batch, :-1]
            mask = (of[:, :, None] == of[:, None, :]).tril()[:, None]
            logits = forward(ids[batch, :-1], mask)
            loss = F.cross_entropy(logits.flatten(0, 1), ids[batch, 1:].flatten(), reduction="none")
            weight = weights[batch, 1:].flatten()
            loss = (loss * weight).sum() / weight.sum()
            loss.backward()
            for optimiser, rate in zip(optimisers, (recipe["muon_rate"], recipe["adam_rate"])):
                for group in optimiser.param_groups:
                    group["lr"] = rate * factor
                optimiser.step()
                optimiser.zero_grad()
            losses.append(loss.item())
            at["step"] += 1
            at["tokens"] += rows * context
        if not math.isfinite(losses[-1]):
            raise SystemExit("the loss is no number any more; the last checkpoint still stands")
        at["chunk"] += 1
        at["seconds"] += time.time() - begun
        speed = len(losses) * rows * context / (time.time() - begun)
        log.write(json.dumps({**at, "stage": stage, "loss": round(sum(losses) / len(losses), 4), "rate": factor, "tps": round(speed)}) + "\n")
        if time.time() - saved_at > arguments.every:
            checkpoint()
            saved_at = time.time()
    checkpoint()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE.parent, help="where the model goes")
    parser.add_argument("--work", type=Path, default=HERE / "work", help="checkpoints and the log")
    parser.add_argument("--recipe", type=Path, default=HERE / "recipe.toml")
    parser.add_argument("--corpus", type=Path, help="the corpus binary; built with cargo where it is not given")
    parser.add_argument("--pause", help="sleep while this file exists")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--every", type=float, default=300, help="seconds between checkpoints")
    parser.add_argument("--samples", type=int, default=20, help="samples of prompts measured at a checkpoint")
    parser.add_argument("--compile", action="store_true", help="use torch.compile, which wants a C++ compiler")
    parser.add_argument("--evaluate", type=int, help="only measure the exported model, on this many samples")
    arguments = parser.parse_args()
    recipe = tomllib.loads(arguments.recipe.read_text())
    torch.manual_seed(recipe["seed"])
    torch.set_num_threads(arguments.threads)
    corpus = Corpus(arguments.corpus)
    if not arguments.evaluate:
        os.nice(19)
        train(arguments, recipe, corpus)
    model, tokenizer = load_exported(recipe, arguments.out)
    measured = evaluate(model, tokenizer, corpus.prompts(2_000_000, arguments.evaluate or 50))
    for task, line in measured.items():
        print(f"{task:12} n {line['n']:5}  exact {line['exact']:.4f}  tokens {line['tokens']:.4f}")


if __name__ == "__main__":
    main()
