//! The engine against an independent computation, on tiny random checkpoints that the tests write.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use piton_worker::Generator;
use safetensors::Dtype;
use safetensors::tensor::{TensorView, serialize};
use serde_json::{Value, json};

use crate::Engine;
use crate::math;
use crate::model::Model;
use crate::rows::Rows;

const PROMPT: [u32; 9] = [3, 1, 4, 1, 5, 9, 2, 6, 5];

/// A tiny checkpoint with random weights.
struct Tiny {
    config: Value,
    tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

/// Removes the directory when the test is over.
struct Dir(PathBuf);

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Tiny {
    /// Two layers, four heads of 6, two KV heads, and a vocabulary of 11.
    fn new(model_type: &str, tied: bool) -> Self {
        let config = json!({
            "model_type": model_type, "hidden_size": 20, "intermediate_size": 14, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 6, "vocab_size": 11,
            "rms_norm_eps": 1e-5, "rope_theta": 500.0, "tie_word_embeddings": tied,
        });
        let mut tiny = Self { config, tensors: BTreeMap::new() };
        tiny.add("model.embed_tokens.weight", &[11, 20]);
        tiny.add("model.norm.weight", &[20]);
        if !tied {
            tiny.add("lm_head.weight", &[11, 20]);
        }
        for i in 0..2 {
            let shapes: [(&str, &[usize]); 9] = [
                ("input_layernorm", &[20]),
                ("self_attn.q_proj", &[24, 20]),
                ("self_attn.k_proj", &[12, 20]),
                ("self_attn.v_proj", &[12, 20]),
                ("self_attn.o_proj", &[20, 24]),
                ("post_attention_layernorm", &[20]),
                ("mlp.gate_proj", &[14, 20]),
                ("mlp.up_proj", &[14, 20]),
                ("mlp.down_proj", &[20, 14]),
            ];
            for (part, shape) in shapes {
                tiny.add(&format!("model.layers.{i}.{part}.weight"), shape);
            }
            if model_type == "qwen2" {
                for (part, size) in [("q", 24), ("k", 12), ("v", 12)] {
                    tiny.add(&format!("model.layers.{i}.self_attn.{part}_proj.bias"), &[size]);
                }
            }
        }
        tiny
    }

    fn add(&mut self, name: &str, shape: &[usize]) {
        let mut state = 0x2545_F491_4F6C_DD1D ^ (self.tensors.len() as u64 + 1) << 17;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        };
        let values = (0..shape.iter().product()).map(|_| 0.6 * random()).collect();
        self.tensors.insert(name.to_owned(), (shape.to_vec(), values));
    }

    fn get(&self, name: &str) -> &[f32] {
        &self.tensors[name].1
    }

