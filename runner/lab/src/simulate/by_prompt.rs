//! Bets on prompts instead of pairs, at equal time: each prompt of an interleaved pair has a coin of its own, so each can be bet on.
//!
//! A bet on prompts is a mixture over k, the mean of five martingales, with the scale of a prompt learnt for each family as a run learns tau. It
//! gives up by F with the k that is the rule's .7 of a pair. It is no part of the product: METHODOLOGY.md, section 2, says why.

use std::collections::BTreeMap;

use super::bars::{SESSION, STANDARD, Setup};
use super::cell_runner::{CellRunner, Mean};
use super::hours::Hour;
use super::interleaved::{AGREED, CHOSEN, NEW, OLD};
use super::noise::{Machine, MeasuredPair, NoiseModel};
use super::prompts::{Effect, PROMPTS, PromptPairs};
use super::{Share, SimulationReport, TestRow};
use piton_core::base::rng::Random;
use piton_core::rule::estimator::{Estimator, Part};
use piton_core::rule::keep::{First, History, Question};
use piton_core::rule::settings::Settings;

/// What is bet on.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Stake {
    /// Pairs, by the product's own rule.
    Pairs,
    /// Thirds of a pair, each with a long prompt and six or seven short ones, by the same rule with the k that is as much of a pair.
    Thirds,
    /// Prompts, each in scales of its family.
    Prompts,
    /// Prompts, each by its share of the time.
    PromptsByTime,
    /// Prompts, where the pairs show the gain too.
    PromptsAndPairs,
}

/// A test, and the pairs that it is asked of.
const TESTS: [(&str, Stake, PromptPairs); 9] = [
    ("pairs, one sample after the other, total time: the rule until now", Stake::Pairs, OLD),
    (
        "pairs, interleaved, total time",
        Stake::Pairs,
        PromptPairs { estimator: Some(Estimator::Total), ..NEW },
    ),
    ("pairs, interleaved, trimmed mean", Stake::Pairs, NEW),
    ("pairs, interleaved, what both agree on", Stake::Pairs, AGREED),
    ("pairs, interleaved, what calibration chooses", Stake::Pairs, CHOSEN),
    ("thirds of a pair, trimmed mean", Stake::Thirds, NEW),
    ("prompts, mixture over k", Stake::Prompts, NEW),
    ("prompts by their time, mixture over k", Stake::PromptsByTime, NEW),
    ("prompts, mixture over k, and the pairs agree", Stake::PromptsAndPairs, NEW),
];

/// The effects that a mixture bets on, in scales of a prompt, with equal weights.
const MIXTURE: [f64; 5] = [0.05, 0.1, 0.2, 0.4, 0.8];
/// Pairs that guards and gates want before a keep.
const GATED: u32 = 6;
/// What pairs are scaled by, where they are bet on beside their prompts.
const SUITE: &str = "suite";
/// The pairs agree where the sum of their gains is so many times what it varies by where there is none.
const AGREE: f64 = 2.5;
/// A prompt counts up to so many scales, and up to so many for giving up: as a pair does.
const CLIPS: (f64, f64) = (1.5, 2.5);

/// What a change is called, what it is worth to the suite in percent, and what it does.
type Planted = (&'static str, f64, fn(f64) -> Effect);

/// Changes to everything, to one part of the work, and such as help most prompts and not the suite.
const PLANTED: [Planted; 11] = [
    ("nothing", 0.0, Effect::All),
    ("+1 %", 1.0, Effect::All),
    ("+3 %", 3.0, Effect::All),
    ("+10 %", 10.0, Effect::All),
    ("-1 %", -1.0, Effect::All),
    ("-10 %", -10.0, Effect::All),
    ("+3 %, reading alone", 3.0, Effect::Reading),
    ("+3 %, writing alone", 3.0, Effect::Writing),
    ("+3 %, long prompts alone", 3.0, Effect::Long),
    ("nothing, short prompts +5 %", 0.0, |gain| Effect::Apart(1.05f64.ln(), gain)),
    ("-3 %, short prompts +5 %", -3.0, |gain| Effect::Apart(1.05f64.ln(), gain)),
];

/// The change of this kind that is worth so much to the suite.
fn worth(percent: f64, kind: fn(f64) -> Effect) -> Effect {
    let (wanted, mut low, mut high) = ((percent / 100.0).ln_1p(), -5.0, 5.0);
    if kind(1.0) == Effect::All(1.0) {
        return Effect::All(wanted);
    }
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if kind(middle).total() < wanted { low = middle } else { high = middle }
    }
    kind(low)
}

