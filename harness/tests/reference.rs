//! The reference model computes what candle-transformers computes.
//!
//! By default it is held against logits which candle-transformers gave for the same checkpoints: building that
//! crate takes minutes. With `--features against-candle-transformers` it is held against the crate itself.

mod support;

use harness::model::{Checkpoint, Reference};
use ndarray::Array2;
use safetensors::Dtype;
use serde_json::{Value, json};
use support::{Fixture, Layout, VOCAB, config};

/// Largest difference between two logits.
const WITHIN: f32 = 1e-4;
const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/candle-transformers.json");

/// Every shape, dtype and layout that the reference claims to read.
fn cases() -> Vec<(&'static str, Value, Layout, Dtype)> {
    let scaling = json!({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64});
    let untied = json!({"tie_word_embeddings": false});
    vec![
        ("llama-tied", config("llama", json!({})), Layout::Single, Dtype::F32),
        ("llama-untied-sharded", config("llama", untied.clone()), Layout::Sharded, Dtype::F32),
        ("llama-bf16", config("llama", json!({"num_key_value_heads": 1})), Layout::Single, Dtype::BF16),
        ("llama3-rope-f16", config("llama", json!({"rope_scaling": scaling})), Layout::Single, Dtype::F16),
        ("qwen2-tied", config("qwen2", json!({"rope_theta": 1e6})), Layout::Single, Dtype::F32),
        ("qwen2-untied-sharded-bf16", config("qwen2", untied), Layout::Sharded, Dtype::BF16),
    ]
}

fn text() -> Vec<u32> {
    (0..90).map(|i| (i * i * 7 + i) % VOCAB as u32).collect()
}

fn reference(fixture: &Fixture) -> Reference {
    Reference::load(&Checkpoint::open(fixture.path()).unwrap()).unwrap()
}

fn rows(matrix: Array2<f32>) -> Vec<Vec<f32>> {
    matrix.rows().into_iter().map(|row| row.to_vec()).collect()
}

/// Logits at three positions: the first, one in the middle, the last.
fn some_logits(reference: &Reference) -> Vec<Vec<f32>> {
    let text = text();
    let hidden = reference.read(&text, &mut reference.start()).unwrap();
    let rows = rows(reference.logits(hidden.view()));
    [0, 45, text.len() - 1].map(|at| rows[at].clone()).to_vec()
}

fn largest_difference(ours: &[Vec<f32>], theirs: &[Vec<f32>]) -> f32 {
    let pairs = ours.iter().flatten().zip(theirs.iter().flatten());
    assert_eq!(ours.concat().len(), theirs.concat().len());
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn the_reference_gives_the_logits_that_candle_transformers_gave() {
    let recorded: Value = serde_json::from_str(&std::fs::read_to_string(RECORDED).unwrap()).unwrap();
    for (name, config, layout, dtype) in cases() {
        let ours = some_logits(&reference(&Fixture::new(&config, layout, dtype)));
        let theirs: Vec<Vec<f32>> = serde_json::from_value(recorded[name].clone()).unwrap();
        let difference = largest_difference(&ours, &theirs);
        assert!(difference < WITHIN, "{name}: {difference}");
    }
}

#[test]
fn reading_token_by_token_gives_what_reading_at_once_gives() {
    let reference = reference(&Fixture::usual());
    let text = text();
    let mut past = reference.start();
    let mut read = Vec::new();
    for token in &text {
        let hidden = reference.read(&[*token], &mut past).unwrap();
        read.extend(rows(reference.logits(hidden.view())));
    }
    let stepwise = [0, 45, text.len() - 1].map(|at| read[at].clone());
    assert!(largest_difference(&some_logits(&reference), &stepwise) < WITHIN);
}

#[test]
fn a_text_longer_than_a_block_reads_like_its_pieces() {
    let reference = reference(&Fixture::usual());
    let text: Vec<u32> = text().into_iter().cycle().take(600).collect();
    let at_once = reference.read(&text, &mut reference.start()).unwrap();
    let mut past = reference.start();
    reference.read(&text[..300], &mut past).unwrap();
    let rest = reference.read(&text[300..], &mut past).unwrap();
    let last = |hidden: &Array2<f32>, at: usize| vec![hidden.row(at).to_vec()];
    assert!(largest_difference(&last(&at_once, 599), &last(&rest, 299)) < WITHIN);
}

#[test]
fn a_shortened_past_is_as_if_the_rest_had_never_been_read() {
    let reference = reference(&Fixture::usual());
    let text = text();
    let mut past = reference.start();
    reference.read(&text, &mut past).unwrap();
    past.truncate(45);
    assert_eq!(past.len(), 45);
    let hidden = reference.read(&text[45..], &mut past).unwrap();
    let rows = rows(reference.logits(hidden.view()));
    let ours = [rows[0].clone(), rows[text.len() - 46].clone()];
    assert!(largest_difference(&ours, &some_logits(&reference)[1..]) < WITHIN);
}

/// What candle-transformers says, computed now; recorded anew where PITON_RECORD is set.
#[cfg(feature = "against-candle-transformers")]
mod candle {
    use super::*;
    use candle_core::{DType, Device, Tensor};
    use candle_nn::VarBuilder;
    use candle_transformers::models::{llama, qwen2};

    fn theirs(config: &Value, fixture: &Fixture) -> Vec<Vec<f32>> {
        let weights = Checkpoint::open(fixture.path()).unwrap().load().unwrap();
        let tensor = |(shape, values)| Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
        let all = weights
            .into_tensors()
            .into_iter()
            .map(|(name, stored): (_, (Vec<usize>, _))| (name, tensor(stored)));
        let weights = VarBuilder::from_tensors(all.collect(), DType::F32, &Device::Cpu);
        let text = text();
        // It gives the logits of the last position only: each prefix is read anew.
        let prefixes = [1, 46, text.len()]
            .map(|len| Tensor::new(&text[..len], &Device::Cpu).unwrap().unsqueeze(0).unwrap());
        let logits = |tensor: Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        if config["model_type"] == "qwen2" {
            let config: qwen2::Config = serde_json::from_value(config.clone()).unwrap();
            let mut model = qwen2::ModelForCausalLM::new(&config, weights).unwrap();
            let mut read = |prefix: &Tensor| {
                model.clear_kv_cache();
                logits(model.forward(prefix, 0).unwrap())
            };
            return prefixes.iter().map(&mut read).collect();
        }
        let config: llama::LlamaConfig = serde_json::from_value(config.clone()).unwrap();
        let config = config.into_config(false);
        let model = llama::Llama::load(weights, &config).unwrap();
        let read = |prefix: &Tensor| {
            let mut cache = llama::Cache::new(false, DType::F32, &config, &Device::Cpu).unwrap();
            logits(model.forward(prefix, 0, &mut cache).unwrap())
        };
        prefixes.iter().map(read).collect()
    }

    #[test]
    fn the_reference_gives_the_logits_that_candle_transformers_gives() {
        let mut recorded = serde_json::Map::new();
        for (name, config, layout, dtype) in cases() {
            let fixture = Fixture::new(&config, layout, dtype);
            let theirs = theirs(&config, &fixture);
            recorded.insert(name.to_owned(), json!(theirs));
            let difference = largest_difference(&some_logits(&reference(&fixture)), &theirs);
            assert!(difference < WITHIN, "{name}: {difference}");
        }
        if std::env::var_os("PITON_RECORD").is_some() {
            std::fs::write(RECORDED, Value::Object(recorded).to_string() + "\n").unwrap();
        }
    }
}
