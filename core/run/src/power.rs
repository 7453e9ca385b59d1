//! What the settings of a rule mean on a machine: how often a change of a given size is kept, and how many pairs it takes.

use serde::Serialize;

use piton_base::metric::{Gain, Metric, Scale};
use piton_base::rng::Random;
use piton_rule::keep::orders::whoever_ran_before;
use piton_rule::keep::{First, Ordered, Question, TestResult};
use piton_rule::settings::{Preset, Settings};
use piton_trial::text::{gain, noun, number, size};

/// Trials that each figure is counted over: a share of one half is then known to 1 point.
const TRIALS: u32 = 2000;

/// By how much a spoiled pair is off, in scales.
const SPOILED: f64 = 10.0;

/// What becomes of a change of this size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Forecast {
    /// Its true gain.
    pub effect: Gain,
    /// Share of trials in which it is kept.
    pub kept: f64,
    /// Mean number of pairs.
    pub pairs: f64,
}

/// The forecast for changes that do nothing, win or lose 1, 2 and 3 scales' worth, and for the smallest gain that is kept four times
/// out of five. The noise of a pair is normal with standard deviation tau, and one pair in ten is spoiled by something
/// large on either side, as happens on shared machines.
pub fn forecast(settings: &Settings, scale: Scale, tau: Gain) -> Vec<Forecast> {
    let tau = tau.0;
    let question = Question::better_on(settings, scale, tau);
    let mut effects = vec![-3.0 * tau, -tau, 0.0, 0.5 * tau, tau, 2.0 * tau, 3.0 * tau];
    effects.push(resolved(&question, settings.both_orders).0);
    effects.sort_by(f64::total_cmp);
    effects.iter().map(|effect| of(&question, settings.both_orders, *effect)).collect()
}

/// Why the rule does not ask whether a change is as good, in a run that has spent `spent` of what such keeps may cost. `None` where it
/// asks, and where nobody wants it to.
pub fn unasked(settings: &Settings, metric: &Metric, tau: Gain, spent: Gain) -> Option<String> {
    let (tau, spent) = (tau.0, spent.0);
    let scale = metric.scale();
    if !settings.as_good || tau <= 0.0 || Question::as_good_on(settings, scale, tau, spent).is_some() {
        return None;
    }
    let (margin, all) =
        (Question::margin_on(settings, scale, tau), Question::budget_on(settings, scale, tau));
    let left = (all - spent).max(0.0);
    let budget = match scale {
        Scale::Ratio => format!("{} %", settings.margin_budget_pct),
        Scale::Difference => size(Gain(all), 1, metric),
    };
    let (cost, tau) = (size(Gain(margin), 1, metric), size(Gain(tau), 2, metric));
    Some(if margin > left {
        let of = match spent > 0.0 {
            true => format!("{} that are left of {budget}", size(Gain(left), 1, metric)),
            false => budget,
        };
        format!(
            "at this noise one such keep may cost {cost}, more than the {of} of all of them (tau = {tau})"
        )
    } else {
        format!("a margin of {cost} cannot be told from nothing at this noise (tau = {tau})")
    })
}

/// The smallest gain that the question says yes to four times out of five, whoever ran before where that is asked too, to a hundredth of
/// tau.
pub fn resolved(question: &Question, both_orders: bool) -> Gain {
    let (mut low, mut high) = (0.0, 4.0 * question.tau);
    while high - low > 0.01 * question.tau {
        let middle = f64::midpoint(low, high);
        if of(question, both_orders, middle).kept < 0.8 { low = middle } else { high = middle }
    }
    Gain(high)
}

/// Mean number of pairs of a trial whose change has this true gain.
pub fn pairs(settings: &Settings, scale: Scale, tau: Gain, effect: Gain) -> f64 {
    of(&Question::better_on(settings, scale, tau.0), settings.both_orders, effect.0).pairs
}

