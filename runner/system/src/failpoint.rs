//! Places at which a test ends piton, as a power switch would: nothing is closed, written or said; and what a test may shorten.
//!
//! They are there in builds with debug assertions only.

use std::time::Duration;

#[cfg(debug_assertions)]
mod armed {
    use std::sync::Mutex;

    static PASSED: Mutex<u32> = Mutex::new(0);

    /// `PITON_FAILPOINT=decided` ends piton where `decided` is passed first, `decided@3` where it is passed the third time.
    pub fn point(name: &str) {
        let Ok(wanted) = std::env::var("PITON_FAILPOINT") else { return };
        let (wanted, time) = wanted.split_once('@').unwrap_or((&wanted, "1"));
        if wanted == name {
            let mut passed = PASSED.lock().expect("no holder panics");
            *passed += 1;
            if passed.to_string() == time {
                let _ =
                    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            }
        }
    }
}

#[cfg(debug_assertions)]
pub use armed::point;

/// The unit of the pauses between calls of an agent that fail: a minute, or what a test says in `PITON_PAUSE_UNIT_MS`.
pub fn pause_unit() -> Duration {
    let set = if cfg!(debug_assertions) { std::env::var("PITON_PAUSE_UNIT_MS").ok() } else { None };
    set.and_then(|text| text.parse().ok()).map_or(Duration::from_secs(60), Duration::from_millis)
}

/// A place at which a test ends piton; nothing in this build.
#[cfg(not(debug_assertions))]
pub fn point(_: &str) {}

/// Whether a test wants this machine to be without something that it may have: `PITON_LACKS=freezer`.
pub fn lacks(what: &str) -> bool {
    cfg!(debug_assertions)
        && std::env::var("PITON_LACKS").is_ok_and(|all| all.split(',').any(|one| one == what))
}
