//! The command line: a checkpoint converted, or a model of random weights made.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use harness::model::Checkpoint;
use piton_base::error::{Context, Result};
use piton_gguf::numbers::NumberFormat;
use piton_gguf::shape::Shape;
use piton_gguf::vocabulary::Vocabulary;
use piton_gguf::{convert, random};

const EXAMPLES: &str = "\
Examples:
  piton-gguf convert model /tmp/piton.gguf --format q8_0
  piton-gguf random model /tmp/1b.gguf --size 1B --format q8_0";

/// Writes models as GGUF, for llama.cpp's servers.
#[derive(Debug, Parser)]
#[command(name = "piton-gguf", version, after_help = EXAMPLES, max_term_width = 80)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Convert a checkpoint in the Hugging Face layout: llamas without biases, with this project's kind of tokenizer.
    Convert {
        /// The checkpoint's directory: config.json, tokenizer.json, *.safetensors.
        model: PathBuf,
        /// The file; what stands there is replaced.
        out: PathBuf,
        /// How matrices are written: f32, f16, bf16, q8_0 or q4_0.
        #[arg(long, default_value = "bf16", value_parser = format)]
        format: NumberFormat,
    },
    /// Make a model of random weights with a checkpoint's tokenizer: for memory and time, not for answers.
    Random {
        /// The checkpoint whose tokenizer it has.
        model: PathBuf,
        /// The file; what stands there is replaced.
        out: PathBuf,
        /// About how many parameters, e.g. 12M, 87M or 1B.
        #[arg(long, value_parser = size)]
        size: u64,
        /// Longest text, in tokens.
        #[arg(long, default_value_t = 4096)]
        context: u32,
        /// How matrices are written: f32, f16, bf16, q8_0 or q4_0.
        #[arg(long, default_value = "q8_0", value_parser = format)]
        format: NumberFormat,
    },
}

fn format(text: &str) -> std::result::Result<NumberFormat, String> {
    let known = NumberFormat::ALL;
    known
        .into_iter()
        .find(|format| format.name() == text)
        .ok_or_else(|| format!("write one of {}", known.map(NumberFormat::name).join(", ")))
}

fn size(text: &str) -> std::result::Result<u64, String> {
    let wrong = || "write e.g. 12M or 1B".to_owned();
    let (number, unit) = match text.as_bytes().last() {
        Some(b'M' | b'm') => (&text[..text.len() - 1], 1e6),
        Some(b'B' | b'b') => (&text[..text.len() - 1], 1e9),
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    match number * unit {
        size if (1e6..=1e11).contains(&size) => Ok(size as u64),
        _ => Err("from 1M to 100B".to_owned()),
    }
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(error.status)
        }
    }
}

fn run(command: Command) -> Result<String> {
    match command {
        Command::Convert { model, out, format } => {
            convert::convert(&model, &out, format)?;
            Ok(format!("{}: {} as {}", out.display(), model.display(), format.name()))
        }
        Command::Random { model, out, size, context, format } => {
            let config = Checkpoint::open(&model).context("no model was made")?.config;
            let vocabulary = Vocabulary::read(&model)?;
            let shape = Shape::of_size(size, vocabulary.len(), context as usize);
            let end = config.end.first().copied().unwrap_or_default();
            random::write(&shape, &vocabulary, end, &out, format)?;
            let millions = shape.parameters() as f64 / 1e6;
            let (width, layers) = (shape.width, shape.layers);
            Ok(format!(
                "{}: {millions:.1} M parameters, {width} wide, {layers} layers, {}",
                out.display(),
                format.name()
            ))
        }
    }
}
