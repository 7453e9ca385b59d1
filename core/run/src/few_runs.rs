//! The rules for metrics that cost more than a quarter of an agent's turn.
//!
//! *Replicates*, where the metric does not drift, such as the loss of a five-minute training run: single runs of the challenger against
//! the mean of the incumbent's. *Provisional* keeps, where it drifts: two pairs that agree keep for now, and a bundle of such
//! keeps is put to the full test; failing, the run goes back to where the last bundle held.

use serde::{Deserialize, Serialize};

use piton_base::metric::{Direction, Metric, Scale, Values};
use piton_base::stats;
use piton_rule::keep::{self, Case, KeepReason, SECOND_ALPHA, Verdict};
use piton_rule::settings::Guard;
use piton_trial::record::Record;

/// Fresh runs of an incumbent that its mean needs.
pub const FRESH_RUNS: u32 = 2;

/// Runs of the baseline that the noise is taken from.
pub const BASELINE_RUNS: u32 = 5;

/// Chance, on each side, of taking a steady metric for one that drifts: that of 2.5 sigma, were sigma known.
const DRIFT: f64 = 0.0062;

/// What is known of the incumbent, in the unit of the metric, higher being better.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KnownIncumbent {
    /// Mean of the incumbent's runs that did not select it.
    pub mean: f64,
    /// How many they are.
    pub runs: u32,
    /// Standard deviation of one run, from the runs of the baseline and of the incumbents since.
    pub sigma: f64,
    /// Degrees of freedom of `sigma`.
    pub freedom: u32,
}

/// A metric of single runs.
#[derive(Debug, Clone, Copy)]
pub struct SingleMetric<'a> {
    /// Its name.
    pub metric: &'a str,
    /// Which way is better.
    pub direction: Direction,
    /// How its values are compared.
    pub scale: Scale,
}

impl SingleMetric<'_> {
    /// The value of a run on the scale of gains, higher being better. `None` where it is missing or no number.
    pub fn of(&self, run: &Values) -> Option<f64> {
        let from = if self.scale == Scale::Ratio { 1.0 } else { 0.0 };
        self.scale.gain(self.direction, from, *run.get(self.metric)?).map(|gain| gain.0)
    }
}

impl<'a> From<&'a Metric> for SingleMetric<'a> {
    fn from(metric: &'a Metric) -> Self {
        Self { metric: metric.judged_by(), direction: metric.judged_direction(), scale: metric.scale() }
    }
}

impl<'a> From<&'a Guard> for SingleMetric<'a> {
    fn from(guard: &'a Guard) -> Self {
        Self { metric: &guard.metric, direction: guard.direction, scale: guard.scale.unwrap_or_default() }
    }
}

/// The runs that the incumbents are known by, in the course of a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Runs {
    /// Those of the baseline, then of each incumbent that was kept: none of them chose it.
    incumbents: Vec<Vec<Values>>,
    /// Seeds of the last incumbent's.
    seeds: Vec<u64>,
}

impl Runs {
    /// Takes in a trial that has ended.
    pub fn take(&mut self, record: &Record) {
        if record.trial == 0 {
            self.incumbents = vec![record.measured.runs.clone()];
            self.seeds = record.measured.run_seeds.clone();
        } else if record.outcome.moves() {
            self.incumbents.push(vec![]);
            self.seeds.clear();
        } else if let Some(last) = self.incumbents.last_mut() {
            last.extend(record.measured.reference.iter().cloned());
            self.seeds.extend(record.measured.run_seeds.iter().take(record.measured.reference.len()));
        }
    }

    /// Seeds of the runs that the incumbent is known by. Runs from before they were recorded have none.
    pub fn seeds(&self) -> &[u64] {
        &self.seeds
    }

    /// The baseline's value of a metric, for shares of it.
    pub fn level(&self, metric: &str) -> f64 {
        let values = self.incumbents.first().into_iter().flatten().filter_map(|run| run.get(metric).copied());
        stats::median(&values.collect::<Vec<_>>()).unwrap_or(0.0).abs()
    }

    /// What they say of the incumbent. The spread is that of all incumbents' runs, each about the mean of its own.
    pub fn known(&self, side: SingleMetric) -> Option<KnownIncumbent> {
        let values =
            |runs: &Vec<Values>| -> Vec<f64> { runs.iter().filter_map(|run| side.of(run)).collect() };
        let all: Vec<Vec<f64>> = self.incumbents.iter().map(values).collect();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let (mut squares, mut freedom) = (0.0, 0);
        for runs in all.iter().filter(|runs| runs.len() >= 2) {
            let middle = mean(runs);
            squares += runs.iter().map(|value| (value - middle).powi(2)).sum::<f64>();
            freedom += runs.len() as u32 - 1;
        }
        let incumbent = all.last()?;
        (all[0].len() >= 2).then(|| KnownIncumbent {
            mean: if incumbent.is_empty() { f64::NAN } else { mean(incumbent) },
            runs: incumbent.len() as u32,
            sigma: (squares / f64::from(freedom)).sqrt(),
            freedom,
        })
    }
}

