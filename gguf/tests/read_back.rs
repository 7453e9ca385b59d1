//! A file says of itself what a reader needs: settings, tensors, where each begins. The reader here is of the specification, and only of tests.

use std::collections::BTreeMap;
use std::path::Path;

use piton_gguf::numbers::NumberFormat;
use piton_gguf::shape::Shape;
use piton_gguf::vocabulary::Vocabulary;
use piton_gguf::{convert, random};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../model");

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A setting: a number, a text, or how many elements an array has.
#[derive(Debug, Clone, PartialEq)]
enum Read {
    Number(f64),
    Text(String),
    Array(u64),
}

struct Tensor {
    sizes: Vec<u64>,
    kind: u32,
    start: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        self.at += N;
        self.bytes[self.at - N..self.at].try_into().unwrap()
    }

    fn word(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn long(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }

    fn text(&mut self) -> String {
        let length = self.long() as usize;
        self.at += length;
        String::from_utf8(self.bytes[self.at - length..self.at].to_vec()).unwrap()
    }

    fn value(&mut self, kind: u32) -> Read {
        match kind {
            4 => Read::Number(self.word().into()),
            5 => Read::Number(i32::from_le_bytes(self.take()).into()),
            6 => Read::Number(f32::from_le_bytes(self.take()).into()),
            7 => Read::Number(self.take::<1>()[0].into()),
            8 => Read::Text(self.text()),
            9 => {
                let (kind, length) = (self.word(), self.long());
                (0..length).for_each(|_| drop(self.value(kind)));
                Read::Array(length)
            }
            _ => panic!("setting of kind {kind}"),
        }
    }
}

fn read(path: &Path) -> (BTreeMap<String, Read>, BTreeMap<String, Tensor>, Vec<u8>) {
    let bytes = std::fs::read(path).unwrap();
    let mut reader = Reader { bytes: &bytes, at: 0 };
    assert_eq!(&reader.take::<4>(), b"GGUF");
    assert_eq!(reader.word(), 3);
    let (tensors, settings) = (reader.long(), reader.long());
    let mut found = BTreeMap::new();
    for _ in 0..settings {
        let (name, kind) = (reader.text(), reader.word());
        assert!(found.insert(name, reader.value(kind)).is_none());
    }
    let mut places = BTreeMap::new();
    for _ in 0..tensors {
        let name = reader.text();
        let sizes = (0..reader.word()).map(|_| reader.long()).collect();
        let (kind, start) = (reader.word(), reader.long() as usize);
        assert!(places.insert(name, Tensor { sizes, kind, start }).is_none());
    }
    let base = reader.at.next_multiple_of(32);
    places.values_mut().for_each(|tensor| tensor.start += base);
    (found, places, bytes)
}

/// Bytes of a tensor of this kind with so many numbers.
fn bytes(kind: u32, numbers: u64) -> u64 {
    match kind {
        0 => numbers * 4,
        1 | 30 => numbers * 2,
        2 => numbers / 32 * 18,
        8 => numbers / 32 * 34,
        _ => panic!("tensor of kind {kind}"),
    }
}

#[test]
fn the_shipped_model_is_written_in_every_format_with_tensors_one_after_another() {
    let dir = tempfile::tempdir().unwrap();
    for format in NumberFormat::ALL {
        let path = dir.path().join(format.name());
        convert::convert(Path::new(MODEL), &path, format).unwrap();
        let (settings, tensors, file) = read(&path);
        assert_eq!(settings["general.architecture"], Read::Text("llama".into()));
        assert_eq!(settings["llama.attention.head_count_kv"], Read::Number(2.0));
        assert_eq!(settings["tokenizer.ggml.tokens"], Read::Array(576));
        assert_eq!(settings["tokenizer.ggml.add_bos_token"], Read::Number(0.0));
        assert_eq!(tensors.len(), 2 + 4 * 9);
        let mut ends: Vec<(usize, usize)> = vec![];
        for (name, tensor) in &tensors {
            assert_eq!(tensor.start % 32, 0, "{name}");
            let length = bytes(tensor.kind, tensor.sizes.iter().product()) as usize;
            assert_eq!(tensor.kind, if tensor.sizes.len() == 1 { 0 } else { format.tensor_type() });
            ends.push((tensor.start, tensor.start + length));
        }
        ends.sort_unstable();
        assert!(ends.windows(2).all(|pair| pair[0].1 <= pair[1].0 && pair[1].0 - pair[0].1 < 32));
        assert_eq!(file.len(), ends.last().unwrap().1.next_multiple_of(32));
    }
}

#[test]
fn the_embedding_is_the_checkpoints_row_by_row() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f32.gguf");
    convert::convert(Path::new(MODEL), &path, NumberFormat::F32).unwrap();
    let (_, tensors, file) = read(&path);
    let checkpoint = harness::model::Checkpoint::open(Path::new(MODEL)).unwrap();
    let embedding = checkpoint.load().unwrap().matrix("model.embed_tokens.weight").unwrap();
    let tensor = &tensors["token_embd.weight"];
    assert_eq!(tensor.sizes, [embedding.ncols() as u64, embedding.nrows() as u64]);
    let numbers =
        file[tensor.start..].chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap()));
    assert!(numbers.zip(&embedding).all(|(ours, theirs)| ours == *theirs));
}

#[test]
fn a_random_model_is_the_same_each_time_and_answers_with_plain_text_alone() {
    let dir = tempfile::tempdir().unwrap();
    let vocabulary = Vocabulary::read(Path::new(MODEL)).unwrap();
    let shape = Shape::of_size(2_000_000, vocabulary.len(), 256);
    let paths = ["a", "b"].map(|name| dir.path().join(name));
    for path in &paths {
        random::write(&shape, &vocabulary, 0, path, NumberFormat::F32).unwrap();
    }
    let (_, tensors, file) = read(&paths[0]);
    assert!(file == std::fs::read(&paths[1]).unwrap());
    let start = tensors["token_embd.weight"].start;
    let row = |token: usize| &file[start + token * shape.width * 4..start + (token + 1) * shape.width * 4];
    for token in 0..vocabulary.len() {
        assert_eq!(row(token).iter().any(|byte| *byte != 0), vocabulary.is_plain(token), "token {token}");
    }
}

#[test]
fn what_llama_has_no_place_for_is_refused_and_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.gguf");
    let bad = dir.path().join("bad");
    std::fs::create_dir(&bad).unwrap();
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        std::fs::copy(Path::new(MODEL).join(file), bad.join(file)).unwrap();
    }
    let tokenizer = std::fs::read_to_string(bad.join("tokenizer.json")).unwrap();
    std::fs::write(bad.join("tokenizer.json"), tokenizer.replacen("\"Digits\"", "\"Punctuation\"", 1))
        .unwrap();
    let error = convert::convert(&bad, &out, NumberFormat::F32).unwrap_err();
    assert!(error.cause.unwrap().contains("digits"));
    let error = convert::convert(&dir.path().join("absent"), &out, NumberFormat::F32).unwrap_err();
    assert!(error.what.contains("was not converted"), "{error}");
    assert!(!out.exists());
}
