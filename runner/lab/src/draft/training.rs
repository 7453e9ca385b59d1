//! A training script that prints a loss at its end, beside one that prepares its data: karpathy/autoresearch and its ports.

use super::{Draft, Facts, Figure, Trust, install, variable, words};

/// Metrics that such scripts print, and which way is better.
const METRICS: [(&str, &str); 5] = [
    ("val_bpb", "lower"),
    ("val_loss", "lower"),
    ("validation_loss", "lower"),
    ("val_accuracy", "higher"),
    ("val_acc", "higher"),
];

/// What measures: it hands the seed in, takes time and memory itself, and refuses a figure that is printed twice.
const MEASURE: &str = include_str!("measure.py");

/// What a training script computes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Backend {
    Cuda,
    Mps,
    Mlx,
    Cpu,
}

impl Backend {
    /// What the texts of the scripts name, the first choice of theirs first.
    fn all(text: &str) -> Vec<Self> {
        let named = [
            (Self::Mlx, text.contains("import mlx") || text.contains("from mlx")),
            (Self::Cuda, text.contains("cuda")),
            (Self::Mps, text.contains("\"mps\"") || text.contains("'mps'") || text.contains("torch.mps")),
            (Self::Cpu, text.contains("\"cpu\"") || text.contains("'cpu'")),
        ];
        let found: Vec<Self> = named.into_iter().filter(|(_, is)| *is).map(|(backend, _)| backend).collect();
        // The processor is named for what is moved there, too.
        if found.is_empty() { vec![Self::Cpu] } else { found }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Cuda => "CUDA",
            Self::Mps => "MPS",
            Self::Mlx => "MLX",
            Self::Cpu => "the CPU",
        }
    }

    fn runs_here(self, facts: &Facts) -> bool {
        match self {
            Self::Cuda => facts.nvidia,
            // piton's walls are Linux's, and these are macOS's.
            Self::Mps | Self::Mlx => false,
            Self::Cpu => true,
        }
    }
}

/// A draft for `train.py`.
pub(super) fn drafts(facts: &Facts) -> Vec<Draft> {
    let text = facts.text("train.py");
    let prints = |name: &str| text.contains(&format!("{name}:"));
    let Some((metric, direction)) = METRICS.into_iter().find(|(name, _)| prints(name)) else { return vec![] };
    if !facts.has("prepare.py") {
        return vec![];
    }
    let (environment, commands) = install::python(facts, &[]);
    let python = environment.map_or_else(|| "python3".to_owned(), |dir| format!("{{tree}}/{dir}/bin/python"));
    let backends = Backend::all(&format!("{text}\n{}", facts.text("prepare.py")));
    let names = backends.iter().map(|backend| backend.word()).collect::<Vec<_>>().join(", ");
    let here = backends.iter().copied().find(|backend| backend.runs_here(facts));
    let mut draft = Draft::new(
        "train",
        format!("train.py, which prints {metric} at its end (it knows {names})"),
        words(&["train.py"]),
    );
    draft.from_checkout = environment.iter().map(|dir| (*dir).to_owned()).collect();
    let budget = if here == Some(Backend::Cpu) { "cpu" } else { "wall" };
    draft.measure =
        words(&[&python, "{sealed}/measure.py", "{tree}", "{seed}", "{out}", "{home}", metric, budget]);
    draft.env = vec![variable("PYTHONDONTWRITEBYTECODE", "1")];
    draft.figure =
        Figure::Printed { name: metric.to_owned(), direction, reading: "format = \"json\"\n".to_owned() };
    draft.memory = Some(if here == Some(Backend::Cuda) && text.contains("peak_vram_mb:") {
        "peak_vram_mb"
    } else {
        "memory_gb"
    });
    draft.opens = opens(facts, here);
    draft.files = vec![("measure.py".to_owned(), MEASURE.to_owned())];
    draft.timeout_s = 900;
    draft.preset = Some("training");
    draft.budget = Some(budget);
    draft.guards = guards(budget);
    draft.trust = Trust::Printed;
    if here.is_none() {
        draft.needs.push(unfit(&backends));
    }
    draft.needs.extend(commands.iter().find_map(|command| install::installer(facts, command)));
    draft.install = commands;
    draft.by_itself = true;
    vec![draft]
}

/// Why it does not run on this machine.
fn unfit(backends: &[Backend]) -> String {
    let mac = backends.iter().any(|backend| matches!(backend, Backend::Mps | Backend::Mlx));
    match (backends.contains(&Backend::Cuda), mac) {
        (true, false) => "it computes by CUDA, and no card of NVIDIA's is here: begin on a machine that has one".to_owned(),
        (true, true) => "it computes by CUDA or on a Mac: no card of NVIDIA's is here, and piton measures behind the walls of Linux".to_owned(),
        _ => "it computes on a Mac (MPS, MLX), and piton measures behind the walls of Linux: it cannot be measured here".to_owned(),
    }
}

/// Lines of `[measure]`: what the script reads of the home directory, and the card.
fn opens(facts: &Facts, here: Option<Backend>) -> String {
    let mut read: Vec<String> = caches(facts).map(|name| format!("~/.cache/{name}")).collect();
    read.sort();
    read.dedup();
    // Kernels that were fetched, and the Python that uv fetched.
    read.extend(words(&["~/.cache/huggingface", "~/.local/share/uv"]));
    let read: Vec<String> = read.iter().map(|path| format!("\"{path}\"")).collect();
    let mut text = format!(
        "read = [{}]    # what prepare.py left there, and what the environment leads to; what is not there is no harm\n",
        read.join(", ")
    );
    if here == Some(Backend::Cuda) {
        text.push_str("devices = [\"nvidia\"]\n");
    }
    text
}

/// The directories below `~/.cache` that the scripts name, as `".cache", "NAME"` or `.cache/NAME`.
fn caches(facts: &Facts) -> impl Iterator<Item = String> {
    let text = format!("{}\n{}", facts.text("prepare.py"), facts.text("train.py"));
    let name = |rest: &str| -> String {
        let rest = rest.trim_start_matches(['"', '\'', ',', ' ', '/', ')']);
        rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect()
    };
    let all: Vec<String> = text.split(".cache").skip(1).map(name).filter(|name| !name.is_empty()).collect();
    all.into_iter()
}

/// The guard on what a whole run takes, by the clock that ends the training.
fn guards(budget: &str) -> String {
    let (clock, what) = match budget {
        "cpu" => ("cpu_s", "Processor time"),
        _ => ("total_seconds", "Time"),
    };
    format!(
        "\n# {what} of a whole run, from its start on: work in steps that the script itself does not count shows here.\n\
         [[guard]]\nmetric = \"{clock}\"\ndirection = \"lower\"\nlimit_pct = 20.0\n"
    )
}