/// One row for each hour and test.
pub(super) fn rows(cell_runner: &CellRunner, report: &mut SimulationReport) {
    for (hour_name, hour) in [("load 1 to 2", Hour::Quiet), ("load 9", Hour::Crowded)] {
        for (test, stake, pairs) in TESTS {
            let pairs = PromptPairs { hour, ..pairs };
            let shares = PLANTED.map(|(change, percent, kind)| {
                let means = trials(cell_runner, stake, pairs, worth(percent, kind));
                let [kept, pairs, gated] = means.map(|mean| mean.value);
                Share { change: change.to_owned(), kept, pairs, gated }
            });
            report.tests.push(TestRow {
                hour: hour_name.to_owned(),
                test: test.to_owned(),
                shares: shares.to_vec(),
            });
        }
    }
}

/// The share kept, and pairs. A quarter of the trials asked for: there are many cells.
fn trials(cell_runner: &CellRunner, stake: Stake, pairs: PromptPairs, effect: Effect) -> [Mean; 3] {
    let (settings, count) = (Settings::default(), cell_runner.options.trials.div_ceil(4));
    let name = format!("{stake:?} {pairs:?} {effect:?}");
    cell_runner.means(&name, (count, SESSION), |random, trials, tell| {
        let one = |kept: bool, pairs: u32| {
            [
                f64::from(u8::from(kept)),
                f64::from(pairs),
                f64::from(if kept { pairs.max(GATED) } else { pairs }),
            ]
        };
        if stake == Stake::Pairs {
            let mut session =
                Setup { noise: NoiseModel::Prompts(pairs), ..STANDARD }.session(random, &settings);
            for _ in 0..trials {
                let question = Question::better(&settings, session.tau());
                let tried = session.trial(&settings, &question, effect);
                tell(one(tried.kept, tried.pairs));
            }
            return;
        }
        let mut run = BettingRun::begin(stake, pairs, random, &settings);
        for _ in 0..trials {
            let (kept, pairs) = run.trial(&settings, effect);
            tell(one(kept, pairs));
        }
    })
}

/// A run whose trials bet on parts of pairs.
struct BettingRun {
    stake: Stake,
    machine: Machine,
    /// What each family's parts vary by.
    scales: BTreeMap<&'static str, History>,
}

impl BettingRun {
    fn begin(stake: Stake, pairs: PromptPairs, random: Random, settings: &Settings) -> Self {
        let machine = Machine::new(NoiseModel::Prompts(pairs), random);
        let mut run = Self { stake, machine, scales: BTreeMap::new() };
        for _ in 0..settings.calibration_pairs() {
            for (family, gain) in run.gains(0.0.into()) {
                run.scales.entry(family).or_default().null_pairs(&[gain]);
            }
        }
        run
    }

    /// The gains of the challenger that a pair is bet on by, each with what it is scaled by.
    fn gains(&mut self, effect: Effect) -> Vec<(&'static str, f64)> {
        let first = if self.machine.random.word() & 1 == 0 { First::Incumbent } else { First::Challenger };
        let MeasuredPair::Prompts(parts) = self.machine.pair(first, effect, 0.0) else { return vec![] };
        let ratio = |part: &Part| first.sign() * (part.first_s / part.second_s).ln();
        let prompts = std::iter::zip(&PROMPTS, &parts);
        match self.stake {
            Stake::PromptsAndPairs => {
                let pair = first.sign() * self.machine.w(&MeasuredPair::Prompts(parts.clone()));
                let prompts = prompts.map(|(prompt, part)| (prompt.family, ratio(part)));
                prompts.chain([(SUITE, pair)]).collect()
            }
            Stake::Prompts => prompts.map(|(prompt, part)| (prompt.family, ratio(part))).collect(),
            Stake::PromptsByTime => {
                prompts.map(|(prompt, part)| ("all", prompt.share_of_time() * ratio(part))).collect()
            }
            Stake::Thirds => {
                let third = |of: usize| parts.iter().skip(of).step_by(3).cloned().collect::<Vec<_>>();
                let gain = |of: usize| self.machine.w(&MeasuredPair::Prompts(third(of)));
                (0..3).map(|of| ("third", first.sign() * gain(of))).collect()
            }
            Stake::Pairs => vec![("pair", first.sign() * self.machine.w(&MeasuredPair::Prompts(parts)))],
        }
    }

