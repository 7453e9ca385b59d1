//! Shows what the walls are worth on this machine. For the tests and for a look; `piton doctor` says the same.
//!
//! `piton-confine` attacks itself from behind its walls; with `--abi N` as if the kernel had that Landlock ABI,
//! with `--plain` as if it had none of the extra walls.
//! `piton-confine bare` does the same without walls, to show which attacks would work. `--json` prints JSON.

use std::process::ExitCode;

use piton_confine::{Found, Tried};

fn main() -> ExitCode {
    piton_confine::enter_if_asked();
    match show() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: nothing was tried\ncause: {e}");
            ExitCode::FAILURE
        }
    }
}

fn show() -> std::io::Result<()> {
    let exe = std::env::current_exe()?;
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|given| given == word);
    let abi = words.iter().skip_while(|word| *word != "--abi").nth(1).and_then(|abi| abi.parse::<u32>().ok());
    let found = if has("bare") { unwalled(&exe)? } else { walled(&exe, abi, has("--plain")) };
    if has("--json") {
        println!("{}", serde_json::to_string(&found).map_err(std::io::Error::other)?);
        return Ok(());
    }
    println!("level {}, Landlock ABI {}", found.level, found.abi);
    found.walls.iter().for_each(|wall| println!("  {wall}"));
    for Tried { name, held, how } in &found.attacks {
        println!("{:<8}{name:<60} {how}", if *held { "held" } else { "THROUGH" });
    }
    for Tried { name, held, how } in &found.given {
        println!("{:<8}{name:<60} {how}", if *held { "given" } else { "ABSENT" });
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn walled(exe: &std::path::Path, abi: Option<u32>, plain: bool) -> Found {
    piton_confine::find_below(exe, abi, plain)
}

#[cfg(target_os = "linux")]
fn unwalled(exe: &std::path::Path) -> std::io::Result<Found> {
    let attacks = piton_confine::bare(exe)?;
    Ok(Found { level: piton_base::level::Level::None, abi: 0, walls: vec![], attacks, given: vec![] })
}

#[cfg(not(target_os = "linux"))]
fn walled(exe: &std::path::Path, _: Option<u32>, _: bool) -> Found {
    piton_confine::find(exe)
}

#[cfg(not(target_os = "linux"))]
fn unwalled(_: &std::path::Path) -> std::io::Result<Found> {
    Err(std::io::Error::other("the attacks are known on Linux only"))
}
