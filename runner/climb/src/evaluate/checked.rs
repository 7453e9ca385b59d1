//! A challenger's checks, before anything of it is measured.

use super::{Evaluator, some};
use crate::build::Built;
use crate::checks::Checked;
use piton_core::base::error::{Error, Result};
use piton_core::trial::record::{Outcome, Record, Stage};
use piton_core::trial::text;
use piton_system::config::CheckCommand;
use piton_system::failpoint;
use piton_system::terminal::Tone;

impl Evaluator<'_> {
    /// Runs the checks over the challenger's build, the one that was fastest at the baseline first. `None` where all hold.
    ///
    /// The first that falls ends the trial. It is run once more then, over the incumbent: where it falls there, too, it is not the edit's
    /// doing, and nothing is said. A challenger has no second try: a check that falls now and then would let everything pass by and by.
    ///
    /// # Errors
    /// When piton itself fails.
    pub(super) fn checked(
        &self,
        incumbent: &Built,
        challenger: &Built,
        record: &mut Record,
    ) -> Result<Option<Outcome>> {
        let (world, config) = (self.world, &self.book.config);
        if config.checks.is_empty() {
            return Ok(None);
        }
        let checker = world.checker(config, self.harness);
        let baseline = self.book.record(0)?.measured.checks;
        // As the baseline has them: it ran each of them twice, and noted them down by their time.
        let place = |check: &CheckCommand| baseline.iter().position(|was| was.name == check.name);
        let mut checks: Vec<(Option<usize>, &CheckCommand)> =
            config.checks.iter().map(|check| (place(check), check)).collect();
        checks.sort_by_key(|(at, _)| at.unwrap_or(usize::MAX));
        for (at, check) in checks {
            let Some(was) = at.map(|at| &baseline[at]) else {
                return Err(Error::new(
                    "the trial was not judged: one of its checks was not run at the baseline",
                )
                .cause(format!(
                    "the baseline's record has no check `{}`, and piton.toml as the run sealed it has one",
                    check.name
                ))
                .note("nothing was measured and nothing was kept")
                .hint("begin a new run: piton baseline --run NAME"));
            };
            match checker.run(check, challenger, Some(was), None)? {
                Checked::Held(result) => {
                    let told = format!("         checked {}", text::check(&result));
                    world.progress.line(Tone::Dim, &told);
                    record.measured.checks.push(result);
                }
                Checked::Interrupted => return Ok(Some(Outcome::Interrupted { stage: Stage::Check })),
                Checked::Changed(what) => {
                    return Ok(Some(Outcome::Void { reason: format!("nothing was checked: {what}") }));
                }
                Checked::Fell(result, fault, tail) => {
                    let seed = result.seed;
                    record.measured.checks.push(result);
                    return Ok(Some(match checker.run(check, incumbent, Some(was), Some(seed))? {
                        Checked::Held(_) => {
                            record.measured.tail = some(tail);
                            Outcome::CheckFailed {
                                check: check.name.clone(),
                                reason: fault.reason,
                                tests: fault.tests,
                            }
                        }
                        Checked::Interrupted => Outcome::Interrupted { stage: Stage::Check },
                        Checked::Changed(what) => {
                            Outcome::Void { reason: format!("nothing was checked: {what}") }
                        }
                        Checked::Fell(_, own, _) => Outcome::Void {
                            reason: format!(
                                "the check {} fails over the incumbent, too: {}",
                                check.name, own.reason
                            ),
                        },
                    }));
                }
            }
        }
        failpoint::point("checked");
        Ok(None)
    }
}
