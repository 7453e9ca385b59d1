//! What a worker leaves behind is ended. A confined one cannot fork; the harness does not rely on it.

use harness::process::{adopt_orphans, end_survivors};
use std::io::Read;
use std::process::Command;

#[test]
fn processes_that_were_left_behind_are_ended() {
    adopt_orphans();
    let (mut read, write) = std::io::pipe().unwrap();
    // Both hold the pipe: one child of a parent that is gone, and one in a session of its own.
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "sleep 1000 & setsid sleep 1000 & exit 0"]).stdout(write);
    assert!(shell.status().unwrap().success());
    drop(shell);
    assert_eq!(end_survivors(), 2);
    assert_eq!(read.read_to_end(&mut Vec::new()).unwrap(), 0);
    assert_eq!(end_survivors(), 0);
}
