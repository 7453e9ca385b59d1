//! Prints what a suite draws, one JSON object a line: training text, or prompts with their answers.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use piton_suite::{Error, Suite};

const HELP: &str = "\
Prints text drawn from a suite, one JSON object a line. Writes nothing else.

usage: corpus --suite FILE --seed N --docs K [--stage S]    training text: {\"task\", \"segments\": [[text, weight], ...]}
       corpus --suite FILE --seed N --docs K --prompts      K samples from seed N on: {\"task\", \"family\", \"context\",
                                                            \"text\", \"expected\"}

Example:      corpus --suite model/train/corpus.toml --seed 1 --docs 1000 --stage 0
Exit status:  0 printed, 1 the suite was refused, 2 usage.
";

struct Arguments {
    suite: PathBuf,
    seed: u64,
    docs: usize,
    stage: usize,
    prompts: bool,
}

fn arguments() -> Option<Arguments> {
    let mut arguments = Arguments { suite: PathBuf::new(), seed: 0, docs: 0, stage: 0, prompts: false };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--suite" => arguments.suite = words.next()?.into(),
            "--seed" => arguments.seed = words.next()?.parse().ok()?,
            "--docs" => arguments.docs = words.next()?.parse().ok()?,
            "--stage" => arguments.stage = words.next()?.parse().ok()?,
            "--prompts" => arguments.prompts = true,
            _ => return None,
        }
    }
    (arguments.docs > 0 && !arguments.suite.as_os_str().is_empty()).then_some(arguments)
}

fn main() -> ExitCode {
    let Some(arguments) = arguments() else {
        eprint!("{HELP}");
        return ExitCode::from(2);
    };
    let lines = match lines(&arguments) {
        Ok(lines) => lines,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(1);
        }
    };
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    // A reader that has had enough closes the pipe: no error of ours.
    let _ = lines.iter().try_for_each(|line| writeln!(out, "{line}")).and_then(|()| out.flush());
    ExitCode::SUCCESS
}

fn lines(arguments: &Arguments) -> Result<Vec<String>, Error> {
    let suite = Suite::load(&arguments.suite)?;
    if arguments.prompts {
        let samples = (0..arguments.docs as u64).flat_map(|n| suite.draw(arguments.seed + n));
        let line = |prompt: piton_suite::Prompt| {
            format!(
                "{{\"task\": {}, \"family\": {}, \"context\": {}, \"text\": {}, \"expected\": {}}}",
                quoted(&prompt.task),
                quoted(&prompt.family),
                quoted(prompt.context.name()),
                quoted(&prompt.text),
                prompt.expected.as_deref().map_or("null".into(), quoted),
            )
        };
        return Ok(samples.map(line).collect());
    }
    let documents = suite.documents(arguments.seed, arguments.stage, arguments.docs)?;
    let line = |document: piton_suite::Document| {
        let segments = document.segments.iter();
        let segments: Vec<String> =
            segments.map(|(text, weight)| format!("[{}, {weight}]", quoted(text))).collect();
        format!("{{\"task\": {}, \"segments\": [{}]}}", quoted(&document.task), segments.join(", "))
    };
    Ok(documents.into_iter().map(line).collect())
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            control if control < ' ' => quoted.push_str(&format!("\\u{:04x}", control as u32)),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
