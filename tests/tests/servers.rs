//! The real servers, with models that piton wrote: what they answer is what the harness's reference answers.

use std::path::Path;

use harness::counts::Quality;
use harness::model::{Checkpoint, Reference};
use harness::prompts::{self, Source, Task};
use harness::score::score;
use piton_tests::servers::{self, SHIPPED, TestServer};
use serde_json::json;
use tempfile::TempDir;

fn reference() -> Reference {
    Reference::load(&Checkpoint::open(Path::new(SHIPPED)).unwrap()).unwrap()
}

/// Prompts of the suite that a climb measures, one of each task.
fn tasks(reference: &Reference, seed: u64) -> Vec<Task> {
    let tokenizer = prompts::tokenizer(Path::new(SHIPPED), reference.config()).unwrap();
    let drawn = Source::open("climb").unwrap().draw(seed, 1);
    prompts::tokenise(drawn, &tokenizer, reference.config()).unwrap()
}

/// Asks a server all of it, and scores the answers as the harness scores a candidate's.
fn quality(server: &TestServer, reference: &Reference, tasks: &[Task]) -> Quality {
    let mut sum = Quality::default();
    for task in tasks {
        let tokens = server.post("/tokenize", &json!({"content": task.prompt.text, "add_special": true}));
        assert_eq!(tokens["tokens"], json!(task.tokens), "{}", task.prompt.text);
        let asked = json!({"prompt": task.prompt.text, "n_predict": task.max_new, "temperature": 0, "cache_prompt": false,
            "return_tokens": true});
        let answer = server.post("/completion", &asked);
        let mut tokens: Vec<u32> = serde_json::from_value(answer["tokens"].clone()).unwrap();
        // The token that ends a text is no part of what a server sends.
        if answer["stop_type"] == "eos" && tokens.last() != reference.config().end.first() {
            tokens.extend(&reference.config().end[..1]);
        }
        sum.pool(&score(reference, &task.tokens, &tokens, task.max_new).unwrap().counts());
    }
    sum
}

#[test]
fn a_server_of_the_shipped_model_answers_as_the_reference_does() {
    let Some(program) = servers::llama() else { return };
    let (dir, reference) = (TempDir::new().unwrap(), reference());
    let tasks = tasks(&reference, 7);
    for (format, agreement, regret) in [
        ("f32", 1.0, 1e-4),
        ("bf16", 1.0, 1e-3),
        ("f16", 1.0, 1e-3),
        ("q8_0", 0.99, 0.005),
        ("q4_0", 0.9, 0.1),
    ] {
        let model = servers::shipped(dir.path(), format);
        let server = TestServer::start(&program, &model, &["-c", "512", "-np", "1", "-t", "1"]).unwrap();
        let quality = quality(&server, &reference, &tasks);
        assert!(quality.positions > 200, "{quality:?}");
        let said = format!("{format}: agreement {}, regret {:.2e}", quality.agreement(), quality.regret());
        eprintln!("{said}, {} positions", quality.positions);
        assert!(quality.agreement() >= agreement && quality.regret() <= regret, "{said}");
        assert!(server.stop());
    }
}

#[test]
fn a_model_of_random_weights_answers_with_text_in_every_token() {
    let Some(program) = servers::llama() else { return };
    let dir = TempDir::new().unwrap();
    let model = servers::of_size(dir.path(), 12, "q8_0");
    let server = TestServer::start(&program, &model, &["-c", "1024", "-np", "1", "-t", "1"]).unwrap();
    let asked = json!({"prompt": "a b c d", "n_predict": 24, "temperature": 0, "ignore_eos": true});
    let answer = server.post("/completion", &asked);
    assert_eq!(answer["tokens_predicted"], 24);
    let text = answer["content"].as_str().unwrap();
    assert!(text.len() >= 24 && text.is_ascii(), "{text:?}");
}

#[test]
fn a_flag_that_a_server_does_not_know_ends_it_before_it_loads() {
    for program in [servers::llama(), servers::vulkan()].into_iter().flatten() {
        let (status, log) =
            TestServer::start(&program, Path::new("/nowhere"), &["--draft-max", "8"]).unwrap_err();
        assert_eq!(status, 1, "{log}");
        assert!(log.contains("--draft-max"), "{log}");
    }
}

#[test]
fn a_server_whose_port_is_taken_ends_by_itself_and_the_other_answers_on() {
    let Some(program) = servers::llama() else { return };
    let dir = TempDir::new().unwrap();
    let model = servers::shipped(dir.path(), "f32");
    let first = TestServer::start(&program, &model, &["-c", "64", "-np", "1", "-t", "1"]).unwrap();
    let port = first.port().to_string();
    for second in [Some(program), servers::vulkan()].into_iter().flatten() {
        let (status, log) = TestServer::start(&second, &model, &["--port", &port]).unwrap_err();
        assert_eq!(status, 1, "{log}");
    }
    assert_eq!(first.post("/completion", &json!({"prompt": "a", "n_predict": 1}))["tokens_predicted"], 1);
}

#[test]
fn a_server_ends_by_sigterm_idle_as_well_as_at_work() {
    let Some(program) = servers::llama() else { return };
    let dir = TempDir::new().unwrap();
    let model = servers::of_size(dir.path(), 12, "q8_0");
    for at_work in [false, true, false, true, false] {
        let server = TestServer::start(&program, &model, &["-c", "2048", "-np", "1", "-t", "1"]).unwrap();
        if at_work {
            let prompt = "1 2 3 4 5 ".repeat(150);
            server.post_and_leave(
                "/completion",
                &json!({"prompt": prompt, "n_predict": 400, "ignore_eos": true}),
            );
        }
        assert!(server.stop(), "at work: {at_work}");
    }
}

#[test]
fn a_server_whose_model_is_missing_ends_by_itself() {
    let Some(program) = servers::llama() else { return };
    let (status, log) = TestServer::start(&program, Path::new("/nowhere/model.gguf"), &[]).unwrap_err();
    assert!(status == 1 && log.contains("/nowhere/model.gguf"), "{status}: {log}");
}

#[test]
fn the_prebuilt_server_runs_what_is_not_in_blocks_and_the_rest_where_its_processor_is_there() {
    let Some(program) = servers::vulkan() else { return };
    let dir = TempDir::new().unwrap();
    let more = ["-c", "512", "-np", "1", "-t", "1"];
    let server = TestServer::start(&program, &servers::shipped(dir.path(), "f32"), &more).unwrap();
    let reference = reference();
    let quality = quality(&server, &reference, &tasks(&reference, 8)[..4]);
    assert_eq!(quality.agreement(), 1.0);
    let blocks = TestServer::start(&program, &servers::shipped(dir.path(), "q8_0"), &more);
    let died = blocks.err().map(|(status, _)| status);
    // 4 is SIGILL.
    assert!(matches!(died, None | Some(-4)), "{died:?}");
}
