//! A service-level objective: what an answer must keep for a user to be served well.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::answer::Answer;

/// Bounds on one answer, in milliseconds. A request that ends without an answer keeps none.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Slo(pub BTreeMap<String, f64>);

/// What a bound may be on.
const NAMES: [&str; 4] = ["ttft", "itl", "tpot", "e2e"];

impl Slo {
    /// Reads `ttft=500,itl=50`: milliseconds, or with a unit, `ttft=0.5s`.
    ///
    /// # Errors
    /// Words of what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut bounds = BTreeMap::new();
        for part in text.split(',') {
            let (name, value) =
                part.split_once('=').ok_or_else(|| format!("`{part}` is no bound; write ttft=500"))?;
            if !NAMES.contains(&name) {
                return Err(format!("`{name}` is none of {}", NAMES.join(", ")));
            }
            let (digits, unit) = match value.strip_suffix("ms") {
                Some(digits) => (digits, 1.0),
                None => value.strip_suffix('s').map_or((value, 1.0), |digits| (digits, 1000.0)),
            };
            let ms = digits.parse::<f64>().ok().map(|n| n * unit).filter(|ms| ms.is_finite() && *ms > 0.0);
            let ms = ms.ok_or_else(|| format!("`{value}` is no time; write 500, 500ms or 0.5s"))?;
            if bounds.insert(name.to_owned(), ms).is_some() {
                return Err(format!("`{name}` has two bounds"));
            }
        }
        Ok(Self(bounds))
    }

    /// Whether the answer keeps every bound. Of `itl` it is each time between two texts that has to.
    pub fn kept_by(&self, answer: &Answer) -> bool {
        answer.is_done()
            && self.0.iter().all(|(name, most)| match name.as_str() {
                "ttft" => answer.ttft_ms.is_some_and(|ms| ms <= *most),
                "e2e" => answer.last_ms.is_some_and(|ms| ms <= *most),
                "tpot" => answer.tpot_ms().is_none_or(|ms| ms <= *most),
                _ => answer.gaps_ms.iter().all(|ms| ms <= most),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::AnswerEnd;

    #[test]
    fn a_bound_is_in_milliseconds_or_says_its_unit() {
        let slo = Slo::parse("ttft=0.5s,itl=50ms,e2e=900").unwrap();
        assert_eq!(slo.0.values().copied().collect::<Vec<_>>(), [900.0, 50.0, 500.0]);
        for bad in ["", "ttft", "ttft=", "ttft=-1", "speed=3", "ttft=1,ttft=2", "itl=nan"] {
            assert!(Slo::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_failed_keeps_no_objective_and_one_slow_text_breaks_it() {
        let slo = Slo::parse("ttft=100,itl=50").unwrap();
        let mut answer = Answer::ended(AnswerEnd::Done);
        (answer.ttft_ms, answer.gaps_ms) = (Some(99.0), vec![10.0, 49.0]);
        assert!(slo.kept_by(&answer));
        answer.gaps_ms.push(51.0);
        assert!(!slo.kept_by(&answer));
        answer.gaps_ms.pop();
        answer.end = AnswerEnd::NoDone;
        assert!(!slo.kept_by(&answer));
    }
}
