//! What several tests need: a small random model, a suite for it, and a way to start the harness.

#![allow(dead_code, missing_docs)] // Each test uses a part of it.

use half::{bf16, f16};
use harness::model::Config;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Tokens of the test vocabulary: the end of a text, an unknown token, a line break, printable ASCII.
pub const VOCAB: usize = 98;

pub struct Fixture {
    pub dir: tempfile::TempDir,
}

/// How the weights are laid out in files.
#[derive(Clone, Copy, PartialEq)]
pub enum Layout {
    Single,
    Sharded,
}

/// A model of two narrow layers. `extra` overrides keys of its config.json.
pub fn config(model_type: &str, extra: Value) -> Value {
    let mut config = json!({
        "model_type": model_type, "vocab_size": VOCAB, "hidden_size": 32, "intermediate_size": 48,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0, "max_position_embeddings": 640, "tie_word_embeddings": true, "eos_token_id": 0,
        "hidden_act": "silu", "sliding_window": 640, "max_window_layers": 2, "use_sliding_window": false,
    });
    for (key, value) in extra.as_object().into_iter().flatten() {
        config[key] = value.clone();
    }
    config
}

impl Fixture {
    /// A model directory with random weights.
    pub fn new(config: &Value, layout: Layout, dtype: Dtype) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("config.json"), config.to_string()).unwrap();
        std::fs::write(dir.path().join("tokenizer.json"), tokenizer().to_string()).unwrap();
        let shape = Config::parse(&config.to_string()).unwrap();
        let tensors = random_tensors(&shape, dtype);
        match layout {
            Layout::Single => save(&tensors, &dir.path().join("model.safetensors")),
            Layout::Sharded => save_sharded(tensors, dir.path()),
        }
        Self { dir }
    }

    /// The model that most tests use.
    pub fn usual() -> Self {
        Self::new(&config("llama", json!({})), Layout::Single, Dtype::F32)
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A suite of two prompts, short and long, as a file beside the model.
    pub fn suite(&self) -> PathBuf {
        let path = self.path().join("suite.toml");
        std::fs::write(&path, SUITE).unwrap();
        path
    }

    /// The test worker under the name of a behaviour: the name is all that reaches it.
    pub fn worker(&self, behaviour: &str) -> PathBuf {
        let tests = std::env::current_exe().unwrap();
        let built = tests.parent().and_then(Path::parent).unwrap().join("examples/worker");
        assert!(built.exists(), "build the test worker first: cargo build -p harness --examples");
        let path = self.path().join(behaviour);
        // A copy onto a link of the same file would empty it.
        if !path.exists() && std::fs::hard_link(&built, &path).is_err() {
            std::fs::copy(&built, &path).unwrap();
        }
        path
    }

    /// `harness sample` with `--json`.
    pub fn command(&self, worker: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
        command.args(["sample", "--json", "--seed", "5", "--worker"]).arg(worker);
        command.arg("--model").arg(self.path()).arg("--suite").arg(self.suite());
        command
    }

    /// Runs it, and gives its exit status and the object.
    pub fn sample(&self, worker: &Path, more: &[&str]) -> (i32, Value) {
        let output = self.command(worker).args(more).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let last =
            text.lines().last().unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        (output.status.code().unwrap(), serde_json::from_str(last).unwrap())
    }
}

const SUITE: &str = r#"
name = "test"
[words]
letters = ["a", "b", "c", "d", "e", "f", "g", "h"]
[[task]]
name = "copy"
family = "copy"
context = "short"
count = 2
prompt = "Copy: {words}.\n"
answer = "A: {words}.\n"
[task.slots]
words = { words = "letters", count = 6 }
[[task]]
name = "copy-long"
family = "copy"
context = "long"
prompt = "Copy: {words}.\n"
answer = "A: {words}.\n"
[task.slots]
words = { words = "letters", count = 24, repeats = true }
"#;

/// One token per character.
fn tokenizer() -> Value {
    let mut vocab = serde_json::Map::new();
    for (id, token) in ["<|end|>".to_owned(), "<unk>".to_owned(), "\n".to_owned()]
        .into_iter()
        .chain((' '..='~').map(String::from))
        .enumerate()
    {
        vocab.insert(token, json!(id));
    }
    assert_eq!(vocab.len(), VOCAB);
    json!({
        "version": "1.0", "truncation": null, "padding": null, "normalizer": null, "post_processor": null,
        "added_tokens": [{"id": 0, "content": "<|end|>", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true}],
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(?s)."}, "behavior": "Isolated", "invert": false},
        "decoder": {"type": "Fuse"},
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "<unk>"},
    })
}

/// A tensor as it stands in a file.
pub struct Stored {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// Weights that make a model with opinions: likelihoods far from uniform, so that regrets are far from ties.
pub fn random_tensors(config: &Config, dtype: Dtype) -> HashMap<String, Stored> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut uniform = || {
        // xorshift64*, Vigna 2016.
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 40) as f32 / (1 << 24) as f32 * 2.0 - 1.0
    };
    let mut tensors = HashMap::new();
    for (name, shape) in config.tensors() {
        let (scale, offset) = match (name.as_str(), shape.len()) {
            ("model.norm.weight", _) => (0.1, 2.0),
            (name, 1) if name.ends_with("norm.weight") => (0.1, 1.0),
            (_, 1) => (0.5, 0.0),
            _ => (0.35, 0.0),
        };
        let values: Vec<f32> =
            (0..shape.iter().product::<usize>()).map(|_| offset + scale * uniform()).collect();
        let bytes = match dtype {
            Dtype::F16 => values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect(),
            Dtype::BF16 => values.iter().flat_map(|value| bf16::from_f32(*value).to_le_bytes()).collect(),
            _ => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        };
        tensors.insert(name, Stored { dtype, shape, bytes });
    }
    tensors
}

fn save(tensors: &HashMap<String, Stored>, path: &Path) {
    let views = tensors.iter().map(|(name, stored)| {
        (name, TensorView::new(stored.dtype, stored.shape.clone(), &stored.bytes).unwrap())
    });
    safetensors::serialize_to_file(views, None, path).unwrap();
}

fn save_sharded(tensors: HashMap<String, Stored>, dir: &Path) {
    let (mut shards, mut map) = ([HashMap::new(), HashMap::new()], HashMap::new());
    for (name, tensor) in tensors {
        let shard = usize::from(name.contains("layers.1"));
        map.insert(name.clone(), shard_name(shard));
        shards[shard].insert(name, tensor);
    }
    for (i, shard) in shards.iter().enumerate() {
        save(shard, &dir.join(shard_name(i)));
    }
    let index = json!({"metadata": {}, "weight_map": map});
    std::fs::write(dir.join("model.safetensors.index.json"), index.to_string()).unwrap();
}

fn shard_name(i: usize) -> String {
    format!("model-{:05}-of-00002.safetensors", i + 1)
}
