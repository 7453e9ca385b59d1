//! What the walls cost at the start of a process: the same program with and without, in turn, many times.
//!
//!     cargo run --release -p piton-confine --example cost

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use piton_base::level::Level;
use piton_confine::{Limits, Opened, Policy, Role, linked, system};

const STARTS: usize = 400;

fn main() -> ExitCode {
    piton_confine::enter_if_asked();
    let exe = std::env::current_exe().expect("this binary finds itself");
    let argv = [OsString::from("/usr/bin/true")];
    println!("{STARTS} starts of {}, in turn; milliseconds", argv[0].display());
    println!("{:<10}{:>10}{:>10}{:>10}{:>12}", "role", "without", "with", "costs", "its 95 %");
    for role in [Role::Worker, Role::Build, Role::Measure, Role::Agent] {
        let mut read = if role == Role::Worker { linked("/usr/bin/true".as_ref()) } else { system() };
        read.push("/usr/bin/true".into());
        let least = Level::None;
        let policy = Policy {
            role,
            read,
            write: vec![],
            network: false,
            opened: Opened::default(),
            limits: Limits::default(),
            least,
        };
        let line = policy.wrap(&exe, &argv);
        let (mut without, mut with) = (vec![], vec![]);
        for _ in 0..STARTS {
            without.push(took(&argv));
            with.push(took(&line));
        }
        let costs: Vec<f64> = with.iter().zip(&without).map(|(with, without)| with - without).collect();
        let name = format!("{role:?}").to_lowercase();
        println!(
            "{name:<10}{:>10.2}{:>10.2}{:>10.2}{:>12.2}",
            quantile(without, 0.5),
            quantile(with, 0.5),
            quantile(costs.clone(), 0.5),
            quantile(costs, 0.95)
        );
    }
    ExitCode::SUCCESS
}

fn took(line: &[OsString]) -> f64 {
    let began = Instant::now();
    let mut command = Command::new(Path::new(&line[0]));
    command.args(&line[1..]).stdin(Stdio::null()).stdout(Stdio::null());
    assert!(command.status().expect("it starts").success());
    began.elapsed().as_secs_f64() * 1e3
}

fn quantile(mut values: Vec<f64>, q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * q).round() as usize]
}