/// What the runs of a challenger say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// Run it once more.
    Again,
    /// It is better.
    Keep,
    /// It was not shown to be.
    Discard,
}

impl KnownIncumbent {
    /// What the records know of the incumbent. Values are natural logarithms, turned so that higher is better. Of an incumbent that was
    /// kept only runs after its keep count: those before it chose it. `None` where the baseline has too few runs.
    pub fn of(records: &[Record], metric: &Metric) -> Option<Self> {
        let mut runs = Runs::default();
        records.iter().for_each(|record| runs.take(record));
        runs.known(metric.into())
    }

    /// The same with one more run of the incumbent.
    pub fn with(self, run: f64) -> Self {
        let runs = f64::from(self.runs);
        let sum = if self.runs == 0 { run } else { self.mean * runs + run };
        Self { mean: sum / (runs + 1.0), runs: self.runs + 1, ..self }
    }

    /// Z: the challenger's mean over the incumbent's, in standard errors.
    pub fn z(&self, runs: &[f64]) -> f64 {
        let k = runs.len() as f64;
        let mean = runs.iter().sum::<f64>() / k;
        (mean - self.mean) / (self.sigma * (1.0 / k + 1.0 / f64::from(self.runs)).sqrt())
    }

    /// The judgement after one, two or three runs of the challenger, higher being better.
    ///
    /// The first run only opens the door (Z >= 1), so a keep rests on runs that did not select it: the second alone,
    /// then the mean of the second and the third, must beat the incumbent's mean, and Z must reach the quantile of
    /// Student's t at 1 - alpha/1.45, which holds the chance of keeping a change that does nothing at alpha over the looks.
    pub fn judge(&self, runs: &[f64], alpha: f64) -> Judgement {
        let enough = stats::t_quantile(1.0 - alpha / 1.45, f64::from(self.freedom));
        let z = self.z(runs);
        let fresh = &runs[1..];
        let beats = !fresh.is_empty() && fresh.iter().sum::<f64>() / fresh.len() as f64 > self.mean;
        match runs.len() {
            1 if z >= 1.0 => Judgement::Again,
            2 | 3 if z >= enough && beats => Judgement::Keep,
            2 if z >= 1.2 => Judgement::Again,
            _ => Judgement::Discard,
        }
    }

    /// Whether the runs are proven to be worse than the incumbent's by more than `limit`: Student's t at .05, and plainly where the runs do
    /// not vary.
    pub fn worse(&self, runs: &[f64], limit: f64) -> bool {
        let k = runs.len() as f64;
        let over = self.mean - runs.iter().sum::<f64>() / k - limit;
        let error = self.sigma * (1.0 / k + 1.0 / f64::from(self.runs)).sqrt();
        over > 1e-9 * limit.abs()
            && over >= stats::t_quantile(1.0 - SECOND_ALPHA, f64::from(self.freedom)) * error
    }

    /// Whether a fresh run of the incumbent lies so far from its mean that the metric drifts and pairs are wanted: outside Student's
    /// prediction interval for one more run, so that a mean of few runs and a sigma from few are not taken for the truth.
    pub fn drifts(&self, fresh: f64) -> bool {
        let far = stats::t_quantile(1.0 - DRIFT, f64::from(self.freedom));
        (fresh - self.mean).abs() > far * self.sigma * (1.0 + 1.0 / f64::from(self.runs)).sqrt()
    }
}

