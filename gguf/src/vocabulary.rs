//! A checkpoint's tokenizer, as the settings that llama.cpp makes its own from.

use std::path::Path;

use piton_base::error::{Context, Error, Result};
use serde_json::{Value, json};

use crate::file::Setting;

/// What a token is to llama.cpp.
const NORMAL: i32 = 1;
const CONTROL: i32 = 3;

/// The pieces of a tokenizer and how they are merged.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    pieces: Vec<String>,
    merges: Vec<String>,
    special: Vec<bool>,
}

impl Vocabulary {
    /// Reads `tokenizer.json` of a checkpoint: byte pairs, with digits one by one.
    ///
    /// # Errors
    /// A file that cannot be read, and a tokenizer that llama.cpp would not split texts as.
    pub fn read(dir: &Path) -> Result<Self> {
        let path = dir.join("tokenizer.json");
        let what = format!("{} was not read", path.display());
        let text = std::fs::read_to_string(&path).context(&what)?;
        let read: Value = serde_json::from_str(&text).context(&what)?;
        Self::of(&read).map_err(|cause| Error::new(what).cause(cause))
    }

    fn of(read: &Value) -> std::result::Result<Self, String> {
        let splits = &read["pre_tokenizer"]["pretokenizers"];
        let digits = splits[0] == json!({"type": "Digits", "individual_digits": true});
        let bytes = splits[1]["type"] == "ByteLevel"
            && splits[1]["use_regex"] != false
            && splits[1]["add_prefix_space"] == false;
        if !(digits
            && bytes
            && splits.as_array().is_some_and(|all| all.len() == 2)
            && read["normalizer"].is_null())
        {
            return Err(
                "it does not split texts at digits and then as GPT-2 does, which is all that is written here"
                    .into(),
            );
        }
        let model = &read["model"];
        if model["type"] != "BPE" {
            return Err("it is no byte pair encoding".into());
        }
        let vocabulary = model["vocab"].as_object().ok_or("it has no vocabulary")?;
        let mut pieces: Vec<Option<String>> = vec![None; vocabulary.len()];
        let added = read["added_tokens"].as_array().into_iter().flatten();
        let ids = vocabulary.iter().map(|(piece, id)| (piece.as_str(), id.as_u64()));
        let ids = ids.chain(
            added.clone().map(|token| (token["content"].as_str().unwrap_or_default(), token["id"].as_u64())),
        );
        for (piece, id) in ids {
            let id = id.ok_or("a piece has no number")? as usize;
            if id >= pieces.len() + 1000 {
                return Err("the numbers of its pieces leave gaps".into());
            }
            pieces.resize(pieces.len().max(id + 1), None);
            pieces[id] = Some(piece.to_owned());
        }
        let pieces: Option<Vec<String>> = pieces.into_iter().collect();
        let pieces = pieces.ok_or("the numbers of its pieces leave gaps")?;
        let mut special = vec![false; pieces.len()];
        for token in added.filter(|token| token["special"] == true) {
            special[token["id"].as_u64().unwrap_or_default() as usize] = true;
        }
        let merges = model["merges"].as_array().ok_or("it has no merges")?;
        let merge = |merge: &Value| match merge.as_array().map(Vec::as_slice) {
            Some([a, b]) => Some(format!("{} {}", a.as_str()?, b.as_str()?)),
            _ => merge.as_str().map(str::to_owned),
        };
        let merges: Option<Vec<String>> = merges.iter().map(merge).collect();
        Ok(Self { merges: merges.ok_or("a merge is no pair")?, pieces, special })
    }

    /// How many tokens it has.
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Whether a token is a text of printable ASCII, spaces and line breaks: one that a server need not hold back until more bytes come.
    pub fn is_plain(&self, token: usize) -> bool {
        // GPT-2 writes a space as U+0120 and a line break as U+010A.
        let plain = |c: char| c.is_ascii_graphic() || matches!(c, '\u{120}' | '\u{10a}');
        !self.special[token] && !self.pieces[token].is_empty() && self.pieces[token].chars().all(plain)
    }

    /// The settings. `end` is the token that ends a text. No token is put before a text, and a conversation is its texts, as they are.
    pub fn settings(&self, end: u32) -> Vec<(&'static str, Setting)> {
        let kinds = self.special.iter().map(|special| if *special { CONTROL } else { NORMAL });
        vec![
            ("tokenizer.ggml.model", Setting::Text("gpt2".into())),
            // What llama.cpp calls digits one by one, then GPT-2's split.
            ("tokenizer.ggml.pre", Setting::Text("smollm".into())),
            ("tokenizer.ggml.tokens", Setting::Texts(self.pieces.clone())),
            ("tokenizer.ggml.token_type", Setting::Numbers(kinds.collect())),
            ("tokenizer.ggml.merges", Setting::Texts(self.merges.clone())),
            ("tokenizer.ggml.bos_token_id", Setting::Whole(end)),
            ("tokenizer.ggml.eos_token_id", Setting::Whole(end)),
            ("tokenizer.ggml.add_bos_token", Setting::Switch(false)),
            ("tokenizer.ggml.add_eos_token", Setting::Switch(false)),
            (
                "tokenizer.chat_template",
                Setting::Text("{% for message in messages %}{{ message['content'] }}{% endfor %}".into()),
            ),
        ]
    }
}
