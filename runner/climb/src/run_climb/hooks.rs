//! Commands of the user's that are told what a climb comes to. They get JSON on standard input, run outside the walls, as the user's
//! own programs do, and change nothing: one that fails is a warning.

use std::time::Duration;

use serde_json::{Value, json};

use super::Climber;
use piton_core::base::error::Context;
use piton_core::trial::record::Record;
use piton_core::trial::text;
use piton_system::process::{self, End, Job};
use piton_system::terminal::Tone;

/// How long a hook may take.
const PATIENCE: Duration = Duration::from_secs(30);

impl Climber<'_, '_> {
    /// A trial has ended.
    pub(super) fn run_trial_hook(&self, record: &Record) {
        let hooks = &self.ascent.options.hooks;
        let metric = &self.session.book.config.metric;
        let told = |event: &str| {
            json!({
                "event": event,
                "run": record.run,
                "trial": record.trial,
                "status": record.outcome.status().word(),
                "reason": record.outcome.reason(),
                "verdict": text::verdict(record, metric, self.session.book.config.rule.alpha),
                "description": record.claimed.description,
                "gain_pct": record.outcome.estimate().and_then(|estimate| metric.gain_pct(estimate.gain)),
                "gain": record.outcome.estimate().map(|estimate| estimate.gain),
                "change": record.outcome.estimate().map(|estimate| text::gain(estimate.gain, metric)),
                "metric": metric.name,
                "incumbent": self.session.book.incumbent().value(&metric.name),
                "commit": record.commit,
                "agent": record.claimed.agent,
            })
        };
        if record.outcome.kept() {
            self.ring("on_keep", &hooks.on_keep, || told("keep"));
        }
        self.ring("on_trial", &hooks.on_trial, || told("trial"));
    }

    /// The climb has ended.
    pub(super) fn run_stop_hook(&self) {
        let ascent = &self.ascent;
        let spent = &ascent.spent;
        self.ring("on_stop", &ascent.options.hooks.on_stop, || {
            json!({
                "event": "stop",
                "run": ascent.run,
                "stopped": ascent.stopped,
                "why": ascent.stopped.map(|stop| stop.words()),
                "trials": spent.trials,
                "keeps": spent.keeps,
                "seconds": spent.wall.as_secs_f64(),
                "cost": spent.cost,
                "metric": self.session.book.config.metric.name,
                "incumbent": self.session.book.incumbent().value(&self.session.book.config.metric.name),
            })
        });
    }

    fn ring(&self, name: &str, command: &[String], told: impl FnOnce() -> Value) {
        let Some(program) = command.first() else { return };
        let logs = self.session.world.repo.state_dir().join("logs");
        let input = logs.join("hook.in");
        let mut argv = command.to_vec();
        argv[0] = process::absolute(program);
        let done =
            std::fs::write(&input, format!("{}\n", told())).context("nothing was told").and_then(|()| {
                self.session.world.runner.run(&Job {
                    under: &[],
                    argv: &argv,
                    cwd: &self
                        .session
                        .world
                        .repo
                        .directory(&self.session.book.run.site(&self.session.world.repo)),
                    env: process::full_env(),
                    policy: None,
                    stdout: logs.join("hook.out"),
                    stderr: logs.join("hook.log"),
                    timeout: PATIENCE,
                    gently: true,
                    seen: None,
                    stdin: Some(&input),
                    watch: None,
                    // A climb that was stopped tells of it all the same.
                    heedless: true,
                })
            });
        let why = match done.map(|done| done.end) {
            Ok(End::Exited(0)) => return,
            Ok(End::Exited(status)) => format!("exit status {status}"),
            Ok(End::Signalled(signal)) => format!("ended by signal {signal}"),
            Ok(End::TimedOut | End::Interrupted) => format!("it took longer than {} s", PATIENCE.as_secs()),
            Err(error) => error.cause.unwrap_or(error.what),
        };
        let why = text::clean(&why, 300);
        let line = format!("the hook {name} failed: {why}; its output is in .git/piton/logs/hook.log");
        self.session.world.progress.line(Tone::Bad, &line);
    }
}
