//! What a worker can do wrong has a name, an exit status, and never a number.

mod support;

use serde_json::Value;
use std::path::Path;
use support::Fixture;

/// Runs a behaviour of the test worker, and checks what every failure has in common.
fn fails(behaviour: &str, more: &[&str]) -> Value {
    let fixture = Fixture::usual();
    let (status, object) = fixture.sample(&fixture.worker(behaviour), more);
    assert_eq!(status, 1, "{behaviour}: {object}");
    assert_eq!(object["metrics"], Value::Null, "{behaviour}: a failure holds a number");
    assert!(object["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{object}");
    object
}

fn outcome(behaviour: &str) -> String {
    fails(behaviour, &[])["outcome"].as_str().unwrap().to_owned()
}

#[test]
fn a_worker_that_fails_or_ends_at_its_start_has_crashed() {
    let object = fails("fails-at-start", &[]);
    assert_eq!(object["outcome"], "crashed");
    assert_eq!(object["detail"]["status"], "exit status 7");
    assert_eq!(object["detail"]["stderr"], "no such thing");
    assert_eq!(outcome("ends-at-start"), "crashed");
}

#[test]
fn a_panic_in_an_answer_is_a_crash_with_its_last_words_stripped_of_escapes() {
    let object = fails("panics", &[]);
    assert_eq!(object["outcome"], "crashed");
    assert_eq!(object["detail"]["task"], "copy");
    assert_eq!(object["detail"]["prompt"], 1);
    let words = object["detail"]["stderr"].as_str().unwrap();
    assert!(words.contains("a red panic") && !words.contains('\u{1b}'), "{words}");
}

#[test]
fn a_worker_that_hangs_is_ended_wherever_it_hangs() {
    for behaviour in ["never-ready", "hangs", "stays"] {
        assert_eq!(fails(behaviour, &["--worker-timeout-s", "1"])["outcome"], "hung", "{behaviour}");
    }
}

#[test]
fn a_flood_on_standard_error_is_no_sign_of_life_and_does_not_block_the_harness() {
    let object = fails("floods-errors", &["--worker-timeout-s", "1"]);
    assert_eq!(object["outcome"], "hung");
    assert!(object["detail"]["stderr"].as_str().unwrap().len() <= 4096);
}

#[test]
fn what_is_no_frame_is_garbage() {
    for behaviour in ["prints-at-start", "prints", "garbage"] {
        assert_eq!(outcome(behaviour), "garbage", "{behaviour}");
    }
    let object = fails("prints", &[]);
    assert!(object["reason"].as_str().unwrap().contains("tokens_per_second"), "{object}");
}

#[test]
fn a_frame_that_answers_another_question_is_garbage() {
    for behaviour in ["wrong-nonce", "repeats-a-number", "outside-the-vocabulary"] {
        assert_eq!(outcome(behaviour), "garbage", "{behaviour}");
    }
}

#[test]
fn an_answer_before_the_question_is_too_early() {
    assert_eq!(outcome("answers-at-once"), "too_early");
    assert_eq!(outcome("answers-unasked"), "too_early");
}

#[test]
fn fewer_tokens_than_asked_is_ended_early() {
    let object = fails("ends-early", &[]);
    assert_eq!(object["outcome"], "ended_early", "an end-of-text where the reference would go on: {object}");
    assert!(object["reason"].as_str().unwrap().contains("regret"));
    assert_eq!(outcome("stops-short"), "ended_early");
    assert_eq!(outcome("closes-its-output"), "ended_early");
}

#[test]
fn anything_after_the_last_token_is_a_violation_and_a_flood_ends_at_its_first_frame() {
    for behaviour in ["one-too-many", "half-a-frame-too-many", "floods"] {
        let outcome = outcome(behaviour);
        // What is not read together with the last token is seen before the next request.
        assert!(["too_many", "too_early", "garbage"].contains(&outcome.as_str()), "{behaviour}: {outcome}");
    }
}

#[test]
fn what_a_worker_may_read_is_in_memory_after_a_sample_whatever_was_pushed_out_before() {
    use rustix::fs::{Advice, fadvise};
    use rustix::io::{ReadWriteFlags, preadv2};
    let fixture = Fixture::usual();
    let worker = fixture.worker("holds-all");
    // Nobody reads it but who reads in.
    let path = fixture.path().join("unused");
    std::fs::write(&path, vec![7; 1 << 20]).unwrap();
    let file = std::fs::File::open(&path).unwrap();
    file.sync_all().unwrap();
    fadvise(&file, 0, None, Advice::DontNeed).unwrap();
    let kept = |at: u64| {
        let mut bytes = [0; 16];
        let mut parts = [std::io::IoSliceMut::new(&mut bytes)];
        preadv2(&file, &mut parts, at, ReadWriteFlags::NOWAIT).is_ok()
    };
    if kept(0) {
        println!("skipped: this file system keeps its files in memory");
        return;
    }
    assert_eq!(fixture.sample(&worker, &[]).0, 0);
    assert!(kept(0) && kept((1 << 20) - 16));
}

#[test]
fn a_worker_that_works_where_no_clock_runs_has_no_figure() {
    for (behaviour, when) in [
        ("works-while-it-loads", "while it loaded"),
        ("works-at-its-end", "after the last"),
        ("works-after-it-closed-its-output", "after the last"),
    ] {
        let object = fails(behaviour, &[]);
        assert_eq!(object["outcome"], "unclocked", "{behaviour}: {object}");
        assert!(object["reason"].as_str().unwrap().contains(when), "{behaviour}: {object}");
    }
}

#[test]
fn what_a_worker_does_between_two_prompts_is_clocked_with_the_next_or_counted_beside() {
    let fixture = Fixture::usual();
    let (_, object) = fixture.sample(&fixture.worker("works-between"), &[]);
    let prompts = 3.0;
    let seconds = if object["outcome"] == "measured" {
        let timing = &object["timing"];
        timing["last_token_s"].as_f64().unwrap() + timing["idle_cpu_s"].as_f64().unwrap()
    } else {
        // All of it fell between: a harness that was kept waiting for a core.
        assert_eq!(object["outcome"], "unclocked", "{object}");
        return;
    };
    // The last of it ends after the last prompt, and so is counted beside.
    assert!(seconds > 0.1 * prompts - 0.01, "{object}");
}

#[test]
fn a_worker_that_takes_memory_without_end_is_ended_by_its_limit() {
    let object = fails("hoards", &["--worker-memory-mb", "256"]);
    assert_eq!(object["outcome"], "out_of_memory", "{object}");
}

#[test]
fn a_worker_that_would_start_a_process_open_a_socket_or_signal_is_killed_at_the_attempt() {
    for behaviour in ["leaves-a-child", "opens-a-socket", "signals"] {
        let object = fails(behaviour, &[]);
        assert_eq!(object["outcome"], "crashed", "{behaviour}: {object}");
        let status = object["detail"]["status"].as_str().unwrap();
        assert!(status.contains("SIGSYS"), "{behaviour}: {status}");
    }
}

#[test]
fn a_worker_reads_nothing_but_the_model_and_writes_nothing_at_all() {
    assert_eq!(fails("looks-around", &[])["detail"]["stderr"], "nothing was open");
}

#[test]
fn a_worker_does_not_outlive_a_harness_that_was_killed() {
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let fixture = Fixture::usual();
    let alive = fixture.path().join("alive");
    mknodat(CWD, &alive, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let worker = fixture.worker("shows-that-it-lives");
    let mut harness = fixture.command(&worker).stdout(std::process::Stdio::null()).spawn().unwrap();
    // Opens once the worker has opened the other end, and is in error once nobody reads there.
    let end = std::fs::OpenOptions::new().write(true).open(&alive).unwrap();
    harness.kill().unwrap();
    let mut polled = [PollFd::new(&end, PollFlags::empty())];
    let limit = rustix::event::Timespec { tv_sec: 60, tv_nsec: 0 };
    assert_eq!(poll(&mut polled, Some(&limit)).unwrap(), 1, "the worker lives");
    assert!(polled[0].revents().contains(PollFlags::ERR));
    harness.wait().unwrap();
}

#[test]
fn a_failure_after_the_last_answer_counts_too() {
    assert_eq!(fails("fails-at-the-end", &[])["detail"]["status"], "exit status 9");
}

#[test]
fn what_is_no_worker_is_not_found_and_blames_the_set_up() {
    let fixture = Fixture::usual();
    let no_program = fixture.path().join("no-program");
    std::fs::write(&no_program, "just text").unwrap();
    for path in [Path::new("/no/such/worker"), fixture.path(), &no_program] {
        let (status, object) = fixture.sample(path, &[]);
        assert_eq!((status, object["outcome"].as_str()), (2, Some("not_found")), "{}", path.display());
    }
}

#[test]
fn a_file_that_may_be_executed_and_cannot_is_not_found_either() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::usual();
    let path = fixture.path().join("broken-program");
    // The second would be given to a shell by exec; the third names an interpreter that is not there.
    for text in ["", "echo 1", "#!/no/such/interpreter\n"] {
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let (status, object) = fixture.sample(&path, &[]);
        assert_eq!((status, object["outcome"].as_str()), (2, Some("not_found")), "{text}: {object}");
    }
}