fn of(question: &Question, both_orders: bool, effect: f64) -> Forecast {
    let (mut kept, mut pairs) = (0, 0);
    for trial in 0..TRIALS {
        let mut random = Random::of_seed(u64::from(trial));
        let (mut gains, mut orders, mut before) = (vec![], vec![], First::Incumbent);
        loop {
            let spoiled = if random.word().is_multiple_of(10) { SPOILED } else { 0.0 };
            let side = if random.word() & 1 == 0 { 1.0 } else { -1.0 };
            let gain = effect + question.tau * (random.normal() + side * spoiled);
            gains.push(gain);
            let first = if side > 0.0 { First::Incumbent } else { First::Challenger };
            orders.push(Ordered::of(before, first, gain));
            before = if side > 0.0 { First::Challenger } else { First::Incumbent };
            let shown = || match whoever_ran_before(&orders, question.tau, question.margin) {
                TestResult::Open if gains.len() >= question.n_max as usize => TestResult::No,
                answer => answer,
            };
            match question.ask(&gains).0 {
                TestResult::Open => {}
                // From now on the incumbent runs before each pair.
                TestResult::Yes if both_orders && shown() == TestResult::Open => before = First::Incumbent,
                answer => {
                    let answer = if answer == TestResult::Yes && both_orders { shown() } else { answer };
                    kept += u32::from(answer == TestResult::Yes);
                    break;
                }
            }
        }
        pairs += gains.len();
    }
    Forecast {
        effect: Gain(effect),
        kept: f64::from(kept) / f64::from(TRIALS),
        pairs: pairs as f64 / f64::from(TRIALS),
    }
}

/// What the settings mean, in plain words; `tau` of this machine where it is known, and the seconds that a pair takes.
pub fn explain(
    settings: &Settings,
    metric: &Metric,
    (tau, seeded): (Option<Gain>, bool),
    pair_s: Option<f64>,
) -> String {
    let scale = metric.scale();
    let (_, beta, _) = settings.preset.constants();
    if settings.preset == Preset::Replicates {
        return replicates(settings);
    }
    let mut text = format!(
        "a change that does nothing is kept with probability {} % at most, whatever the noise looks like\n\
         a trial has {} pairs at most, and {} before it can keep\n\
         it is given up where a gain worth finding has become less likely than {} to 1\n",
        number(settings.alpha * 100.0),
        settings.n_max(),
        settings.fewest_pairs(),
        number(1.0 / beta),
    );
    if settings.preset == Preset::Provisional {
        text.push_str(PROVISIONAL);
    }
    if settings.preset == Preset::Training {
        text.push_str(TRAINING);
        text.push_str(&format!("{}\n", settings.budget.words()));
    }
    text.push_str(match scale {
        Scale::Ratio => "values are compared by their ratio, and gains are told in percent\n",
        Scale::Difference => {
            "values are compared by their difference, and gains are told in the metric's unit\n"
        }
    });
    if settings.both_orders {
        text.push_str(
            "a keep takes that the gain is there whoever ran before, and not only where the incumbent ran after the challenger (both_orders)\n",
        );
    }
    let delta = settings.delta(scale);
    if delta > 0.0 {
        text.push_str(&format!("gains below {} are not looked for\n", size(Gain(delta), 1, metric)));
    }
    if settings.as_good {
        text.push_str(&format!(
            "what is as good and simpler, or as good and better in a [[second]] metric, is kept too; such keeps may cost {} in all\n\
             simpler: fewer tokens of code, no more dependencies and `unsafe`; new text in strings, comments and names counts by the byte, and an edit of a file that is not counted is never simpler\n",
            match (scale, settings.margin_budget) {
                (Scale::Ratio, _) => format!("{} %", number(settings.margin_budget_pct)),
                (Scale::Difference, Some(budget)) => size(Gain(budget), 1, metric),
                (Scale::Difference, None) => "three margins".to_owned(),
            }
        ));
    }
    let Some(tau) = tau else {
        text.push_str("the scale of a pair on this machine is not known yet: `piton baseline` measures it\n");
        return text;
    };
    if tau == Gain::ZERO {
        text.push_str(
            "the metric gave the same value on every seed: a gain is kept when a second pair, on another seed, shows the same one; where the \
             two differ, the test above decides, by the scale of the pairs before\n",
        );
        return text;
    }
    if seeded {
        text.push_str(&format!(
            "both sides of a pair gave the same value on the same seed, and seeds differ by {}: a pair is judged by that, or by what the pairs before it \
             in its trial differed by, whichever is less, at half of alpha\n",
            size(tau, 2, metric)
        ));
        return text;
    }
    unasked(settings, metric, tau, Gain::ZERO)
        .iter()
        .for_each(|why| text.push_str(&format!("on this machine that is not asked: {why}\n")));
    text.push_str(&format!("\non this machine the scale of a pair, tau, is {}:\n\n", size(tau, 2, metric)));
    text.push_str(&format!("  {:>12}   kept in   mean pairs   time\n", format!("true {}", noun(metric))));
    for line in forecast(settings, scale, tau) {
        let time = pair_s.map_or_else(|| "-".to_owned(), |s| piton_trial::text::seconds(s * line.pairs));
        text.push_str(&format!(
            "  {:>12}  {:>6.1} %   {:>10.1}   {time}\n",
            gain(line.effect, metric),
            line.kept * 100.0,
            line.pairs
        ));
    }
    text.push_str(&format!(
        "\nso this machine resolves {}: a gain of that size is kept four times out of five\n",
        size(resolved(&Question::better_on(settings, scale, tau.0), settings.both_orders), 1, metric)
    ));
    text
}

