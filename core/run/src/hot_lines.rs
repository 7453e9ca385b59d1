//! Where the time of a program goes, of what a sampling profiler wrote: its hottest functions, each with its hottest line.
//!
//! A profile is for whoever looks for an idea. It is no measurement: nothing is kept or discarded for it.

use std::collections::BTreeMap;

use serde::Serialize;

use piton_trial::text::clean;

/// Functions that are told.
const TOLD: usize = 30;
/// Functions with a smaller share than this are left out, in percent.
const LEAST_PCT: f64 = 0.5;
/// Longest name of a function, and of a place, in characters.
const NAME: usize = 100;

/// What a profiler saw.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Profile {
    /// Samples that it took.
    pub samples: u64,
    /// The hottest functions, the hottest first.
    pub hot: Vec<HotFunction>,
}

/// A function in which time went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HotFunction {
    /// Its name.
    pub function: String,
    /// The file, and where it is known the line, in which most of its samples fell.
    pub place: Option<String>,
    /// The program or library that it is in.
    pub object: Option<String>,
    /// Samples in it, without those in what it calls.
    pub samples: u64,
    /// Their share of all samples, in percent.
    pub pct: f64,
}

/// Samples by function and object, and of each by place.
#[derive(Default)]
struct Counted(BTreeMap<(String, Option<String>), BTreeMap<Option<String>, u64>>);

impl Counted {
    fn add(&mut self, function: &str, object: Option<&str>, place: Option<&str>, samples: u64) {
        let text = |text: &str| clean(text.trim(), NAME);
        let places = self.0.entry((text(function), object.map(text))).or_default();
        *places.entry(place.map(text)).or_default() += samples;
    }

    fn profile(self) -> Profile {
        let samples = self.0.values().flat_map(BTreeMap::values).sum::<u64>();
        let pct = |part: u64| 100.0 * part as f64 / samples.max(1) as f64;
        let mut hot: Vec<HotFunction> = self
            .0
            .into_iter()
            .map(|((function, object), places)| {
                let all = places.values().sum::<u64>();
                let hottest = places.into_iter().filter(|(place, _)| place.is_some()).max_by_key(|(_, n)| *n);
                let place = hottest.and_then(|(place, _)| place);
                HotFunction { function, place, object, samples: all, pct: pct(all) }
            })
            .filter(|hot| hot.pct >= LEAST_PCT)
            .collect();
        hot.sort_by(|a, b| b.samples.cmp(&a.samples).then_with(|| a.function.cmp(&b.function)));
        hot.truncate(TOLD);
        Profile { samples, hot }
    }
}

/// Fields that perf is asked for, for [`of_perf`]: with lines, else without. Another program finds the lines for perf, and now and then it
/// ends while perf writes to it, which ends perf.
pub const PERF_FIELDS: [&str; 2] = ["sample,comm,dso,symbol,srcline", "sample,comm,dso,symbol"];
/// What stands between the fields.
pub const PERF_BETWEEN: &str = "|";

/// The profile in what `perf report --stdio` wrote with [`PERF_FIELDS`]. Where the program `of` took any samples, those of others, such as what
/// measures it, are left out.
pub fn of_perf(text: &str, of: Option<&str>) -> Profile {
    let rows = || {
        text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let mut fields = line.splitn(5, PERF_BETWEEN).map(str::trim);
            let samples: u64 = fields.next()?.parse().ok()?;
            Some((samples, fields.next()?, fields.next()?, fields.next()?, fields.next().unwrap_or_default()))
        })
    };
    // The kernel keeps 15 bytes of a program's name.
    let short = |name: &str| name.bytes().take(15).collect::<Vec<u8>>();
    let of = of.map(short).filter(|of| rows().any(|(_, comm, ..)| short(comm) == *of));
    let mut counted = Counted::default();
    for (samples, comm, object, symbol, place) in rows() {
        if of.as_ref().is_some_and(|of| short(comm) != *of) {
            continue;
        }
        // "[.] name" is in a program, "[k] name" in the kernel.
        let function = symbol.split_once("] ").map_or(symbol, |(_, name)| name);
        let known = |text: &str| !text.starts_with("??") && text.contains(':');
        counted.add(function, Some(object), Some(place).filter(|place| known(place)), samples);
    }
    counted.profile()
}

