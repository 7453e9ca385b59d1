//! What a staircase shows: the best so far, and every trial at the level that its pairs gave it.
//!
//! A level is a gain over the baseline: the incumbent's, plus what the pairs of the trial said of it. Values that were measured
//! hours apart hold the machine's moods as well; gains in pairs do not. Their sum is still inflated, since each keep was kept for
//! having come out well: so the verified figure, where there is one, goes with it.

use std::collections::BTreeMap;

use super::{TrialKind, axis};
use piton_base::metric::{Direction, Gain, Metric, Scale};
use piton_run::rechecks::BranchState;
use piton_run::summary::Verification;
use piton_trial::record::Record;
use piton_trial::text::width;
use piton_trial::text::{clean, ends, gain, number, value};

/// Whether levels can be drawn from this value.
pub(crate) fn drawable(scale: Scale, value: f64) -> bool {
    match scale {
        Scale::Ratio => value.is_normal() && value > 0.0,
        Scale::Difference => value.is_finite() && value.abs() < f64::MAX / 1e3,
    }
}

/// A level beyond this, where ratios are compared, is no measurement: what has it is drawn as if it had none.
const FAR: f64 = 300.0;

/// What a staircase shows, and no more: it has as many marks as there are trials, and short labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Staircase {
    /// The run.
    pub run: String,
    /// The metric's name.
    pub metric: String,
    /// Its unit.
    pub unit: String,
    /// Which way is better.
    pub direction: Direction,
    /// How values are compared.
    pub scale: Scale,
    /// The baseline's value; where ratios are compared, one that is above zero.
    pub start: Option<f64>,
    /// Every trial, the baseline first.
    pub marks: Vec<Mark>,
    /// Where the branch stood after each trial at which it moved: number and level.
    pub line: Vec<(u32, f64)>,
    /// The verified gain with both ends, likewise.
    pub verification: Option<(f64, f64, f64)>,
    /// Whose figures they are, where they are not piton's.
    pub claimed: Option<String>,
}

/// One trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Its number.
    pub trial: u32,
    /// What became of it.
    pub kind: TrialKind,
    /// Its gain over the baseline, as a place on the axis; absent where no pair was measured.
    pub level: Option<f64>,
    /// Both ends of its interval, likewise.
    pub ends: Option<(f64, f64)>,
    /// Its gain over the incumbent that it was held against.
    pub gain: Option<Gain>,
    /// What was tried, in a few words.
    pub label: String,
}

impl Staircase {
    /// The staircase of a run.
    pub fn of(run: &str, records: &[Record], metric: &Metric, verification: Option<&Verification>) -> Self {
        let mut levels: BTreeMap<&str, f64> = BTreeMap::new();
        let (mut at, mut heights) = (BranchState::default(), BTreeMap::from([(0, 0.0)]));
        let (mut marks, mut line) = (vec![], vec![(0, 0.0)]);
        for record in records {
            let estimate = record.outcome.estimate();
            let base = record.parent.as_deref().and_then(|id| levels.get(id)).copied().unwrap_or(0.0);
            let far = if metric.scale() == Scale::Ratio { FAR } else { f64::MAX / 1e3 };
            let finite = |x: f64| Some(base + x).filter(|level| level.abs() < far);
            let level = if record.trial == 0 { Some(0.0) } else { estimate.and_then(|e| finite(e.gain.0)) };
            let ends = estimate.and_then(|e| Some((finite(e.low?.0)?, finite(e.high?.0)?)));
            let before = at.incumbent;
            at.take(record);
            if let (true, Some(level)) = (record.outcome.kept(), level) {
                heights.insert(record.trial, level);
                record.commit.as_deref().map(|commit| levels.insert(commit, level));
            }
            if at.incumbent != before {
                line.push((record.trial, heights.get(&at.incumbent).copied().unwrap_or(0.0)));
            }
            marks.push(Mark {
                trial: record.trial,
                kind: TrialKind::of(&record.outcome),
                level,
                ends,
                gain: estimate.map(|e| e.gain),
                label: clean(&record.claimed.description, width::LABEL),
            });
        }
        let start = records.first().and_then(|r| r.value(&metric.name));
        Self {
            run: clean(run, 60),
            metric: clean(&metric.name, 60),
            unit: clean(&metric.unit, 30),
            direction: metric.direction,
            scale: metric.scale(),
            start: start.filter(|value| drawable(metric.scale(), *value)),
            marks,
            line,
            verification: verification
                .map(|verification| (verification.gain.0, verification.low.0, verification.high.0)),
            claimed: None,
        }
        .in_its_unit()
    }

    /// The same with the values in the unit in which the first is a plain number. Levels of ratios do not depend on it.
    pub(crate) fn in_its_unit(mut self) -> Self {
        if let (Scale::Ratio, Some(start)) = (self.scale, self.start) {
            let (by, unit) = value::scaled(start, value::unit(&self.told()));
            if by != 1.0 {
                (self.start, self.unit) = (Some(start * by), unit);
            }
        }
        self
    }

