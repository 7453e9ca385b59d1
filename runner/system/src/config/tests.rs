use super::*;

const GOOD: &str = r#"
        name = "toy"
        [metric]
        name = "tps"
        direction = "higher"
        [scope]
        editable = ["src"]
        [measure]
        command = ["sh", "measure.sh"]
        timeout_s = 10
    "#;

fn refusal(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from));
    Config::parse(&GOOD.replace(from, to)).unwrap_err().cause.unwrap()
}

#[test]
fn the_smallest_experiment_is_a_metric_a_scope_and_a_command() {
    assert_eq!(Config::parse(GOOD).unwrap().rule, Settings::default());
}

#[test]
fn the_experiment_that_ships_can_be_used() {
    Config::parse(include_str!("../../../../piton.toml")).unwrap();
}

#[test]
fn what_a_harness_prints_no_candidate_prints_so_a_name_may_stand_there_in_other_places() {
    let ships = Config::parse(include_str!("../../../../piton.toml")).unwrap();
    let prints = r#"{"prompts": [{"agreement": 1}], "metrics": {"agreement": 0.5}}"#;
    let read =
        |how| piton_core::base::metric::read(prints, &how, &["agreement"]).map(|values| values["agreement"]);
    assert_eq!(read(ships.measure.reading()), Ok(0.5));
    assert!(read(piton_core::base::metric::Format::Json.into()).is_err());
}

#[test]
fn an_unknown_key_is_refused_by_name() {
    assert!(refusal("timeout_s", "timeout_seconds = 1\ntimeout_s").contains("timeout_seconds"));
}

#[test]
fn a_missing_metric_is_refused_by_name() {
    assert!(
        refusal("[metric]\n        name = \"tps\"\n        direction = \"higher\"", "").contains("metric")
    );
}

#[test]
fn impossible_values_are_refused_by_name() {
    assert!(refusal("timeout_s = 10", "timeout_s = 0").contains("measure.timeout_s is 0"));
    let fetch = "timeout_s = 10\n[build]\nfetch = [\"\"]\ncommand = [\"make\"]\ntimeout_s = 9";
    assert!(refusal("timeout_s = 10", fetch).contains("build.fetch is empty"));
    assert!(refusal("\"higher\"", "\"sideways\"").contains("sideways"));
    assert!(refusal("[\"src\"]", "[\"../src\"]").contains("../src"));
    assert!(refusal("timeout_s = 10", "timeout_s = 10\nwrite = [\"out\"]").contains("measure.write"));
    assert!(refusal("timeout_s = 10", "timeout_s = 10\nwrite = [\"/\"]").contains("measure.write"));
    for path in ["data", "/", "//", "/.", "~", "~/", "{home}", "{home}/", "~/../you", "~root/x", "/a/../.."] {
        assert!(
            refusal("timeout_s = 10", &format!("timeout_s = 10\nread = [{path:?}]")).contains("measure.read")
        );
    }
    for device in ["gpu", "/dev", "/dev/", "/dev/shm", "/dev/pts/0", "/etc/passwd", "/dev/../etc"] {
        let keys = format!("timeout_s = 10\ndevices = [{device:?}]");
        assert!(refusal("timeout_s = 10", &keys).contains("measure.devices"), "{device}");
    }
    for name in ["", "A=B", "PITON_SEED"] {
        let keys = format!("timeout_s = 10\nenv = {{ {name:?} = \"1\" }}");
        assert!(refusal("timeout_s = 10", &keys).contains("measure.env"), "{name}");
    }
    assert!(refusal("timeout_s = 10", "timeout_s = 10\n[rule]\nn_max = 2").contains("rule.n_max is 2"));
    assert!(refusal("timeout_s = 10", "timeout_s = 10\n[rule]\nalpha = 2.0").contains("rule.alpha is 2"));
    assert!(
        refusal("timeout_s = 10", "timeout_s = 10\n[machine]\nsteal_pct = -1").contains("machine.steal_pct")
    );
    let guard = "timeout_s = 10\n[[guard]]\nmetric = \"m\"\ndirection = \"lower\"\nlimit_pct = 200";
    assert!(refusal("timeout_s = 10", guard).contains("limit_pct 200"));
    assert!(refusal("\"measure.sh\"", "\"{harness}\"").contains("no [harness]"));
    assert!(
        refusal("timeout_s = 10", "timeout_s = 10\n[[gate]]\nmetric = \"x\"").contains("neither min nor max")
    );
}

#[test]
fn the_old_name_of_the_machines_limits_is_read_and_both_names_at_once_are_refused() {
    let old = "timeout_s = 10\n[noise]\nsteal_pct = 7";
    let machine = Config::parse(&GOOD.replace("timeout_s = 10", old)).unwrap().machine;
    assert_eq!(machine, Limits { steal_pct: 7.0, ..Limits::default() });
    for both in [format!("{old}\n[machine]\npause_s = 1"), format!("{old}\n[machine]\nsteal_pct = 7")] {
        assert!(
            refusal("timeout_s = 10", &both).contains("[machine] and its old name [noise] are both there")
        );
    }
}

