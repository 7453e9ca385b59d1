//! A repository of the shape of karpathy/autoresearch, in Python without anything installed: a script that prepares, one that trains within
//! a budget of time and prints its figures at its end, a program.md that tells an agent to do everything by itself, a table of results.

use crate::Scratch;

/// What prepares, and what must not be edited. Its data lies in the home directory.
pub const PREPARE: &str = r#"import math, os

TIME_BUDGET = 0.3  # seconds of training
CACHE_DIR = os.path.join(os.path.expanduser("~"), ".cache", "autoresearch")
LETTERS = 27

def load(split):
    with open(os.path.join(CACHE_DIR, split + ".txt")) as file:
        return [0 if c == " " else ord(c) - 96 for c in file.read()]

def evaluate_bpb(row):
    text = load("val")
    nats = 0.0
    for before, after in zip(text, text[1:]):
        scores = row(before)
        nats += math.log(sum(map(math.exp, scores))) - scores[after]
    return nats / (len(text) - 1) / math.log(2)
"#;

/// What trains: the file that is edited.
pub const TRAIN: &str = r#"import math
import random
import time

from prepare import LETTERS, TIME_BUDGET, evaluate_bpb, load

LEARNING_RATE = 0.01

begun = time.time()
random.seed(42)
weights = [[random.gauss(0, 0.5) for _ in range(LETTERS)] for _ in range(LETTERS)]
text = load("train")
step, spent = 0, 0.0
while spent < TIME_BUDGET:
    before = time.time()
    for _ in range(64):
        at = random.randrange(len(text) - 1)
        row, after = weights[text[at]], text[at + 1]
        total = sum(map(math.exp, row))
        for letter, score in enumerate(row):
            row[letter] -= LEARNING_RATE * (math.exp(score) / total - (letter == after))
    spent += time.time() - before
    step += 1

print("---")
print(f"val_bpb:          {evaluate_bpb(weights.__getitem__):.6f}")
print(f"training_seconds: {spent:.1f}")
print(f"total_seconds:    {time.time() - begun:.1f}")
print(f"peak_vram_mb:     0.0")
print(f"num_steps:        {step}")
print(f"drawn:            {random.random():.6f}")
"#;

/// What tells an agent to do by itself what piton does.
pub const PROGRAM: &str = "# autoresearch\n\nRun `uv run train.py > run.log 2>&1`, commit, and LOOP FOREVER. If it is worse, git reset.\n";

/// Results of an earlier night.
pub const RESULTS: &str = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\na1b2c3d\t3.100000\t0.1\tkeep\tbaseline\nb2c3d4e\t3.050000\t0.1\tkeep\tlarger steps\nc3d4e5f\t0.000000\t0.0\tcrash\tdouble the width\n";

/// The repository, committed, and a home directory in it that git ignores and that holds the data.
pub fn repository() -> Scratch {
    let scratch = Scratch::empty();
    let text = |seed: u32, words: usize| {
        let all = ["the", "spike", "holds", "a", "climber", "on", "rock", "and", "never", "below"];
        let mut state = seed;
        let mut draw = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            all[(state >> 16) as usize % all.len()]
        };
        (0..words).map(|_| draw()).collect::<Vec<_>>().join(" ")
    };
    scratch.write("prepare.py", PREPARE);
    scratch.write("train.py", TRAIN);
    scratch.write("program.md", PROGRAM);
    scratch.write(
        "pyproject.toml",
        "[project]\nname = \"autoresearch\"\nversion = \"0.1.0\"\ndependencies = []\n",
    );
    scratch.write(".gitignore", "results.tsv\n/home/\n__pycache__/\n");
    scratch.write("results.tsv", RESULTS);
    scratch.write("home/.cache/autoresearch/train.txt", &text(7, 4000));
    scratch.write("home/.cache/autoresearch/val.txt", &text(8, 300));
    scratch.git(&["init", "--quiet", "--initial-branch=main"]);
    scratch.git(&["config", "user.name", "t"]);
    scratch.git(&["config", "user.email", "t@example.org"]);
    scratch.commit("as it was published");
    scratch
}
