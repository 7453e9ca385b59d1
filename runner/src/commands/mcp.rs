//! `piton mcp`: five tools for agents, over standard input and output.
//!
//! Each is a command of piton, started as a process: a trial then belongs to nobody whom an agent ends, and inside `piton guard`
//! every call is carried out outside, by the same way as any other.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use piton_core::base::level::Level;
use piton_core::trial::text::width;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation, JsonObject,
    ListToolsResult, PaginatedRequestParams, ProgressNotificationParam, ServerCapabilities, ServerConfig,
    Tool, ToolAnnotations,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt};
use serde_json::{Value, json};

use super::lines::LineWriter;
use super::wait::under_way_words;
use piton_core::base::error::{Context, Result, exit};
use piton_core::base::metric::Metric;
use piton_core::trial::record::Record;
use piton_core::trial::text;
use piton_system::clock::Stopwatch;
use piton_system::process::{self, CommandOutput};

/// How long a call blocks where the client is told of progress: codex and goose end calls after 300 s.
const LONG: Duration = Duration::from_secs(240);
/// How long it blocks where the client is not: opencode ends calls after 60 s of silence.
const SHORT: Duration = Duration::from_secs(50);
/// How often progress is told.
const PULSE: Duration = Duration::from_secs(9);
/// Records that the history has where nobody says how many, and at most.
const RECORDS: (i64, i64) = (20, 100);
/// What a result has at most of a text, in characters, and of a list.
const MOST: (usize, usize) = (2000, 20);
/// What of a record is left out: `piton show N --json` has it.
const BULK: [&str; 7] = ["pairs", "runs", "reference", "void_pairs", "asked", "since_baseline", "rule"];

const INSTRUCTIONS: &str = "piton keeps an edit only when a locked measurement shows that it holds. Read program.md first. Edit only what it \
allows, one idea at a time, then call `run` with what you tried. While it answers {\"state\": \"running\"}, call `wait`. A kept edit becomes \
the new incumbent; any other is reset, and stays in git. Then make the next edit. Do not commit, and never stop to ask.";

/// Serves until the client closes standard input. No call blocks for longer than `block`, where that is said.
///
/// # Errors
/// When the client does not speak the protocol.
pub(super) fn run(dir: &Path, least: Level, block: Option<Duration>) -> Result<()> {
    let what = "piton mcp did not start";
    let piton = std::env::current_exe().context(what)?;
    let server = Server { piton: piton.into(), dir: dir.to_path_buf(), least, block };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context(what)?;
    let (input, output) = rmcp::transport::stdio();
    let served = runtime.block_on(async {
        let running = server.serve((input, LineWriter::new(output))).await.context(what)?;
        running.waiting().await.map(|_| ()).context("piton mcp ended")
    });
    // What still waits for an answer has nobody to give it to; a trial goes on by itself.
    runtime.shutdown_background();
    served
}

#[derive(Debug, Clone)]
struct Server {
    piton: OsString,
    dir: PathBuf,
    least: Level,
    block: Option<Duration>,
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("piton", env!("CARGO_PKG_VERSION")))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> std::result::Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> std::result::Result<CallToolResponse, ErrorData> {
        let given = request.arguments.unwrap_or_default();
        let done = match request.name.as_ref() {
            "status" => self.status().await,
            "history" => self.history(&given).await,
            "note" => self.note(&given).await,
            "wait" => self.follow(vec!["wait".into()], &context).await,
            "run" => match asked(&given) {
                Ok(trial) => self.follow(trial, &context).await,
                Err(wrong) => return Err(ErrorData::invalid_params(wrong, None)),
            },
            name => return Err(ErrorData::invalid_params(format!("there is no tool {name}"), None)),
        };
        Ok(done.unwrap_or_else(|error| failed(&error.to_string())).into())
    }
}

impl Server {
    async fn status(&self) -> Result<CallToolResult> {
        let (answer, words) = (self.ask(&["status", "--json"]).await?, self.ask(&["status"]).await?);
        Ok(told(&answer, |value| (shortened(value), words.out.clone())))
    }

    async fn history(&self, given: &JsonObject) -> Result<CallToolResult> {
        let most = given.get("last").and_then(Value::as_i64).unwrap_or(RECORDS.0).clamp(1, RECORDS.1);
        let status = self.ask(&["status", "--json"]).await?;
        let status: Value = serde_json::from_str(&status.out).unwrap_or_default();
        let metric = serde_json::from_value::<Metric>(status["metric"].clone()).ok();
        let answer = self.ask(&["log", "--json"]).await?;
        Ok(told(&answer, |value| {
            let records = value.as_array().cloned().unwrap_or_default();
            let from = records.len().saturating_sub(usize::try_from(most).unwrap_or_default());
            let lines: Vec<String> =
                records[from..].iter().map(|record| line(record, metric.as_ref())).collect();
            let trials: Vec<Value> = records[from..].iter().cloned().map(shortened).collect();
            (json!({ "trials": trials, "earlier": from }), lines.join("\n"))
        }))
    }

