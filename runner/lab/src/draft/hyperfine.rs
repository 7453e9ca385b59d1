//! Benchmarks that call hyperfine: a target of a Makefile, a script of the shell.
//!
//! hyperfine repeats a command for three seconds at least, however fast that is: a clock around it says nothing. What it reports is the
//! figure.

use super::{BuildDraft, Draft, Facts, Figure, Trust, words};

/// The report, below `{report}`.
const REPORT: &str = "hyperfine.json";

/// Whether a line of a recipe or a script calls hyperfine.
fn calls(line: &str) -> bool {
    let line = line.trim_start().trim_start_matches(['@', '-', '+']);
    let behind_variables = |word: &&str| word.contains('=') && !word.starts_with('-');
    let first = line.split_whitespace().find(|word| !behind_variables(word) && *word != "exec");
    first.is_some_and(|word| word.trim_matches('"') == "hyperfine")
}

/// Whether what stands here calls hyperfine.
pub(super) fn is_called(text: &str) -> bool {
    text.lines().any(calls)
}

/// Has a draft measured by what `line`, which calls hyperfine once, makes that report: `line` is run by sh in the tree.
pub(super) fn reported(draft: &mut Draft, facts: &Facts, line: &str) {
    if !facts.programs.contains("hyperfine") {
        draft.needs.push("install hyperfine: it is not in PATH".to_owned());
    }
    draft.script = Some(SCRIPT.replace("{line}", line));
    draft.measure = words(&["sh", "{sealed}/measure.sh", "{tree}", "{report}"]);
    draft.figure = Figure::Report("hyperfine", Some(REPORT.to_owned()));
    draft.trust = Trust::Inside;
}

/// Drafts for scripts that call hyperfine and are named for a benchmark: `build` builds what they run, in the tree.
pub(super) fn drafts(facts: &Facts, editable: &[String], build: &BuildDraft) -> Vec<Draft> {
    let named = |path: &&String| {
        let name = path.to_ascii_lowercase();
        name.ends_with(".sh") && ["bench", "perf"].iter().any(|word| name.contains(word))
    };
    let scripts = facts.texts.keys().filter(named).filter(|path| is_called(facts.text(path)));
    let draft = |path: &String| {
        let name = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".sh");
        let mut draft =
            Draft::new(name, format!("the script {path}, which calls hyperfine"), editable.to_vec());
        draft.build = Some(build.clone());
        draft.locked = vec![format!("/{path}")];
        let shell = if facts.text(path).lines().next().is_some_and(|line| line.contains("bash")) {
            "bash"
        } else {
            "sh"
        };
        reported(&mut draft, facts, &format!("{shell} ./{path}"));
        draft
    };
    scripts.map(draft).collect()
}

/// A hyperfine stands before the real one, which repeats little and leaves its report where piton reads it. What chooses repetitions and
/// reports is taken from its words, with what belongs to it.
const SCRIPT: &str = r#"# It calls hyperfine, which gets few runs here: piton measures in pairs, and its test knows how much the figures vary.
tree=$1 report=$2
real=$(command -v hyperfine) || { echo "measure.sh: there is no hyperfine in PATH" >&2; exit 127; }
own=$(mktemp -d) && trap 'rm -rf "$own"' EXIT || exit 1
cat > "$own/hyperfine" << 'END'
#!/bin/sh
[ ! -e "$PITON_REPORT" ] || { echo "measure.sh: hyperfine is called more than once; give one call all the commands" >&2; exit 1; }
left=$#
while [ "$left" -gt 0 ]; do
  word=$1 left=$((left - 1))
  shift
  case $word in
    -r | --runs | -m | --min-runs | -M | --max-runs | --export-json | --export-csv | --export-markdown | --export-asciidoc | --export-orgmode | --style)
      [ "$left" -eq 0 ] || { shift; left=$((left - 1)); } ;;
    --runs=* | --min-runs=* | --max-runs=* | --export-*=* | --style=* | -r[0-9]* | -m[0-9]* | -M[0-9]*) ;;
    *) set -- "$@" "$word" ;;
  esac
done
exec "$PITON_HYPERFINE" --style basic --runs 5 --export-json "$PITON_REPORT" "$@"
END
chmod +x "$own/hyperfine"
cd "$tree" && PITON_HYPERFINE=$real PITON_REPORT=$report PATH=$own:$PATH {line}"#;
