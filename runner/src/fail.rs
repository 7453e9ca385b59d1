//! Places at which a test ends piton, as a power switch would: nothing is closed, written or said.
//!
//! They are there in builds with debug assertions only.

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

/// A place at which a test ends piton; nothing in this build.
#[cfg(not(debug_assertions))]
pub fn point(_: &str) {}