    async fn note(&self, given: &JsonObject) -> Result<CallToolResult> {
        let text = given.get("text").and_then(Value::as_str).unwrap_or_default();
        let answer = self.ask(&["note", "--by=agent", "--json", "--", text]).await?;
        Ok(told(&answer, |note| (note, "noted: the next brief tells it".to_owned())))
    }

    /// Asks for a trial, or for the one that is under way, and waits as long as the client may be kept waiting.
    async fn follow(
        &self,
        mut arguments: Vec<String>,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResult> {
        let token = context.meta.get_progress_token();
        let limit = self.block.unwrap_or(if token.is_some() { LONG } else { SHORT });
        let watch = Stopwatch::start();
        loop {
            let left = limit.saturating_sub(watch.elapsed());
            let option = if arguments[0] == "wait" { "--timeout" } else { "--wait" };
            let time = format!("{}ms", left.min(PULSE).as_millis());
            arguments.extend(["--json".into(), option.into(), time]);
            let answer = self.ask(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await?;
            let over = watch.elapsed() >= limit || context.ct.is_cancelled();
            if answer.status != Some(exit::RUNNING) || over {
                return Ok(verdict(&answer));
            }
            if let Some(token) = &token {
                let doing = serde_json::from_str(&answer.out).map(|now| under_way_words(&now));
                let progress = ProgressNotificationParam::new(token.clone(), watch.seconds());
                let progress = progress.with_message(doing.unwrap_or_default());
                // A client that does not listen is told the verdict all the same.
                let _ = context.peer.notify_progress(progress).await;
            }
            arguments = vec!["wait".into()];
        }
    }

    /// Has a command of piton carried out.
    async fn ask(&self, arguments: &[&str]) -> Result<CommandOutput> {
        let level = ["--confinement".to_owned(), self.least.to_string()];
        let mut argv = vec![self.piton.clone()];
        argv.extend(level.into_iter().map(OsString::from));
        argv.extend(arguments.iter().map(OsString::from));
        let dir = self.dir.clone();
        let answer = tokio::task::spawn_blocking(move || process::ask(&argv, &dir)).await;
        answer.context("the command was not carried out")?
    }
}

/// The command line of the trial that `run` asks for: what the proposer says of it is handed on here.
fn asked(given: &JsonObject) -> std::result::Result<Vec<String>, String> {
    let text = |name: &str| given.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let description = text("description").ok_or("`description` is missing: what was tried, in one line")?;
    let mut line = vec!["trial".into(), format!("--message={description}")];
    line.extend(["hypothesis", "family"].iter().filter_map(|name| Some(format!("--{name}={}", text(name)?))));
    let expected = given.get("expected_gain").and_then(Value::as_f64);
    line.extend(expected.map(|percent| format!("--expected={percent}")));
    Ok(line)
}

/// What a command printed for programs, as structure and in words.
fn told(answer: &CommandOutput, tell: impl FnOnce(Value) -> (Value, String)) -> CallToolResult {
    match serde_json::from_str(&answer.out) {
        Ok(value) => {
            let (value, words) = tell(value);
            let mut result = CallToolResult::success(vec![ContentBlock::text(words)]);
            result.structured_content = Some(value);
            result
        }
        Err(_) => failed(&answer.err),
    }
}

/// How a trial ended, or that it is under way.
fn verdict(answer: &CommandOutput) -> CallToolResult {
    told(answer, |value| {
        let words = match (value["state"].as_str(), value["words"].as_str()) {
            (Some("running"), _) => format!("{}\nnext: call wait", under_way_words(&value)),
            (Some(_), _) => {
                let last = value["last"]["words"].as_str();
                format!("no trial is under way; the last one: {}", last.unwrap_or("none yet"))
            }
            (None, words) => words.unwrap_or_default().to_owned(),
        };
        (shortened(value), words)
    })
}

/// What went wrong, for the agent: the end of what was said.
fn failed(said: &str) -> CallToolResult {
    let from = said.char_indices().rev().nth(MOST.0).map_or(0, |(at, _)| at);
    CallToolResult::error(vec![ContentBlock::text(said[from..].trim())])
}

/// One line of the history.
fn line(record: &Value, metric: Option<&Metric>) -> String {
    let Ok(record) = serde_json::from_value::<Record>(record.clone()) else { return String::new() };
    let by = record.outcome.estimate().zip(metric);
    let by = by.map_or_else(String::new, |(estimate, metric)| {
        // What few pairs ended is no fact.
        let early = record.outcome.given_up();
        let ends = if early { text::interval(estimate, metric) } else { String::new() };
        format!(" {}{ends}", text::gain(estimate.gain, metric))
    });
    format!(
        "{} {} [{}]{by} {}",
        record.trial,
        record.outcome.status().word(),
        text::clean(&record.outcome.reason(), 60),
        text::clean(&record.claimed.description, width::TITLE)
    )
}

/// The value without what is bulky, its texts and lists cut.
fn shortened(value: Value) -> Value {
    match value {
        Value::String(text) if text.chars().nth(MOST.0).is_some() => {
            Value::String(text.chars().take(MOST.0).chain("…".chars()).collect())
        }
        Value::Array(list) => {
            let more = list.len().saturating_sub(MOST.1);
            let shown = list.into_iter().take(MOST.1).map(shortened);
            shown.chain((more > 0).then(|| json!(format!("and {more} more")))).collect()
        }
        Value::Object(object) => {
            let kept = object.into_iter().filter(|(name, _)| !BULK.contains(&name.as_str()));
            Value::Object(kept.map(|(name, value)| (name, shortened(value))).collect())
        }
        other => other,
    }
}

/// The tools. Numbers in schemas are what all clients take: 64-bit integers and floating point.
fn tools() -> Vec<Tool> {
    let text = |says: &str| json!({ "type": "string", "description": says });
    let whole = |says: &str| json!({ "type": "integer", "format": "int64", "description": says });
    let percent = |says: &str| json!({ "type": "number", "format": "double", "description": says });
    let schema = |properties: Value, required: &[&str]| -> Arc<JsonObject> {
        let schema = json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false });
        Arc::new(schema.as_object().cloned().unwrap_or_default())
    };
    let reads = || ToolAnnotations::new().read_only(true).open_world(false);
    let adds = || ToolAnnotations::new().read_only(false).destructive(false).open_world(false);
    let again = || adds().idempotent(true);
    let none = || schema(json!({}), &[]);
    vec![
        Tool::new("status", "Where the run stands: incumbent, gain, trials by reason, noise, what is under way.", none())
            .with_annotations(reads()),
        Tool::new(
            "run",
            "Have the edit in this checkout judged: committed, built, measured in pairs against the best so far, then kept or reset. \
             Answers with the verdict, or with {\"state\": \"running\"} when it takes longer: call wait then. Calling it again for the same \
             edit gives the same trial.",
            schema(
                json!({
                    "description": text("What was tried, in one line."),
                    "hypothesis": text("Why it should help."),
                    "family": text("The family of ideas that it belongs to, in a word or two, e.g. loop-fusion."),
                    "expected_gain": percent("The gain that you expect, in percent, positive when better."),
                }),
                &["description"],
            ),
        )
        .with_annotations(again()),
        Tool::new("wait", "Go on waiting for the trial that is under way, and tell its verdict.", none())
            .with_annotations(again()),
        Tool::new(
            "history",
            "The last trials of the run: what was tried, what came of it, and why.",
            schema(json!({ "last": whole("How many, at most 100; 20 where absent.") }), &[]),
        )
        .with_annotations(reads()),
        Tool::new(
            "note",
            "Leave an idea or an observation for later proposals.",
            schema(json!({ "text": text("What to remember.") }), &["text"]),
        )
        .with_annotations(adds()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_says_that_it_destroys_nothing_and_stays_at_home() {
        for tool in tools() {
            let notes = tool.annotations.clone().unwrap();
            assert_eq!(notes.open_world_hint, Some(false), "{}", tool.name);
            assert!(
                notes.read_only_hint == Some(true) || notes.destructive_hint == Some(false),
                "{}",
                tool.name
            );
            assert!(!serde_json::to_string(&tool).unwrap().contains("uint"), "{}", tool.name);
        }
        assert_eq!(tools().len(), 5);
    }

    #[test]
    fn a_description_is_never_taken_for_an_option() {
        let given =
            json!({ "description": "--json -x", "hypothesis": "-h", "family": " ", "expected_gain": -2 });
        let line = ["trial", "--message=--json -x", "--hypothesis=-h", "--expected=-2"];
        assert_eq!(asked(given.as_object().unwrap()).unwrap(), line);
        assert!(asked(&JsonObject::new()).unwrap_err().contains("description"));
    }

    #[test]
    fn a_result_is_short_whatever_the_ledger_holds() {
        let long = "x".repeat(100_000);
        let record = json!({ "trial": 3, "pairs": vec![long.clone(); 9], "outcome": { "error": long, "paths": vec!["p"; 500] } });
        let short = shortened(record);
        assert!(short.to_string().len() < 4000, "{}", short.to_string().len());
        assert_eq!(short["trial"], 3);
        assert_eq!(short["outcome"]["paths"][20], "and 480 more");
    }
}