    /// Bytes of a safetensors file with the tensors whose name `wanted` accepts.
    fn file(&self, dtype: Dtype, wanted: impl Fn(&str) -> bool) -> Vec<u8> {
        let encode = |values: &[f32]| -> Vec<u8> {
            match dtype {
                Dtype::F16 => values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect(),
                Dtype::BF16 => values.iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes()).collect(),
                _ => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            }
        };
        let chosen = || self.tensors.iter().filter(|(name, _)| wanted(name));
        let bytes: Vec<_> = chosen().map(|(_, (_, values))| encode(values)).collect();
        let views = chosen().zip(&bytes).map(|((name, (shape, _)), bytes)| {
            (name.clone(), TensorView::new(dtype, shape.clone(), bytes).unwrap())
        });
        serialize(views, None).unwrap()
    }

    /// Writes the checkpoint as one file into a directory of this test's own.
    fn write(&self, test: &str) -> Dir {
        let dir = std::env::temp_dir().join(format!("candidate-{}-{test}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("config.json"), self.config.to_string()).unwrap();
        fs::write(dir.join("model.safetensors"), self.file(Dtype::F32, |_| true)).unwrap();
        Dir(dir)
    }

    /// The same computation written another way: f64, the whole sequence at once, no cache.
    fn logits(&self, tokens: &[u32]) -> Vec<Vec<f64>> {
        let embedding = self.get("model.embed_tokens.weight");
        let mut x: Vec<Vec<f64>> =
            tokens.iter().map(|t| widen(&embedding[*t as usize * 20..][..20])).collect();
        for i in 0..2 {
            let part = |name: &str| format!("model.layers.{i}.{name}");
            let project = |name: &str, x: &[f64]| {
                let mut y = times(self.get(&part(&format!("{name}.weight"))), x);
                if let Some((_, bias)) = self.tensors.get(&part(&format!("{name}.bias"))) {
                    y.iter_mut().zip(bias).for_each(|(y, b)| *y += f64::from(*b));
                }
                y
            };
            let normed: Vec<_> =
                x.iter().map(|x| norm(x, self.get(&part("input_layernorm.weight")))).collect();
            let q: Vec<_> = normed.iter().map(|x| project("self_attn.q_proj", x)).collect();
            let k: Vec<_> = normed.iter().map(|x| project("self_attn.k_proj", x)).collect();
            let v: Vec<_> = normed.iter().map(|x| project("self_attn.v_proj", x)).collect();
            for (t, x) in x.iter_mut().enumerate() {
                let mut mixed = Vec::new();
                for head in 0..4 {
                    let (at, kv) = (head * 6, head / 2 * 6);
                    let query = turned(&q[t][at..at + 6], t);
                    let weights: Vec<f64> = (0..=t)
                        .map(|s| turned(&k[s][kv..kv + 6], s))
                        .map(|key| {
                            (key.iter().zip(&query).map(|(a, b)| a * b).sum::<f64>() / 6f64.sqrt()).exp()
                        })
                        .collect();
                    let all: f64 = weights.iter().sum();
                    mixed.extend(
                        (0..6).map(|d| (0..=t).map(|s| weights[s] / all * v[s][kv + d]).sum::<f64>()),
                    );
                }
                x.iter_mut().zip(project("self_attn.o_proj", &mixed)).for_each(|(x, y)| *x += y);
                let normed = norm(x, self.get(&part("post_attention_layernorm.weight")));
                let up = project("mlp.up_proj", &normed);
                let inner: Vec<f64> = project("mlp.gate_proj", &normed)
                    .iter()
                    .zip(up)
                    .map(|(g, u)| g / (1.0 + (-g).exp()) * u)
                    .collect();
                x.iter_mut().zip(project("mlp.down_proj", &inner)).for_each(|(x, y)| *x += y);
            }
        }
        let head = self.tensors.get("lm_head.weight").map_or(embedding, |(_, values)| values);
        x.iter().map(|x| times(head, &norm(x, self.get("model.norm.weight")))).collect()
    }
}

fn widen(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}

fn times(matrix: &[f32], x: &[f64]) -> Vec<f64> {
    matrix.chunks(x.len()).map(|row| widen(row).iter().zip(x).map(|(w, x)| w * x).sum()).collect()
}

fn norm(x: &[f64], weight: &[f32]) -> Vec<f64> {
    let scale = (x.iter().map(|v| v * v).sum::<f64>() / x.len() as f64 + 1e-5).sqrt();
    x.iter().zip(weight).map(|(v, w)| v / scale * f64::from(*w)).collect()
}

/// Rotary embedding of a head of 6 at theta 500, with the pairs as complex numbers.
fn turned(head: &[f64], position: usize) -> Vec<f64> {
    let mut out = head.to_vec();
    for i in 0..3 {
        let (sin, cos) = (position as f64 * 500f64.powf(-(i as f64) / 3.0)).sin_cos();
        out[i] = head[i] * cos - head[i + 3] * sin;
        out[i + 3] = head[i] * sin + head[i + 3] * cos;
    }
    out
}

fn answer(engine: &mut Engine, prompt: &[u32], max_new: usize) -> Vec<u32> {
    let mut tokens = Vec::new();
    engine.generate(prompt, max_new, |token| tokens.push(token));
    tokens
}

fn refusal(dir: &Path) -> String {
    match Model::load(dir) {
        Ok(_) => panic!("the model was loaded"),
        Err(e) => e.to_string(),
    }
}

#[test]
fn logits_are_those_of_an_independent_computation_for_llama_and_for_qwen2_tied_and_not() {
    for (model_type, tied) in [("llama", false), ("llama", true), ("qwen2", false), ("qwen2", true)] {
        let tiny = Tiny::new(model_type, tied);
        let dir = tiny.write(&format!("logits-{model_type}-{tied}"));
        let model = Model::load(&dir.0).unwrap();
        let mut cache = model.cache();
        let expected = tiny.logits(&PROMPT);
        for (t, token) in PROMPT.iter().enumerate() {
            let logits = model.logits(&model.hidden(&[*token], &mut cache));
            for (a, b) in logits.iter().zip(&expected[t]) {
                assert!((f64::from(*a) - b).abs() < 1e-4, "{model_type} tied {tied}, token {t}: {a} and {b}");
            }
        }
        assert_eq!(model.prefill(&PROMPT, &mut model.cache()).len(), 11, "of the last token alone");
    }
}

#[test]
fn a_prompt_in_batches_gives_bit_for_bit_what_it_gives_token_by_token() {
    let dir = Tiny::new("qwen2", false).write("batches");
    let model = Model::load(&dir.0).unwrap();
    let take = |batch: usize| -> Vec<f32> {
        let mut cache = model.cache();
        PROMPT.chunks(batch).flat_map(|tokens| model.logits(&model.hidden(tokens, &mut cache))).collect()
    };
    let one_by_one = take(1);
    assert!([2, 4, 9].iter().all(|batch| take(*batch) == one_by_one));
    assert_eq!(model.prefill(&PROMPT, &mut model.cache()), one_by_one[8 * 11..]);
}

#[test]
fn a_continuation_is_the_greedy_one() {
    let tiny = Tiny::new("llama", false);
    let dir = tiny.write("greedy");
    let mut engine = Engine::load(&dir.0).unwrap();
    let mut text = PROMPT.to_vec();
    for _ in 0..12 {
        let logits = tiny.logits(&text).pop().unwrap();
        let best = (0..11).fold(0, |best, i| if logits[i] > logits[best] { i } else { best });
        text.push(best as u32);
    }
    assert_eq!(answer(&mut engine, &PROMPT, 12), text[9..]);
    assert!(answer(&mut engine, &PROMPT, 0).is_empty());
    assert!(answer(&mut engine, &[], 5).is_empty());
}

#[test]
fn nothing_of_an_earlier_request_shows_in_a_later_answer() {
    let dir = Tiny::new("llama", true).write("independent");
    let fresh = |prompt: &[u32]| answer(&mut Engine::load(&dir.0).unwrap(), prompt, 20);
    let mut engine = Engine::load(&dir.0).unwrap();
    for prompt in [&PROMPT[..], &[7, 7, 7], &PROMPT[..4], &PROMPT[..]] {
        assert_eq!(answer(&mut engine, prompt, 20), fresh(prompt));
    }
}

#[test]
fn an_answer_ends_with_the_end_of_text_token_whether_the_config_names_one_or_several() {
    let mut tiny = Tiny::new("llama", false);
    let dir = tiny.write("eos");
    let free = answer(&mut Engine::load(&dir.0).unwrap(), &PROMPT, 20);
    assert_eq!(free.len(), 20, "without such a token the answer is as long as asked");
    let end = free[3];
    let until = free.iter().position(|token| *token == end).unwrap() + 1;
    let unseen = (0..11).find(|token| !free.contains(token)).unwrap_or(99);
    for named in [json!(end), json!([unseen, end])] {
        tiny.config["eos_token_id"] = named;
        fs::write(dir.0.join("config.json"), tiny.config.to_string()).unwrap();
        assert_eq!(answer(&mut Engine::load(&dir.0).unwrap(), &PROMPT, 20), free[..until]);
    }
}

#[test]
fn a_checkpoint_in_several_files_is_the_same_model() {
    let tiny = Tiny::new("qwen2", false);
    let dir = tiny.write("sharded");
    let whole = answer(&mut Engine::load(&dir.0).unwrap(), &PROMPT, 20);
    fs::remove_file(dir.0.join("model.safetensors")).unwrap();
    let shard = |name: &str| if name.contains("layers.1") { "b.safetensors" } else { "a.safetensors" };
    for file in ["a.safetensors", "b.safetensors"] {
        fs::write(dir.0.join(file), tiny.file(Dtype::F32, |name| shard(name) == file)).unwrap();
    }
    let map: BTreeMap<_, _> = tiny.tensors.keys().map(|name| (name.clone(), shard(name))).collect();
    let index = dir.0.join("model.safetensors.index.json");
    fs::write(&index, json!({ "weight_map": map }).to_string()).unwrap();
    assert_eq!(answer(&mut Engine::load(&dir.0).unwrap(), &PROMPT, 20), whole);

    fs::remove_file(dir.0.join("b.safetensors")).unwrap();
    assert!(refusal(&dir.0).contains("b.safetensors"));
    fs::write(&index, "{}").unwrap();
    assert_eq!(refusal(&dir.0), "the index of the checkpoint has no weight_map");
}

#[test]
fn half_precision_files_are_read_as_the_values_that_they_hold() {
    for dtype in [Dtype::F16, Dtype::BF16] {
        let round = |v: f32| match dtype {
            Dtype::F16 => f16::from_f32(v).to_f32(),
            _ => bf16::from_f32(v).to_f32(),
        };
        let mut tiny = Tiny::new("llama", false);
        let dir = tiny.write(&format!("{dtype:?}"));
        fs::write(dir.0.join("model.safetensors"), tiny.file(dtype, |_| true)).unwrap();
        let model = Model::load(&dir.0).unwrap();
        let logits = model.prefill(&PROMPT, &mut model.cache());
        tiny.tensors.values_mut().for_each(|(_, values)| values.iter_mut().for_each(|v| *v = round(*v)));
        let expected = tiny.logits(&PROMPT).pop().unwrap();
        assert!(logits.iter().zip(expected).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-4));
    }
}

