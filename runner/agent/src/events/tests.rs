use super::super::faults::asks_user;
use super::*;

const NOW: u64 = 1_800_000_000;

fn output(kind: &str, lines: &[&str]) -> CallOutput {
    closed(kind, lines, "", Some(0))
}

fn closed(kind: &str, lines: &[&str], errors: &str, exited: Option<i32>) -> CallOutput {
    let mut listener = Listener::new(&AgentKind::known(kind).unwrap(), NOW);
    lines.iter().for_each(|line| listener.line(line));
    listener.close(errors, exited)
}

fn limited(output: &CallOutput) -> Option<u64> {
    match &output.last {
        Some(AgentEnd::Limited { until, .. }) => *until,
        other => panic!("{other:?}"),
    }
}

const CLAUDE_INIT: &str = r#"{"type":"system","subtype":"init","cwd":"/w","session_id":"s-1","tools":["Bash"],"model":"claude-opus-4-6","permissionMode":"acceptEdits","apiKeySource":"none","claude_code_version":"2.1.329"}"#;

#[test]
fn claude_tells_money_tokens_turns_and_what_it_was_refused_in_its_last_event() {
    let result = r#"{"type":"result","subtype":"success","is_error":false,"num_turns":4,"result":"Unrolled the loop.","session_id":"s-1","total_cost_usd":0.1234,"usage":{"input_tokens":30,"cache_creation_input_tokens":2000,"cache_read_input_tokens":10000,"output_tokens":450},"permission_denials":[{"tool_name":"WebFetch","tool_use_id":"t","tool_input":{}}]}"#;
    let output = output("claude", &[CLAUDE_INIT, result]);
    assert_eq!((output.model.as_deref(), output.usd), (Some("claude-opus-4-6"), Some(0.1234)));
    assert_eq!((output.tokens_in, output.tokens_out, output.turns), (Some(12_030), Some(450), Some(4)));
    assert_eq!(output.denied.iter().next().unwrap(), "WebFetch");
    assert_eq!((output.last, output.said.as_str()), (Some(AgentEnd::Done), "Unrolled the loop."));
}

#[test]
fn claude_calls_an_error_of_the_api_a_success_and_is_not_believed() {
    let error = |text: &str| {
        format!(
            r#"{{"type":"result","subtype":"success","is_error":true,"num_turns":1,"result":"{text}","total_cost_usd":0,"usage":{{}}}}"#
        )
    };
    let last = |text: &str| output("claude", &[CLAUDE_INIT, &error(text)]).last.unwrap();
    assert!(matches!(
        last("API Error: 401 authentication_error: invalid x-api-key"),
        AgentEnd::Unauthorised(_)
    ));
    assert!(matches!(last("Invalid API key · Please run /login"), AgentEnd::Unauthorised(_)));
    assert!(matches!(last("API Error: 529 overloaded_error"), AgentEnd::Failed(_)));
    assert!(matches!(last("API Error: 429 rate_limit_error"), AgentEnd::Limited { until: None, .. }));
    let old = output("claude", &[&error("Claude AI usage limit reached|1800003600")]);
    assert_eq!(limited(&old), Some(NOW + 3600));
}

