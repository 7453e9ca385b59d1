//! What an agent chose, read from the experiment that it wrote and from nothing that it said.

use super::refusals::sections;
use piton_core::trial::text::clean;
use piton_system::config::Config;

/// Longest command that is told, in characters.
const COMMAND: usize = 200;

/// A line for each choice.
pub(super) fn lines(config: &Config) -> Vec<String> {
    let words = |command: &[String]| clean(&command.join(" "), COMMAND);
    let metric = &config.metric;
    let by = match (&metric.meter, &metric.of, config.measure.result()) {
        (Some(_), ..) => "read by piton's own meter: what is measured cannot say it",
        (None, _, true) => "written to a descriptor that what is measured need not be given",
        (None, Some(_), _) => {
            "the mean of benchmarks, printed by what runs the edited code: an edit can say any figure"
        }
        (None, None, _) => "printed: an edit that runs in that process can say any figure",
    };
    let mut lines =
        vec![format!("metric    {}, {} is better; {by}", clean(&metric.name, 60), metric.direction.word())];
    lines.extend(config.measure.commands().map(|(_, command)| format!("measure   {}", words(command))));
    lines.extend(config.build.as_ref().map(|build| format!("build     {}", words(&build.command))));
    lines.extend(config.harness.as_ref().map(|harness| format!("harness   {}", words(&harness.command))));
    match config.checks.is_empty() {
        true => lines.push("check     none: a program that does less is faster".to_owned()),
        false => lines.extend(
            config
                .checks
                .iter()
                .map(|check| format!("check     {}: {}", clean(&check.name, 60), words(&check.command))),
        ),
    }
    let locked = config.scope.locked_words().unwrap_or_else(|| "nothing".to_owned());
    lines.push(format!(
        "editable  {}; locked there: {}",
        clean(&config.editable_paths().join(", "), 400),
        clean(&locked, 400)
    ));
    for (section, opens) in sections(config) {
        let list = |key: &str, all: &[String]| (!all.is_empty()).then(|| format!("{key} {}", all.join(", ")));
        let flag = |key: &str, open: bool| open.then(|| key.to_owned());
        let env = opens
            .env
            .iter()
            .filter(|(_, value)| value.contains("{env:"))
            .map(|(name, value)| format!("env {name} = {value}"));
        let all = [
            list("read", opens.read),
            list("write", opens.write),
            list("devices", opens.devices),
            flag("network", opens.network),
            flag("shared_memory", opens.shared_memory),
            flag("loopback", opens.loopback),
        ];
        let all: Vec<String> = all.into_iter().flatten().chain(env).collect();
        if !all.is_empty() {
            lines.push(format!("opens     [{}] {}", section, clean(&all.join("; "), 400)));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_experiment_measures_checks_and_opens_is_told_from_its_text() {
        let text = "name = \"x\"\n[metric]\nname = \"s\"\ndirection = \"lower\"\n[scope]\neditable = [\"src\"]\n[build]\ncommand = [\"make\"]\ntimeout_s = 9\nnetwork = true\n[measure]\ncommand = [\"sh\", \"{sealed}/m.sh\"]\ntimeout_s = 9\nread = [\"~/.data\"]\nenv = { KEY = \"{env:KEY}\", B = \"1\" }\n";
        let told = lines(&Config::parse_new(text).unwrap()).join("\n");
        for words in [
            "metric    s, lower is better; printed",
            "measure   sh {sealed}/m.sh",
            "build     make",
            "check     none",
            "editable  src; locked there: tests, benches",
            "opens     [build] network",
            "opens     [measure] read ~/.data; env KEY = {env:KEY}",
        ] {
            assert!(told.contains(words), "{words} in {told}");
        }
    }
}