#[test]
fn a_file_that_is_missing_or_damaged_is_named_in_an_error() {
    let tiny = Tiny::new("llama", false);
    let dir = tiny.write("damaged");
    let (config, weights) = (dir.0.join("config.json"), dir.0.join("model.safetensors"));
    let good = fs::read(&weights).unwrap();
    for bad in [&good[..good.len() - 1], &good[..100], &good[..3], &[], &[0xFF; 64]] {
        fs::write(&weights, bad).unwrap();
        assert!(refusal(&dir.0).contains("model.safetensors: not a safetensors file"));
    }
    fs::remove_file(&weights).unwrap();
    assert!(refusal(&dir.0).contains("model.safetensors: No such file"));
    fs::write(&config, "{ \"model_type\": \"llama\" ").unwrap();
    assert!(refusal(&dir.0).contains("config.json"));
    fs::remove_file(&config).unwrap();
    assert!(refusal(&dir.0).contains("config.json: No such file"));
}

#[test]
fn a_tensor_that_is_absent_or_of_another_shape_or_type_is_named_in_an_error() {
    let mut tiny = Tiny::new("qwen2", false);
    let dir = tiny.write("tensors");
    let weights = dir.0.join("model.safetensors");
    for missing in
        ["lm_head.weight", "model.layers.1.self_attn.k_proj.bias", "model.layers.0.mlp.up_proj.weight"]
    {
        fs::write(&weights, tiny.file(Dtype::F32, |name| name != missing)).unwrap();
        assert_eq!(refusal(&dir.0), format!("the checkpoint has no tensor `{missing}`"));
    }
    fs::write(&weights, tiny.file(Dtype::I32, |_| true)).unwrap();
    assert_eq!(refusal(&dir.0), "tensor `model.embed_tokens.weight` is I32, not F32, F16 or BF16");
    tiny.add("model.norm.weight", &[21]);
    fs::write(&weights, tiny.file(Dtype::F32, |_| true)).unwrap();
    assert_eq!(refusal(&dir.0), "tensor `model.norm.weight` has shape [21], not [20]");
}