/// What the preset `training` adds.
const TRAINING: &str = "both sides of a pair get one seed, and the next pair another: what is drawn from it (first weights, order, text) is the same for both, \
where the measuring command hands {seed} on; no sample is spent on warming up\n";

/// What the preset `provisional` adds, and what it leaves out.
const PROVISIONAL: &str = "provisional: two pairs that are both gains keep for now, and a change that does nothing is kept for now one time in four; \
every four such keeps are put to the test above together, and what fails is taken back, so the probability above is that of such a bundle\n\
a guard that both pairs break by more than its limit discards at once; the test of a bundle asks guards in full\n\
of single trials [[second]] and as_good are not asked: two pairs cannot show that a change is as good, unless the metric does not vary\n";

/// What the preset `replicates` does, and what it leaves out. Its errors are those that `piton lab simulate` measured (METHODOLOGY.md, section 2).
fn replicates(settings: &Settings) -> String {
    format!(
        "single runs of a change are compared with the mean of the incumbent's, by Student's t at alpha {}: three runs at most\n\
         this holds where runs vary normally and nothing drifts, on the average over baselines: in simulation 3.8 % of changes that do nothing \
         are kept at alpha 0.05, and 1.6 % at 0.02. It does not hold for each run by itself: 9 % of baselines show half of the true spread or less, and \
         at half of it 11 % of such changes are kept at alpha 0.05, and 5.5 % at 0.02 (`piton lab simulate`, 20,000 trials each)\n\
         a change's runs are on prompts that runs of the incumbent had; that is fair as long as luck with a seed is not the opposite for the two\n\
         a guard is asked by the same kind of test at 0.05, and plainly where its metric does not vary; [machine] voids single runs as it does pairs\n\
         [[second]] and as_good are not asked, and no blind trials are made: three runs cannot show that a change is as good\n",
        number(settings.alpha)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use piton_base::metric::Direction;

    #[test]
    fn the_forecast_is_near_what_the_long_simulation_of_the_standard_rule_gives() {
        let at = |effect: f64| of(&Question::better(&Settings::default(), 0.033), false, effect);
        // There, with drift and slowdowns: .81 in 13.7 pairs; 8.3 pairs; 1.25 pairs.
        assert!((0.72..0.92).contains(&at(0.03).kept), "{:?}", at(0.03));
        assert!(at(0.0).kept <= 0.02 && at(0.0).pairs < 10.0, "{:?}", at(0.0));
        assert!(at(-0.105).pairs < 1.6, "{:?}", at(-0.105));
    }

    #[test]
    fn what_is_resolved_is_kept_four_times_out_of_five() {
        let question = Question::better(&Settings::default(), 0.02);
        for both in [false, true] {
            let kept = of(&question, both, resolved(&question, both).0).kept;
            assert!((0.79..0.84).contains(&kept), "{kept}");
        }
        assert!(resolved(&question, true) > resolved(&question, false), "that is what it costs");
    }

    #[test]
    fn why_being_as_good_is_not_asked_about_is_said_in_words() {
        let settings = Settings { as_good: true, ..Settings::default() };
        let metric = Metric::of("tps", Direction::Higher);
        let unasked =
            |settings: &Settings, tau: f64, spent: f64| unasked(settings, &metric, Gain(tau), Gain(spent));
        assert_eq!(unasked(&settings, 0.02, 0.0), None);
        assert_eq!(unasked(&Settings::default(), 0.5, 0.0), None, "nobody wants to know");
        let noisy = unasked(&settings, 0.1, 0.0).unwrap();
        assert!(noisy.contains("may cost 6.2 %, more than the 3 % of all of them"), "{noisy}");
        let spent = unasked(&settings, 0.02, 0.02).unwrap();
        assert!(spent.contains("more than the 1.0 % that are left of 3 %"), "{spent}");
        let fine = Settings { margin_pct: Some(1.0), ..settings };
        assert!(unasked(&fine, 0.1, 0.0).unwrap().contains("cannot be told from nothing"));
    }
}