#[test]
fn a_limit_of_claudes_ends_when_its_event_says_also_where_that_stands_in_the_middle_of_another() {
    let event = r#"{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1800007200,"rateLimitType":"five_hour","isUsingOverage":false}}"#;
    let split = format!(r#"{{"type":"assistant","message":{{"content":[{{"type":"text","text":"half{event}"#);
    let result = r#"{"type":"result","subtype":"success","is_error":true,"result":"You've hit your limit · resets 2pm (Asia/Shanghai)","total_cost_usd":0.01,"usage":{}}"#;
    for line in [event, &split] {
        assert_eq!(limited(&output("claude", &[CLAUDE_INIT, line, result])), Some(NOW + 7200));
    }
    let allowed = event.replace("rejected", "allowed_warning");
    let done = result.replace("true", "false");
    assert_eq!(
        output("claude", &[CLAUDE_INIT, &allowed, &done]).last,
        Some(AgentEnd::Done),
        "a warning is no limit"
    );
}

#[test]
fn claude_that_is_cut_short_has_cost_what_its_messages_told() {
    let message = |id: &str| {
        format!(
            r#"{{"type":"assistant","message":{{"id":"{id}","content":[{{"type":"text","text":"x"}}],"usage":{{"input_tokens":100,"output_tokens":7}}}}}}"#
        )
    };
    let output = closed("claude", &[CLAUDE_INIT, &message("a"), &message("a"), &message("b")], "", None);
    assert_eq!((output.tokens_in, output.tokens_out, output.usd), (Some(200), Some(14), None));
    assert_eq!(output.last, Some(AgentEnd::Failed("no last event, it was ended".to_owned())));
}

#[test]
fn claude_that_used_up_its_turns_or_its_money_says_so() {
    for subtype in ["error_max_turns", "error_max_budget_usd"] {
        let line = format!(
            r#"{{"type":"result","subtype":"{subtype}","is_error":true,"num_turns":9,"total_cost_usd":1.5,"usage":{{}}}}"#
        );
        assert_eq!(output("claude", &[&line]).last, Some(AgentEnd::Spent));
    }
}

#[test]
fn codex_tells_tokens_turn_by_turn_and_why_a_turn_failed() {
    let done = output(
        "codex",
        &[
            r#"{"type":"thread.started","thread_id":"0199"}"#,
            r#"{"type":"turn.started"}"#,
            r#"{"type":"error","message":"Reconnecting... 1/5"}"#,
            r#"{"type":"item.completed","item":{"id":"item_1","type":"agent_message","text":"Done: wider tiles."}}"#,
            r#"{"type":"turn.completed","usage":{"input_tokens":24763,"cached_input_tokens":24448,"output_tokens":122}}"#,
        ],
    );
    assert_eq!((done.tokens_in, done.tokens_out, done.usd), (Some(24_763), Some(122), None));
    assert_eq!((done.last, done.session.as_deref()), (Some(AgentEnd::Done), Some("0199")));
    let failed =
        |why: &str| output("codex", &[&format!(r#"{{"type":"turn.failed","error":{{"message":"{why}"}}}}"#)]);
    let limit = failed("exceeded retry limit, last status: 429 Too Many Requests");
    assert_eq!(limited(&limit), None);
    assert_eq!(
        limited(&failed("You've hit your usage limit. Try again in 2 hours 5 minutes.")),
        Some(NOW + 7500)
    );
    assert_eq!(limited(&failed("You've hit your usage limit. Try again at 3:10 AM.")), None);
    let refused = failed("unexpected status 401 Unauthorized: Missing bearer").last;
    assert!(matches!(refused, Some(AgentEnd::Unauthorised(_))), "{refused:?}");
}

#[test]
fn codex_whose_server_died_ends_without_a_last_event() {
    let output = closed(
        "codex",
        &[r#"{"type":"error","message":"stream disconnected before completion"}"#],
        "",
        Some(1),
    );
    assert_eq!(output.last, Some(AgentEnd::Failed("stream disconnected before completion".to_owned())));
}

#[test]
fn goose_ends_in_order_whatever_went_wrong_and_its_last_message_tells() {
    let message = |text: &str| {
        format!(
            r#"{{"type":"message","message":{{"id":"m","role":"assistant","created":1,"content":[{{"type":"text","text":"{text}"}}]}}}}"#
        )
    };
    let complete = r#"{"type":"complete","total_tokens":321}"#;
    let done = output("goose", &[&message("I have "), &message("finished."), complete]);
    assert_eq!(
        (done.said.as_str(), done.tokens_in, done.last),
        ("I have finished.", Some(321), Some(AgentEnd::Done))
    );
    // Its own words bear no id, and come behind what the model was saying.
    let own = |text: &str| message(text).replace("\"id\":\"m\"", "\"id\":null");
    let after = |text: &str| output("goose", &[&message("I tr"), &own(text), complete]);
    let shut = after("Ran into this error: Authentication error: Status: 401 Unauthorized");
    assert!(matches!(shut.last, Some(AgentEnd::Unauthorised(_))), "{shut:?}");
    let limit = "Ran into this error: Rate limit exceeded: Rate limit reached. Please try again in 30s..\\n\\nPlease retry.";
    assert_eq!(limited(&after(limit)), Some(NOW + 30));
    let full = after("Ran into this error trying to compact: Failed to compact: context limit exceeded.");
    assert!(matches!(full.last, Some(AgentEnd::Failed(_))), "{full:?}");
    let told = output("goose", &[&message("Ran into this error: 401, and mended it."), complete]);
    assert_eq!(told.last, Some(AgentEnd::Done), "the model may write what it likes");
    let lost = output("goose", &[r#"{"type":"error","error":"Server error: connection closed"}"#, complete]);
    assert_eq!(lost.last, Some(AgentEnd::Failed("Server error: connection closed".to_owned())));
}

#[test]
fn opencode_adds_up_its_steps_and_ends_with_the_one_that_stops() {
    let step = |reason: &str| {
        format!(
            r#"{{"type":"step_finish","sessionID":"ses_1","part":{{"type":"step-finish","reason":"{reason}","cost":0.01,"tokens":{{"input":100,"output":10,"reasoning":5,"cache":{{"read":50,"write":0}}}}}}}}"#
        )
    };
    let mut listener = Listener::new(&AgentKind::known("opencode").unwrap(), NOW);
    listener.line(&step("tool-calls"));
    assert!(!listener.has_ended());
    listener.line(&step("stop"));
    assert!(listener.has_ended(), "it may never exit");
    let output = listener.close("", None);
    assert_eq!((output.tokens_in, output.tokens_out, output.usd), (Some(300), Some(30), Some(0.02)));
    let error = r#"{"type":"error","sessionID":"ses_1","error":{"name":"APIError","data":{"message":"Too Many Requests","statusCode":429,"isRetryable":true,"responseHeaders":{"retry-after":"90"}}}}"#;
    assert_eq!(limited(&self::output("opencode", &[error])), Some(NOW + 90));
}

#[test]
fn gemini_puts_its_pieces_together_and_ends_with_a_result() {
    let piece =
        |text: &str| format!(r#"{{"type":"message","role":"assistant","content":"{text}","delta":true}}"#);
    let result = r#"{"type":"result","status":"success","stats":{"total_tokens":60,"input_tokens":50,"output_tokens":10}}"#;
    let done = output(
        "gemini",
        &[
            r#"{"type":"init","session_id":"x","model":"gemini-3-pro"}"#,
            &piece("Shall I "),
            &piece("go on?"),
            result,
        ],
    );
    assert_eq!(
        (done.tokens_in, done.tokens_out, done.model.as_deref()),
        (Some(50), Some(10), Some("gemini-3-pro"))
    );
    assert!(asks_user(&done.said));
    let quota = r#"{"type":"result","status":"error","error":{"type":"Error","message":"You exceeded your current quota. Please retry in 37.5s."}}"#;
    assert_eq!(limited(&output("gemini", &[quota])), Some(NOW + 38));
    let shut = closed(
        "gemini",
        &[],
        "Please set an Auth method or set the GEMINI_API_KEY environment variable",
        Some(41),
    );
    assert!(matches!(shut.last, Some(AgentEnd::Unauthorised(_))), "{shut:?}");
}

#[test]
fn aider_is_read_by_its_patterns_alone() {
    let done = output(
        "aider",
        &[
            "Applied edit to src/a.rs",
            "Tokens: 2.1k sent, 120 received. Cost: $0.0012 message, $0.0012 session.",
            "Tokens: 1,000 sent, 1k received. Cost: $0.0100 message, $0.0112 session.",
        ],
    );
    assert_eq!((done.tokens_in, done.tokens_out), (Some(3100), Some(1120)));
    assert!((done.usd.unwrap() - 0.0112).abs() < 1e-9 && done.last == Some(AgentEnd::Done));
    let shut = output(
        "aider",
        &["litellm.AuthenticationError: AuthenticationError: OpenAIException - Incorrect API key"],
    );
    assert!(matches!(shut.last, Some(AgentEnd::Unauthorised(_))), "{shut:?}");
    assert!(matches!(closed("aider", &["x"], "", Some(2)).last, Some(AgentEnd::Failed(_))));
}

proptest::proptest! {
    #[test]
    fn no_line_of_any_kind_is_too_much_for_any_listener(lines in proptest::collection::vec(".{0,200}", 0..8), kind in 0usize..6) {
        let kind = AgentKind::known(super::super::kind::KNOWN[kind].0).unwrap();
        let mut listener = Listener::new(&kind, NOW);
        lines.iter().for_each(|line| {
            listener.line(line);
            listener.line(&format!("{{\"type\":{line:?}}}"));
        });
        let output = listener.close(&lines.concat(), None);
        proptest::prop_assert!(output.last.is_some() && output.said.chars().count() <= SAID);
    }
}