#[test]
fn a_model_that_would_be_computed_wrongly_is_refused() {
    let tiny = Tiny::new("llama", false);
    let dir = tiny.write("refused");
    for (key, value) in [
        ("model_type", json!("gpt2")),
        ("hidden_act", json!("gelu")),
        ("attention_bias", json!(true)),
        ("mlp_bias", json!(true)),
        ("use_sliding_window", json!(true)),
        ("rope_parameters", json!({ "rope_theta": 5.0 })),
        ("num_attention_heads", json!(0)),
        ("num_key_value_heads", json!(3)),
        ("head_dim", json!(5)),
    ] {
        let mut config = tiny.config.clone();
        config[key] = value;
        fs::write(dir.0.join("config.json"), config.to_string()).unwrap();
        let refusal = refusal(&dir.0);
        assert!(refusal.ends_with("is not supported") || refusal.contains(key), "{key}: {refusal}");
    }
}

#[test]
fn llama3_scaling_slows_the_slow_pairs_by_its_factor_and_leaves_the_fast_ones() {
    let mut tiny = Tiny::new("llama", false);
    tiny.config["rope_scaling"] = json!({
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    });
    let dir = tiny.write("llama3");
    let model = Model::load(&dir.0).unwrap();
    // Turns within 64 positions at theta 500: 10.2 is above 4, 1.28 is between, 0.162 is below 1.
    let f = [1.0, 500f32.powf(-1.0 / 3.0), 500f32.powf(-2.0 / 3.0)];
    let share = (64.0 * f[1] / (2.0 * std::f32::consts::PI) - 1.0) / 3.0;
    let expected = [f[0], f[1] * share + f[1] / 8.0 * (1.0 - share), f[2] / 8.0];
    assert!(model.frequencies.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6 * b));
}

