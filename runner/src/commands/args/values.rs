//! Texts of the command line, read as what they stand for.

use std::net::SocketAddr;
use std::time::Duration;

use piton_climb::profile::Profiler;
use piton_core::base::metric::Direction;
use piton_core::report::import::Source;

/// Words as a shell would see them.
#[derive(Debug, Clone, Default)]
pub struct Words(pub Vec<String>);

pub fn words(text: &str) -> std::result::Result<Words, String> {
    shlex::split(text).map(Words).ok_or_else(|| "a quotation mark is left open".to_owned())
}

pub fn profiler(text: &str) -> std::result::Result<Profiler, String> {
    let named = Profiler::ALL.into_iter().find(|profiler| profiler.word() == text);
    named.ok_or_else(|| format!("piton knows {}", Profiler::ALL.map(Profiler::word).join(", ")))
}

pub fn usd(text: &str) -> std::result::Result<f64, String> {
    let usd: f64 = text.trim_start_matches('$').parse().map_err(|e| format!("{e}; write e.g. 2.50"))?;
    if usd.is_finite() && usd >= 0.0 {
        Ok(usd)
    } else {
        Err("it is a number of US dollars, 0 or more".to_owned())
    }
}

pub fn count(text: &str) -> std::result::Result<u64, String> {
    let (digits, unit) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1_000),
        None => text.strip_suffix(['m', 'M']).map_or((text, 1), |digits| (digits, 1_000_000)),
    };
    let n: u64 = digits.parse().map_err(|e| format!("{e}; write e.g. 300000, 500k or 20M"))?;
    n.checked_mul(unit).ok_or_else(|| "that is too many".to_owned())
}

pub fn source(text: &str) -> std::result::Result<Source, String> {
    let known = [Source::Autoresearch, Source::Labloop, Source::PiAutoresearch];
    known
        .into_iter()
        .find(|source| source.word() == text)
        .ok_or_else(|| "autoresearch, labloop and pi-autoresearch are known".to_owned())
}

pub fn direction(text: &str) -> std::result::Result<Direction, String> {
    match text {
        "higher" => Ok(Direction::Higher),
        "lower" => Ok(Direction::Lower),
        _ => Err("write higher or lower".to_owned()),
    }
}

pub fn address(text: &str) -> std::result::Result<SocketAddr, String> {
    text.parse().map_err(|_| "write an address and a port, e.g. 127.0.0.1:7480 or [::1]:0".to_owned())
}

pub(crate) fn host_name(text: &str) -> std::result::Result<String, String> {
    match crate::commands::access::is_name(text) {
        true => Ok(text.to_owned()),
        false => Err("write a name, with a port where it is another one, e.g. localhost:9000".to_owned()),
    }
}

pub fn duration(text: &str) -> std::result::Result<Duration, String> {
    humantime::parse_duration(text).map_err(|e| format!("{e}; write e.g. 90s, 30m or 8h"))
}