    /// The value of the metric at a level.
    pub fn value(&self, level: f64) -> f64 {
        self.scale.value(self.direction, self.from(), Gain(level))
    }

    /// The value that levels count from.
    fn from(&self) -> f64 {
        self.start.unwrap_or(if self.scale == Scale::Ratio { 1.0 } else { 0.0 })
    }

    /// Where a value stands on the axis: at its logarithm, or at itself where differences are compared.
    pub(super) fn height(&self, value: f64) -> f64 {
        if self.scale == Scale::Ratio { value.ln() } else { value }
    }

    /// Where a level stands on the axis.
    pub(super) fn height_of(&self, level: f64) -> f64 {
        self.height(self.from()) + self.direction.sign() * level
    }

    /// Round values along the axis.
    pub(super) fn values(&self, (low, high): (f64, f64), most: usize) -> Vec<f64> {
        if self.scale == Scale::Ratio { axis::values(low, high, most) } else { axis::ticks(low, high, most) }
    }

    /// The metric, for words.
    fn told(&self) -> Metric {
        Metric {
            unit: self.unit.clone(),
            scale: Some(self.scale),
            ..Metric::of(&self.metric, self.direction)
        }
    }

    /// A level as the change of the value.
    pub(super) fn gain(&self, level: f64) -> String {
        gain(Gain(level), &self.told())
    }

    /// Both ends of an interval of levels, likewise.
    pub(super) fn ends(&self, low: f64, high: f64) -> String {
        let unit = if self.scale == Scale::Ratio { " %" } else { "" };
        format!("{}{unit}", ends(Some(Gain(low)), Some(Gain(high)), &self.told()))
    }

    /// The level where the line ends.
    pub fn end(&self) -> Gain {
        Gain(self.line.last().map_or(0.0, |(_, level)| *level))
    }

    /// The number of the last trial.
    pub(super) fn last(&self) -> u32 {
        self.marks.last().map_or(0, |mark| mark.trial)
    }

    /// The trials that were kept, without the baseline.
    pub(super) fn keeps(&self) -> impl Iterator<Item = &Mark> {
        self.marks.iter().filter(|mark| mark.trial > 0 && mark.kind == TrialKind::Kept)
    }

    /// The picture in words, for those who do not see it.
    pub(super) fn words(&self) -> String {
        let mut text = format!(
            "{} after trial 0 to {}: from {} to {} {}, {} as the trials that kept it measured.",
            self.metric,
            self.last(),
            number(self.value(0.0)),
            number(self.value(self.end().0)),
            self.unit,
            self.gain(self.end().0),
        );
        if let Some((middle, low, high)) = self.verification {
            text.push_str(&format!(" Verified: {} ({}).", self.gain(middle), self.ends(low, high)));
        }
        for kind in TrialKind::ALL {
            let n = self.marks.iter().filter(|m| m.trial > 0 && m.kind == kind).count();
            if n > 0 {
                text.push_str(&format!(" {n} {}.", kind.word()));
            }
        }
        text
    }

    /// The levels that the axis runs over, as logarithms of values: from the lower value to the higher.
    pub(super) fn range(&self) -> (f64, f64) {
        let line = self.line.iter().map(|(_, level)| *level);
        let verification = self.verification.into_iter().flat_map(|(gain, low, high)| [gain, low, high]);
        let kept = self.keeps().filter_map(|mark| mark.level);
        let (low, high) = line
            .chain(verification)
            .chain(kept)
            .fold((0.0f64, 0.0f64), |(low, high), level| (low.min(level), high.max(level)));
        // Beyond half of what was climbed a mark is drawn at the edge: one bad trial must not flatten the stairs.
        // Of levels in a unit of their own nobody knows beforehand what is little.
        let little = match self.scale {
            Scale::Ratio => 0.02,
            Scale::Difference => self.from().abs().max(f64::MIN_POSITIVE) * 0.02,
        };
        let near = ((high - low) * 0.5).max(little);
        let all = self.marks.iter().flat_map(|mark| {
            mark.level.into_iter().chain(mark.ends.into_iter().flat_map(|(low, high)| [low, high]))
        });
        let inside = all.filter(|level| (low - near..=high + near).contains(level));
        let (low, high) = inside.fold((low, high), |(a, b), level| (a.min(level), b.max(level)));
        let room = ((high - low) * 0.1).max(little / 4.0);
        let (low, high) = (low - room, high + room);
        let at = self.height(self.from());
        let (low, high) = match self.direction {
            Direction::Higher => (at + low, at + high),
            Direction::Lower => (at - high, at - low),
        };
        // Around zero, where nothing has happened yet, there is no scale at all.
        if high > low { (low, high) } else { (low - 1.0, high + 1.0) }
    }
}
