//! asv: the suites below the `benchmark_dir` of an `asv.conf.json`, run in the tree that is measured.
//!
//! asv itself checks commits out, makes an environment for each and installs the project there. What it runs then is `asv_runner`, which the
//! script here calls as asv does: the suite is imported once, each benchmark has a process of its own, and asv's own clock and counts
//! say what it takes.

use super::python::Project;
use super::{Draft, Facts, Figure, Trust, words};

const CONFIG: &str = "asv.conf.json";

/// Where the suites lie, from the root.
fn suites(facts: &Facts) -> Option<String> {
    let config = facts.texts.keys().find(|path| path.rsplit('/').next() == Some(CONFIG))?;
    let text = facts.text(config);
    // It may have comments, so that it is not quite JSON.
    let line = text.lines().map(str::trim).find(|line| line.starts_with("\"benchmark_dir\""));
    let named = line.and_then(|line| line.split('"').nth(3)).unwrap_or("benchmarks");
    let dir = piton_core::trial::scope::join(Facts::dir(config), named.trim_start_matches("./"));
    let dir = dir.trim_end_matches(['/', '.']).to_owned();
    Some(if dir.is_empty() { Facts::dir(config).to_owned() } else { dir })
}

/// Whether this is a file of a suite that asv runs.
pub(super) fn is_suite(facts: &Facts, path: &str) -> bool {
    let within = |dir: String| path.strip_prefix(&format!("{dir}/")).is_some();
    path.ends_with(".py") && times(facts.text(path)) && suites(facts).is_some_and(within)
}

/// Whether a file has a benchmark of time: a function or a method.
fn times(text: &str) -> bool {
    let is = |line: &str| {
        let line = line.trim_start();
        ["def time_", "def Time", "def timeraw_"].iter().any(|start| line.starts_with(start))
    };
    text.lines().any(is)
}

/// A draft for each file of the suites.
pub(super) fn drafts(project: &Project) -> Vec<Draft> {
    let facts = project.facts;
    let Some(dir) = suites(facts).filter(|dir| !dir.is_empty()) else { return vec![] };
    let package = dir.rsplit('/').next().unwrap_or(&dir);
    let module = |path: &String| {
        let inner = path.strip_prefix(&format!("{dir}/"))?.strip_suffix(".py")?;
        Some(inner.replace('/', ".")).filter(|_| is_suite(facts, path))
    };
    let draft = |name: String| {
        let mut draft =
            project.draft(&name, format!("the benchmarks of asv in {dir}/{}.py", name.replace('.', "/")));
        draft.figure = Figure::Report("asv", Some("asv.json".to_owned()));
        draft.measure = words(&["sh", "{sealed}/measure.sh", "{tree}", "{report}", &project.python()]);
        draft.script = Some(SCRIPT.replace("MODULE", &format!("{package}.{name}")).replace("SUITES", &dir));
        draft.locked.push(format!("/{dir}/"));
        draft.trust = Trust::Inside;
        if !facts.modules.contains("asv_runner") {
            draft.needs.push(format!("install asv for {}: it cannot import asv_runner", project.python()));
        }
        draft
    };
    facts.texts.keys().filter_map(module).map(draft).collect()
}

/// Imports a module of the suites, runs each benchmark of time in a process of its own, and leaves what asv would.
const SCRIPT: &str = r#"# $2 takes the results, and $3 is the Python that runs it. Pairs repeat it, so that each benchmark is repeated little; see REPEAT.
cd "${TMPDIR:-/tmp}" && exec "$3" - "$1" "$2" <<'END'
import itertools, json, os, statistics, sys, traceback
from asv_runner.benchmarks.mark import SkipNotImplemented
from asv_runner.discovery import disc_benchmarks

tree, report = sys.argv[1:]
sys.path.insert(0, os.path.dirname(os.path.join(tree, "SUITES")))
REPEAT = type("Few", (), {"repeat": 3, "warmup_time": 0.05})


def measured(benchmark, parameters, cache):
    """Seconds; not a number where it is left out, and None where it fails. What it leaves behind goes with its process."""
    read, write = os.pipe()
    child = os.fork()
    if child:
        os.close(write)
        with os.fdopen(read) as pipe:
            said = pipe.read()
        return json.loads(said) if os.waitpid(child, 0)[1] == 0 else None
    try:
        os.dup2(2, 1)
        benchmark._attr_sources.insert(0, REPEAT)
        if parameters is not None:
            benchmark.set_param_idx(parameters)
        if cache is not None:
            getattr(benchmark, "set_cache", getattr(benchmark, "insert_param", None))(cache)
        value = float("nan")
        try:
            if not benchmark.do_setup():
                result = benchmark.do_run()
                if result is not None:
                    value = statistics.median(result["samples"])
            benchmark.do_teardown()
        except SkipNotImplemented:
            pass
        os.write(write, json.dumps(value).encode())
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


results, caches = {}, {}
for benchmark in disc_benchmarks("MODULE"):
    if benchmark.type != "time":
        continue
    key = benchmark.setup_cache_key
    if key is not None and key not in caches:
        caches[key] = benchmark.do_setup_cache()
    count = len(list(itertools.product(*benchmark.params)))
    indices = range(count) if benchmark.params else [None]
    values = [measured(benchmark, index, caches.get(key)) for index in indices]
    results[benchmark.name] = [values, benchmark.params]
with open(report, "w") as file:
    json.dump({"version": 2, "result_columns": ["result", "params"], "results": results}, file)
END"#;