/// The profile in stacks, as py-spy and others write them: `outer;inner;innermost 12`, a line for each, where a frame may be `name (file:line)`.
pub fn of_stacks(text: &str) -> Profile {
    let mut counted = Counted::default();
    for line in text.lines() {
        let Some((stack, samples)) = line.trim_end().rsplit_once(' ') else { continue };
        let Ok(samples) = samples.parse() else { continue };
        let frame = stack.rsplit(';').next().unwrap_or(stack);
        // py-spy has a frame for each process, which is no function.
        if frame.starts_with("process ") {
            continue;
        }
        match frame.strip_suffix(')').and_then(|frame| frame.rsplit_once(" (")) {
            Some((function, place)) => counted.add(function, None, Some(place), samples),
            None => counted.add(frame, None, None, samples),
        }
    }
    counted.profile()
}

/// The profile in what `go tool pprof -top -lines` wrote: a table whose head ends in `cum%`.
pub fn of_pprof(text: &str) -> Profile {
    let mut counted = Counted::default();
    for line in text.lines().skip_while(|line| !line.trim_end().ends_with("cum%")).skip(1) {
        let mut rest = line.trim_start();
        let mut first = None;
        // flat, flat%, sum%, cum, cum%
        for _ in 0..5 {
            let (field, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            first = first.or(field.parse::<u64>().ok());
            rest = after.trim_start();
        }
        let Some(samples) = first.filter(|samples| *samples > 0 && !rest.is_empty()) else { continue };
        let plain =
            rest.strip_suffix(" (inline)").or_else(|| rest.strip_suffix(" (partial-inline)")).unwrap_or(rest);
        match plain.split_once(' ') {
            Some((function, place)) => counted.add(function, None, Some(place), samples),
            None => counted.add(plain, None, None, samples),
        }
    }
    counted.profile()
}

/// The profiles that V8 wrote, as one.
///
/// # Errors
/// What is wrong with the text of one.
pub fn of_v8(texts: &[String]) -> Result<Profile, String> {
    #[derive(serde::Deserialize)]
    struct Written {
        nodes: Vec<Node>,
    }
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Node {
        call_frame: Frame,
        #[serde(default)]
        hit_count: u64,
        #[serde(default)]
        position_ticks: Vec<Tick>,
    }
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Frame {
        function_name: String,
        url: String,
        line_number: i64,
    }
    #[derive(serde::Deserialize)]
    struct Tick {
        line: i64,
        ticks: u64,
    }
    let mut counted = Counted::default();
    for text in texts {
        let written: Written = serde_json::from_str(text).map_err(|e| e.to_string())?;
        for Node { call_frame, hit_count, position_ticks } in written.nodes {
            let Frame { function_name, url, line_number } = call_frame;
            if function_name == "(idle)" || hit_count == 0 {
                continue;
            }
            let name = if function_name.is_empty() { "(anonymous)" } else { &function_name };
            let file = url.strip_prefix("file://").unwrap_or(&url);
            let at = |line: i64| (!file.is_empty()).then(|| format!("{file}:{line}"));
            let mut left = hit_count;
            for Tick { line, ticks } in position_ticks {
                let ticks = ticks.min(left);
                left -= ticks;
                counted.add(name, None, at(line).as_deref(), ticks);
            }
            if left > 0 {
                // Lines of a frame are counted from 0.
                counted.add(name, None, at(line_number + 1).as_deref(), left);
            }
        }
    }
    Ok(counted.profile())
}

impl Profile {
    /// The same, with the places that lie below one of `roots` told from there.
    pub fn below(mut self, roots: &[String]) -> Self {
        for place in self.hot.iter_mut().filter_map(|hot| hot.place.as_mut()) {
            let own = roots.iter().find_map(|root| place.strip_prefix(root.as_str())?.strip_prefix('/'));
            if let Some(own) = own.map(str::to_owned) {
                *place = own;
            }
        }
        self
    }
}

/// A function in one line.
pub fn line(hot: &HotFunction) -> String {
    let place = hot.place.as_deref().map_or_else(String::new, |place| format!("  {place}"));
    let object = match (&hot.object, place.is_empty()) {
        (Some(object), true) => format!("  [{object}]"),
        _ => String::new(),
    };
    format!("{:5.1} %  {}{place}{object}", hot.pct, hot.function)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERF: &str = "# To display the perf.data header info, please use --header/--header-only options.\n#\n\
        60|engine          |engine      |[.] matvec             |math.rs:12\n\
        20|engine          |engine      |[.] matvec             |math.rs:14\n\
        10|engine          |libm.so.6   |[.] __expf_fma         |??:0\n\
        10|engine          |[kernel.kallsyms]|[k] clear_page_erms |clear_page_64.S:50\n\
        400|harness        |harness     |[.] score              |score.rs:1\n\n";

    #[test]
    fn the_time_of_what_measures_is_not_that_of_what_is_measured() {
        let seen = of_perf(PERF, Some("engine"));
        assert_eq!((seen.samples, seen.hot.len()), (100, 3));
        assert_eq!(line(&seen.hot[0]), " 80.0 %  matvec  math.rs:12");
        assert_eq!(line(&seen.hot[1]), " 10.0 %  __expf_fma  [libm.so.6]");
        assert_eq!(of_perf(PERF, Some("another")).samples, 500, "nothing of it was seen: everything is told");
    }

    #[test]
    fn a_stack_counts_for_its_innermost_frame() {
        let seen = of_stacks(
            "<module> (a.py:9);work (a.py:3) 30\n<module> (a.py:9);work (a.py:4) 60\n<module> (a.py:9) 10\nnot a stack\n",
        );
        assert_eq!(seen.samples, 100);
        assert_eq!(line(&seen.hot[0]), " 90.0 %  work  a.py:4");
    }

    #[test]
    fn ticks_of_a_function_are_told_by_its_hottest_line() {
        let text = r#"{"nodes":[{"id":1,"callFrame":{"functionName":"(idle)","scriptId":"0","url":"","lineNumber":-1,"columnNumber":-1},"hitCount":70},
            {"id":2,"callFrame":{"functionName":"hot","scriptId":"9","url":"file:///w/src/a.js","lineNumber":3,"columnNumber":1},"hitCount":9,
             "positionTicks":[{"line":5,"ticks":2},{"line":7,"ticks":6}]},
            {"id":3,"callFrame":{"functionName":"","scriptId":"9","url":"file:///w/src/a.js","lineNumber":0,"columnNumber":1},"hitCount":1}]}"#;
        let seen = of_v8(&[text.to_owned()]).unwrap().below(&["/elsewhere".into(), "/w".into()]);
        assert_eq!(seen.samples, 10);
        assert_eq!(line(&seen.hot[0]), " 90.0 %  hot  src/a.js:7");
        assert_eq!(line(&seen.hot[1]), " 10.0 %  (anonymous)  src/a.js:1");
        assert!(of_v8(&["[".to_owned()]).is_err());
    }

    #[test]
    fn lines_of_a_function_are_one_in_what_pprof_prints() {
        let text = "File: u.test\nType: samples\nTime: Nov 26, 2026 at 11:12pm (UTC)\nDuration: 2.33s, Total samples = 99 \nShowing nodes accounting for 99, 100% of 99 total\n      flat  flat%   sum%        cum   cum%\n        60 60.60% 60.60%         60 60.60%  example.com/x.search[...] /w/src/properties.go:143\n        29 29.29% 89.89%         30 30.30%  example.com/x.search[...] /w/src/properties.go:144\n        10 10.10%   100%         10 10.10%  runtime.nanotime /usr/lib/go-1.19/src/runtime/time_nofake.go:19 (inline)\n         0     0%   100%          8  8.08%  testing.(*B).launch /usr/lib/go-1.19/src/testing/benchmark.go:331\n";
        let seen = of_pprof(text).below(&["/w".into()]);
        assert_eq!((seen.samples, seen.hot.len()), (99, 2));
        assert_eq!(line(&seen.hot[0]), " 89.9 %  example.com/x.search[...]  src/properties.go:143");
        assert_eq!(
            line(&seen.hot[1]),
            " 10.1 %  runtime.nanotime  /usr/lib/go-1.19/src/runtime/time_nofake.go:19"
        );
        assert_eq!(of_pprof("no profile\n").samples, 0);
    }

    #[test]
    fn a_name_cannot_break_a_line() {
        let seen = of_stacks("evil\u{1b}[31m (x:1) 5\n");
        assert!(!line(&seen.hot[0]).contains('\u{1b}'));
    }
}
