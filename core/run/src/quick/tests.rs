use super::*;
use crate::power;
use piton_base::metric::Scale;
use piton_rule::keep::Question;
use piton_rule::settings::Settings;

/// Samples whose times go up and down by a share.
fn seen(wall_s: f64, cpu_s: f64, (wall, cpu): (f64, f64)) -> Seen {
    let sample = |n: usize| {
        let sign = [1.0, -0.4, 0.7, -1.0, 0.2][n % 5];
        Readings {
            wall_s: wall_s * (1.0 + wall * sign),
            cpu_s: cpu_s * (1.0 + cpu * sign),
            peak_memory_bytes: 11_200_000,
            artifact_bytes: 0,
        }
    };
    Seen {
        command: ["python3", "bench.py"].map(str::to_owned).to_vec(),
        first: Readings { wall_s: 2.0 * wall_s, cpu_s, peak_memory_bytes: 11_200_000, artifact_bytes: 0 },
        samples: (0..11).map(sample).collect(),
        repeat: repeats(wall_s),
        seconds: 11.0 * wall_s,
        pressure_pct: Some(2.0),
        walled: Walled {
            command: ["python3", "bench.py"].map(str::to_owned).to_vec(),
            beside_s: 0.05,
            ..Walled::default()
        },
        editable: vec!["src".to_owned()],
        name: "toy".to_owned(),
        ..Seen::default()
    }
}

#[test]
fn a_short_command_is_repeated_until_a_sample_takes_a_tenth_of_a_second() {
    assert_eq!([2.0, 0.1, 0.03, 0.001, 1e-9].map(repeats), [1, 1, 4, 100, 100]);
}

#[test]
fn the_steadier_clock_is_climbed_where_both_see_the_same() {
    let report = report(seen(0.2, 0.19, (0.05, 0.004)));
    assert_eq!(report.climb, OwnMeter::CpuS);
    let [wall, cpu, memory] = &report.clocks[..] else { panic!() };
    assert!(wall.tau_pct > 5.0 * cpu.tau_pct && cpu.tau_pct > 0.0, "{wall:?} {cpu:?}");
    assert!(cpu.resolves_pct < 2.0 * cpu.tau_pct && cpu.trial_s > 1.0, "{cpu:?}");
    assert_eq!((memory.tau_pct, memory.pairs), (0.0, 2.0));
}

#[test]
fn what_processor_time_does_not_see_is_climbed_by_the_wall_clock() {
    assert_eq!(report(seen(0.2, 0.02, (0.05, 0.004))).climb, OwnMeter::WallS, "it waits");
    assert_eq!(report(seen(0.2, 0.5, (0.01, 0.004))).climb, OwnMeter::WallS, "it uses several processors");
    let noisy = report(seen(0.2, 0.5, (0.1, 0.004)));
    assert!(noisy.climb == OwnMeter::CpuS && noisy.why.contains("climb wall_s"), "{}", noisy.why);
    let busy = Seen { pressure_pct: Some(99.0), ..seen(0.2, 0.02, (0.3, 0.01)) };
    let busy = report(busy);
    assert!(busy.climb == OwnMeter::CpuS && busy.why.contains("busy"), "{}", busy.why);
}

#[test]
fn what_a_preset_resolves_is_what_its_rule_does_at_any_noise() {
    let presets = [Preset::Thorough, Preset::Standard, Preset::Frugal, Preset::Provisional, Preset::Training];
    for (preset, tau) in presets.into_iter().zip([0.002, 0.01, 0.05, 0.02]) {
        let settings = Settings { preset, ..Settings::default() };
        let question = Question::better_on(&settings, Scale::Ratio, tau);
        let gain = power::resolved(&question, settings.both_orders);
        let pairs = power::pairs(&settings, Scale::Ratio, Gain(tau), gain);
        let (taus, resolving_pairs) = resolution(preset);
        assert!((gain.0 / tau / taus - 1.0).abs() < 0.05, "{preset:?} {gain:?}");
        assert!((pairs / resolving_pairs - 1.0).abs() < 0.05, "{preset:?} {pairs}");
    }
}

#[test]
fn how_it_went_behind_the_walls_is_said_in_each_case() {
    let mut seen = seen(0.2, 0.19, (0.05, 0.004));
    seen.walled.failed = Some("failed: exit status 1: no route to host".to_owned());
    assert!(words(&report(seen.clone())).contains("IT FAILS"));
    seen.walled = Walled { untried: Some("it is too large".to_owned()), ..seen.walled };
    assert!(words(&report(seen)).contains("not tried: it is too large"));
}