fn fresh_refusal(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from));
    let text = GOOD.replace(from, to);
    Config::parse(&text).unwrap();
    Config::parse_new(&text).unwrap_err().cause.unwrap()
}

#[test]
fn a_metric_that_its_format_can_never_read_is_refused_and_a_pattern_reads_it() {
    for name in ["acc@1", "val loss", "score(ms)"] {
        let lines = format!("\"{name}\"\n        direction");
        let text = GOOD.replace("\"tps\"\n        direction", &lines);
        Config::parse_new(&text).unwrap();
        let text = text.replace("timeout_s", "format = \"lines\"\n        timeout_s");
        let why = Config::parse_new(&text).unwrap_err().cause.unwrap();
        assert!(why.contains(&format!("`{name}` can never be read")), "{why}");
        Config::parse_new(&format!("{text}\n[measure.patterns]\n'{name}' = 'x ([0-9.]+)'")).unwrap();
    }
    let guard = "format = \"lines\"\ntimeout_s = 10\n[[guard]]\nmetric = \"a b\"\ndirection = \"lower\"\nlimit_pct = 1.0";
    assert!(fresh_refusal("timeout_s = 10", guard).contains("`a b` can never be read"));
    let pattern = |text: &str| {
        refusal("timeout_s = 10", &format!("timeout_s = 10\n[measure.patterns]\ntps = '{text}'"))
    };
    assert!(pattern("loss [0-9]+").contains("no group") && pattern("(").contains("measure.patterns.tps"));
}

#[test]
fn a_placeholder_that_nothing_fills_in_is_refused_with_those_that_there_are() {
    let build = |word: &str| format!("timeout_s = 10\n[build]\ncommand = [\"sh\", '{word}']\ntimeout_s = 9");
    let why = fresh_refusal("timeout_s = 10", &build("{sealed}/build.sh"));
    assert!(why.contains("build.command has {sealed}") && why.contains("{tree}, {root}, {target}"), "{why}");
    for word in ["{seal}", "x={targets}", "cd {artifact} && make", "{Tree}/x"] {
        assert!(fresh_refusal("timeout_s = 10", &build(word)).contains("nothing fills in"), "{word}");
    }
    for word in ["{tree}/a", "awk \"{print}\" f", "echo ${home} {} {1}", "{ print }", "{\"a\": 1}", "[{n"] {
        let text = GOOD.replace("timeout_s = 10", &build(word));
        assert!(Config::parse_new(&text).is_ok(), "{word}");
    }
    assert!(fresh_refusal("\"measure.sh\"", "\"{target}/x\"").contains("measure.command has {target}"));
    assert!(fresh_refusal("\"measure.sh\"", "\"{sealed}/x\", \"{tre}\"").contains("{tre}"));
}

#[test]
fn memory_that_is_counted_in_nobody_knows_what_is_refused() {
    let memory = |keys: &str| format!("direction = \"higher\"\n        {keys}");
    assert!(
        fresh_refusal("direction = \"higher\"", &memory("memory = \"peak_vram\"")).contains("memory_unit")
    );
    let unit = |unit: &str| memory(&format!("memory = \"peak\"\nmemory_unit = \"{unit}\""));
    assert!(fresh_refusal("direction = \"higher\"", &unit("stones")).contains("stones"));
    assert!(fresh_refusal("direction = \"higher\"", &memory("memory_unit = \"mb\"")).contains("is missing"));
    let fits = |keys: &str| Config::parse_new(&GOOD.replace("direction = \"higher\"", keys)).unwrap().metric;
    assert_eq!(fits(&unit("mb")).gigabytes(2048.0), 2.0);
    assert_eq!(fits(&memory("memory = \"peak_vram_mb\"")).gigabytes(512.0), 0.5);
}

#[test]
fn a_metric_whose_name_would_break_the_table_is_refused() {
    for name in ["a\\tb", "a\\u001b[2J", "=1+1", "a\\u202eb"] {
        assert!(refusal("\"tps\"", &format!("\"{name}\"")).contains("no table can hold"), "{name}");
    }
}

#[test]
fn the_file_of_another_system_is_read_and_what_is_no_text_is_refused_with_its_line() {
    let windows = format!("\u{feff}{}", GOOD.replace('\n', "\r\n"));
    assert_eq!(Config::parse(&windows).unwrap(), Config::parse(GOOD).unwrap());
    let refused = text(Some(b"a = 1\nb = \"\xff\"\n".to_vec())).unwrap_err();
    assert_eq!(refused.cause.unwrap(), "line 2 is not UTF-8 text");
    assert!(text(None).unwrap_err().what.contains("there is no piton.toml"));
}