/// What two pairs say where a pair is too expensive for more: both must be gains, and neither may break a guard. What does not vary is judged in
/// full: two pairs are all that takes.
pub fn provisional(case: &Case) -> Verdict {
    let heard = keep::decide(case).0;
    let least = case.primary.least(&case.settings);
    let gains = &case.primary.d;
    match gains.as_slice() {
        // Kept for now all the same: the test of a bundle shows it once more.
        _ if heard == Verdict::Keep(KeepReason::Better) => Verdict::Keep(KeepReason::Provisional),
        _ if matches!(heard, Verdict::Guarded(_)) || case.primary.exact(&case.settings) => heard,
        _ if gains.iter().any(|gain| *gain <= least) => Verdict::GivenUp,
        [_, _, ..] => {
            keep::plainly_guarded(case).map_or(Verdict::Keep(KeepReason::Provisional), Verdict::Guarded)
        }
        _ => Verdict::Continue,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use piton_rule::keep::Track;
    use piton_rule::settings::{Preset, Settings};

    #[test]
    fn two_gains_keep_for_now_and_one_that_is_none_ends_it() {
        let provisional = |d: &[f64]| provisional(&case(d));
        assert_eq!(provisional(&[0.1]), Verdict::Continue);
        assert_eq!(provisional(&[0.1, 0.02]), Verdict::Keep(KeepReason::Provisional));
        assert_eq!(provisional(&[0.1, -0.02]), Verdict::GivenUp);
        assert_eq!(provisional(&[-0.1]), Verdict::GivenUp);
    }

    fn case(d: &[f64]) -> Case {
        let settings = Settings { preset: Preset::Provisional, ..Settings::default() };
        Case::of(settings, Track::of(0.01, d.to_vec()))
    }

    #[test]
    fn a_guard_that_both_pairs_break_discards_what_would_be_kept_for_now() {
        let mut case = case(&[0.1, 0.1]);
        for (tau, losses, broken) in [
            (0.001, [-3.9, -3.9], true),
            (0.0, [-3.9, -3.9], true),
            (0.001, [-0.05, -0.05], false),
            (0.001, [-3.9, 0.0], false),
        ] {
            let track = Track::of(tau, losses.to_vec());
            case.guards = vec![(Guard::percent("rss", Direction::Lower, 10.0), track)];
            let guarded = provisional(&case) == Verdict::Guarded("rss".to_owned());
            assert_eq!(guarded, broken, "tau {tau}, {losses:?}: {:?}", provisional(&case));
        }
    }

    #[test]
    fn single_runs_are_proven_worse_by_their_spread_and_plainly_where_they_have_none() {
        let memory = KnownIncumbent { mean: 0.0, runs: 5, sigma: 0.001, freedom: 4 };
        assert!(memory.worse(&[-3.9], 0.1) && !memory.worse(&[-0.1], 0.1) && !memory.worse(&[1.0], 0.1));
        assert!(!KnownIncumbent { sigma: 1.0, ..memory }.worse(&[-1.0], 0.1), "within the noise");
        let exact = KnownIncumbent { sigma: 0.0, ..memory };
        assert!(exact.worse(&[-0.11], 0.1) && !exact.worse(&[-0.1], 0.1));
    }

    #[test]
    fn later_incumbents_runs_tell_of_the_spread_too() {
        let run = |value: f64| Values::from([("loss".to_owned(), value)]);
        let side = SingleMetric { metric: "loss", direction: Direction::Lower, scale: Scale::Difference };
        let mut runs = Runs {
            incumbents: vec![[1.0, 2.0, 3.0, 4.0, 5.0].map(run).to_vec(), [7.0, 9.0].map(run).to_vec()],
            seeds: vec![],
        };
        let known = runs.known(side).unwrap();
        assert_eq!((known.mean, known.runs, known.freedom), (-8.0, 2, 5), "turned so that higher is better");
        assert!((known.sigma - (12.0f64 / 5.0).sqrt()).abs() < 1e-12);
        runs.incumbents.push(vec![]);
        assert!(runs.known(side).unwrap().mean.is_nan() && runs.level("loss") == 3.0);
    }

    const KNOWN: KnownIncumbent = KnownIncumbent { mean: 10.0, runs: 5, sigma: 1.0, freedom: 4 };

    #[test]
    fn a_lucky_first_run_opens_the_door_and_keeps_nothing() {
        assert_eq!(KNOWN.judge(&[15.0], 0.05), Judgement::Again);
        assert_eq!(KNOWN.judge(&[10.5], 0.05), Judgement::Discard);
        assert_eq!(
            KNOWN.judge(&[18.0, 9.9], 0.05),
            Judgement::Again,
            "the second alone does not beat the mean"
        );
        assert_eq!(KNOWN.judge(&[18.0, 9.9, 9.9], 0.05), Judgement::Discard);
    }

    #[test]
    fn two_good_runs_keep_and_a_third_settles_doubt() {
        assert_eq!(KNOWN.judge(&[13.0, 13.0], 0.05), Judgement::Keep);
        assert_eq!(KNOWN.judge(&[11.5, 11.0], 0.05), Judgement::Again);
        assert_eq!(KNOWN.judge(&[11.5, 11.0, 13.5], 0.05), Judgement::Keep);
    }

    #[test]
    fn the_threshold_is_the_published_one() {
        assert!((stats::t_quantile(1.0 - 0.05 / 1.45, 4.0) - 2.47).abs() < 0.01);
    }

    #[test]
    fn an_incumbent_that_moved_asks_for_pairs() {
        assert!(KNOWN.drifts(15.0) && !KNOWN.drifts(14.0), "Student's t of 4 degrees is 4.3 at .9938");
    }

    #[test]
    fn one_run_is_no_mean_to_drift_from() {
        let once = KnownIncumbent { runs: 1, ..KNOWN };
        assert!(once.drifts(17.0) && !once.drifts(15.5));
    }
}