    /// Whether a change is kept, and after how many pairs.
    fn trial(&mut self, settings: &Settings, effect: Effect) -> (bool, u32) {
        let (kappa, beta, n_max) = settings.preset.constants();
        let scales: BTreeMap<_, f64> =
            self.scales.iter().map(|(family, history)| (*family, history.tau())).collect();
        let (mut seen, mut bets) = (BTreeMap::<_, Vec<f64>>::new(), None);
        let (mut futility, mut pairs, mut answer) = (0.0, 0, None);
        let (mut reached, mut suite) = (false, (0.0, 0.0));
        while answer.is_none() && pairs < n_max {
            pairs += 1;
            let gains = self.gains(effect);
            let k = kappa / (gains.iter().filter(|(family, _)| *family != SUITE).count() as f64).sqrt();
            let (ks, logs) = bets.get_or_insert_with(|| match self.stake {
                Stake::Prompts | Stake::PromptsByTime | Stake::PromptsAndPairs => {
                    (MIXTURE.to_vec(), vec![0.0; MIXTURE.len()])
                }
                Stake::Thirds | Stake::Pairs => (vec![k], vec![0.0]),
            });
            for (family, gain) in gains {
                seen.entry(family).or_default().push(gain);
                let z = gain / scales[family];
                let counted = z.clamp(-CLIPS.1, CLIPS.1);
                if family == SUITE {
                    suite = (suite.0 + counted, suite.1 + kappa * (counted - kappa / 2.0));
                    continue;
                }
                for (k, log) in std::iter::zip(ks.iter(), logs.iter_mut()) {
                    *log += (k * z.clamp(-CLIPS.0, CLIPS.0)).tanh().ln_1p();
                }
                futility += k * (counted - k / 2.0);
                let evidence = logs.iter().map(|log: &f64| log.exp()).sum::<f64>() / logs.len() as f64;
                reached |= evidence >= 1.0 / settings.alpha;
                if self.stake != Stake::PromptsAndPairs {
                    let shown = reached.then_some(true);
                    answer = answer.or(shown).or((futility <= beta.ln()).then_some(false));
                }
            }
            if self.stake == Stake::PromptsAndPairs {
                let agree = suite.0 >= AGREE * f64::from(pairs).sqrt();
                let hopeless = suite.1 <= beta.ln() || (!reached && futility <= beta.ln());
                answer = (reached && agree).then_some(true).or(hopeless.then_some(false));
            }
        }
        for (family, gains) in seen {
            self.scales.entry(family).or_default().trial(&gains);
        }
        (answer == Some(true), pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::super::SimulateOptions;
    use super::*;

    fn kept(stake: Stake, percent: f64, kind: fn(f64) -> Effect) -> f64 {
        let options = SimulateOptions { trials: 2000, seed: 1, threads: 2, only: String::new() };
        trials(&CellRunner { options: &options }, stake, NEW, worth(percent, kind))[0].value
    }

    #[test]
    fn bets_on_prompts_keep_what_helps_most_prompts_and_hurts_the_suite_and_pairs_do_not() {
        let (_, percent, kind) = PLANTED[10];
        assert!(kept(Stake::Prompts, percent, kind) > 0.5);
        assert!(kept(Stake::Pairs, percent, kind) < 0.02);
    }

    #[test]
    fn a_planted_change_is_worth_to_the_suite_what_it_says() {
        for (change, percent, kind) in PLANTED {
            let total = worth(percent, kind).total();
            assert!((total - (percent / 100.0).ln_1p()).abs() < 1e-9, "{change}: {total}");
        }
    }
}