#[test]
fn what_a_section_opens_is_read_as_it_stands_and_is_closed_where_nothing_is_said() {
    let keys = r#"timeout_s = 10
            read = ["/data", "~/.cache/huggingface", "{home}/models"]
            env = { HF_HOME = "{home}/.cache/huggingface", TOKEN = "{env:TOKEN}" }
            devices = ["nvidia", "/dev/dri"]
            shared_memory = true
            loopback = true"#;
    let config = Config::parse(&GOOD.replace("timeout_s = 10", keys)).unwrap();
    let opens = config.measure.opens();
    assert_eq!((opens.read.len(), opens.env.len(), opens.devices.len()), (3, 2, 2));
    assert!(opens.shared_memory && opens.loopback && !opens.network);
    let closed = Config::parse(GOOD).unwrap();
    let opens = closed.measure.opens();
    assert!(opens.read.is_empty() && opens.env.is_empty() && opens.devices.is_empty());
    assert!(!opens.shared_memory && !opens.loopback && !opens.network);
}

#[test]
fn a_knob_outside_the_scope_is_refused() {
    let knob = "timeout_s = 10\n[[knob]]\nname = \"A\"\nfile = \"lib/a.rs\"\nvalues = [\"1\"]";
    assert!(refusal("timeout_s = 10", knob).contains("outside scope.editable"));
}

#[test]
fn placeholders_are_filled_word_by_word_without_a_shell() {
    let words = ["{tree}/run".to_owned(), "a b; rm {seed}".to_owned()];
    assert_eq!(fill(&words, &[("tree", "/x y"), ("seed", "7")]), ["/x y/run", "a b; rm 7"]);
}

/// What is written instead of a metric's name.
fn metered(measure: &str) -> Result<Config> {
    let text = format!(
        "name = \"m\"\n[metric]\nmeter = \"cpu_s\"\n[scope]\neditable = [\"src\"]\n[measure]\ncommand = [\"true\"]\ntimeout_s = 1\n{measure}"
    );
    Config::parse_new(&text)
}

#[test]
fn a_meter_is_no_word_of_the_candidates_and_nothing_printed_is_needed_for_it() {
    let guard = "repeat = 9\n[[guard]]\nmetric = \"wall_s\"\ndirection = \"lower\"\nlimit_pct = 5\n";
    let config = metered(guard).unwrap();
    assert!(config.metered() && !config.candidate_prints());
    assert_eq!(config.needed(), ["cpu_s", "peak_memory_bytes", "wall_s"]);
    assert!(config.printed().is_empty());
    assert!(config.trust().contains("doing nothing is fast") && config.trust().contains("[[check]]"));
    let gate = metered("[[gate]]\nmetric = \"quality\"\nmin = 1\n").unwrap();
    assert_eq!(gate.printed(), ["quality"]);
    let plain = Config::parse(GOOD).unwrap();
    assert!(!plain.metered() && plain.candidate_prints());
}

#[test]
fn a_guard_is_metered_by_its_name_and_a_pattern_or_an_old_primary_metric_goes_before() {
    let guard =
        "timeout_s = 10\n[[guard]]\nmetric = \"peak_memory_bytes\"\ndirection = \"lower\"\nlimit_pct = 5\n";
    let config = Config::parse(&GOOD.replace("timeout_s = 10", guard)).unwrap();
    assert!(config.metered() && !config.printed().contains(&"peak_memory_bytes"));
    let by_pattern = "timeout_s = 10\npatterns = { peak_memory_bytes = 'peak ([0-9]+)' }\n[[guard]]\nmetric = \"peak_memory_bytes\"\ndirection = \"lower\"\nlimit_pct = 5\n";
    let config = Config::parse(&GOOD.replace("timeout_s = 10", by_pattern)).unwrap();
    assert!(!config.metered() && config.printed().contains(&"peak_memory_bytes"));
    let own = "name = \"m\"\n[metric]\nname = \"wall_s\"\ndirection = \"lower\"\n[scope]\neditable = [\"src\"]\n[measure]\ncommand = [\"true\"]\ntimeout_s = 1\n";
    let own = Config::parse(own).unwrap();
    assert_eq!((own.metered(), own.printed()), (false, vec!["wall_s"]));
}

#[test]
fn a_command_is_repeated_only_where_nothing_that_it_prints_is_needed() {
    let cause = |measure: &str| metered(measure).unwrap_err().cause.unwrap();
    assert!(cause("repeat = 0\n").contains("at least 1"));
    assert!(
        cause("repeat = 3\n[[gate]]\nmetric = \"quality\"\nmin = 1\n")
            .contains("`quality` is read from what")
    );
    assert!(refusal("timeout_s = 10", "timeout_s = 10\nrepeat = 3").contains("meter = \"cpu_s\""));
    let other = "name = \"m\"\n[metric]\nmeter = \"cpu_s\"\nname = \"wall_s\"\n[scope]\neditable = [\"src\"]\n[measure]\ncommand = [\"true\"]\ntimeout_s = 1\n";
    assert!(Config::parse(other).unwrap_err().cause.unwrap().contains("another of piton's meters"));
}