#[test]
fn rows_keep_what_their_bits_allow_also_where_the_last_block_is_short() {
    let row: Vec<f32> = (0..45).map(|i| ((i * 37 % 91) as f32 / 45.0 - 1.0) * 3.0).collect();
    let mut scratch = vec![0.0; 45];
    for bits in [2, 3, 4, 5, 6, 7, 8, 16, 32] {
        let step = match bits {
            32 => 0.0,
            16 => 1.0 / 64.0,
            _ => 3.0 / (((1 << (bits - 1)) - 1) as f32),
        };
        for mut rows in [Rows::for_weights(bits, 45), Rows::for_cache(bits, 45, 15)] {
            rows.push(&[0.0; 45]);
            rows.push(&row);
            assert_eq!(rows.read(0, 0..45, &mut scratch), [0.0; 45], "{bits} bits");
            let read = rows.read(1, 0..45, &mut scratch);
            assert!(read.iter().zip(&row).all(|(a, b)| (a - b).abs() <= 0.501 * step), "{bits} bits");
        }
        let mut heads = Rows::for_cache(bits, 45, 15);
        heads.push(&row);
        let whole = heads.read(0, 0..45, &mut scratch).to_vec();
        assert_eq!(heads.read(0, 15..30, &mut scratch), &whole[15..30], "one head alone, {bits} bits");
    }
}

#[test]
fn norm_softmax_rotation_and_transposition_are_those_worked_out_by_hand() {
    assert_eq!(math::rms_norm(&[3.0, 4.0, 0.0, 5.0], &[1.0, 2.0], 0.0), {
        let r = 12.5f32.sqrt().recip();
        [3.0 * r, 4.0 * r * 2.0, 0.0, 5.0 * r * 2.0]
    });
    let mut shares = [2f32.ln(), 0.0, 5f32.ln()];
    math::softmax(&mut shares);
    assert!(shares.iter().zip([0.25, 0.125, 0.625]).all(|(a, b)| (a - b).abs() < 1e-6));
    let mut head = [1.0, 2.0, 3.0, 4.0];
    math::rotate(&mut head, &[(0.0, 1.0), (1.0, 0.0)]);
    assert_eq!(head, [-3.0, 2.0, 1.0, 4.0], "the first pair by a quarter, the second not at all");
    let (a, b) = ([1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 0.0, 2.0, 0.0, 3.0]);
    assert_eq!(math::dots(&a, [&b, &a]), [22.0, 55.0], "a rest of one is counted too");
}

#[test]
fn the_lowest_of_equal_logits_is_chosen() {
    assert_eq!(math::argmax(&[1.0, 3.0, 2.0, 3.0]), 1);
    assert_eq!(math::argmax(&[f32::NEG_INFINITY, f32::NEG_INFINITY]), 0);
}

#[test]
fn samples_follow_the_shares_and_stay_within_top_p() {
    let logits = [0.6f32.ln(), 0.1f32.ln(), 0.3f32.ln()];
    let mut random = 1;
    let mut draw = |temperature: f32, top_p: f32| -> [usize; 3] {
        let mut counts = [0; 3];
        (0..10_000).for_each(|_| counts[math::sample(&logits, temperature, top_p, &mut random)] += 1);
        counts
    };
    assert!(draw(1.0, 1.0).iter().zip([6_000usize, 1_000, 3_000]).all(|(a, b)| a.abs_diff(b) < 250));
    assert!(draw(0.5, 1.0).iter().zip([7_826usize, 217, 1_957]).all(|(a, b)| a.abs_diff(b) < 250));
    assert!(draw(1.0, 0.8).iter().zip([6_667usize, 0, 3_333]).all(|(a, b)| a.abs_diff(b) < 250));
    assert_eq!(draw(1.0, 0.5), [10_000, 0, 0]);
}
