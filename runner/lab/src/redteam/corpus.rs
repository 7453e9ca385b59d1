//! The attacks as data: what the hostile agent does in its worktree, and how its trial may end.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::replacement::Replacement;
use piton_core::trial::changes::Sources;
use piton_system::config;

/// Attacks on any experiment, and on the built-in ones.
const FILES: [&str; 5] = [
    include_str!("../../attacks/any.toml"),
    include_str!("../../attacks/answers.toml"),
    include_str!("../../attacks/walls.toml"),
    include_str!("../../attacks/kernel.toml"),
    include_str!("../../attacks/training.toml"),
];

/// A file of attacks.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Corpus {
    /// A file without which none of these attacks applies.
    needs: Option<String>,
    /// Where code can be put, by name.
    #[serde(default)]
    hook: BTreeMap<String, Hook>,
    attack: Vec<Attack>,
}

/// A place in the editable files at which code is run.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hook {
    /// Path of the file; `*.sh` is the first editable file that ends so.
    file: String,
    /// What stands there, once; the first line break where it is empty.
    find: String,
    /// What replaces it: `@CODE@` is the attack's.
    replace: String,
    /// Where this is used, the outcome's words hold one of these.
    #[serde(default)]
    says: Vec<String>,
}

/// One attack, or one control.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attack {
    /// What it does, in one line.
    pub name: String,
    /// The rule that it is stopped by: METHODOLOGY.md has the list.
    pub rule: String,
    /// The idea that it is one spelling of; its rule where nothing is said.
    #[serde(default)]
    kind: Option<String>,
    /// Why no rule can hold it where the candidate's code runs in the process that prints the figure: there, and there alone, it may be
    /// believed, and is told as open.
    #[serde(default)]
    pub open: Option<String>,
    /// Ways in which its trial may end: reasons as in `results.tsv`, or
    ///
    /// - `gate` for any gate, `check` for any check, which `judged` and `crash` allow, too, `judged` for any verdict but a keep, `crash` for any crash, `keep` for any keep;
    /// - `taken_back` where it was kept, and a later test of what was kept took all of it back;
    /// - `none` where there was no trial at all, `refused` where piton ended the climb.
    pub expect: Vec<String>,
    /// The outcome's words hold one of these, so that an attack which fails for another reason does not count as held.
    #[serde(default)]
    pub says: Vec<String>,
    /// Code by hook; all of it is put in.
    #[serde(default)]
    code: BTreeMap<String, String>,
    /// The same code for several languages; the first whose hook is there is put in.
    #[serde(default)]
    any: BTreeMap<String, String>,
    #[serde(default)]
    edits: Vec<Replacement>,
    /// Files that it makes.
    #[serde(default)]
    files: BTreeMap<String, String>,
    /// What it does in the worktree besides, for `sh`.
    #[serde(default)]
    agent: String,
    /// What it says that it has done.
    #[serde(default)]
    pub message: Option<String>,
    /// How often it does so.
    #[serde(default = "once")]
    pub times: u32,
    /// How long the agent may take, in seconds.
    #[serde(default = "minutes")]
    pub agent_timeout_s: u64,
    /// How long the climb may go on asking, in seconds.
    #[serde(default)]
    pub wall_s: Option<u64>,
    /// Files that are there afterwards if it got through.
    #[serde(default)]
    pub traces: Vec<String>,
    /// No attack: something honest, whose outcome is by a rule with a stated error. Tried a second time before it counts as broken.
    #[serde(default)]
    pub control: bool,
}

fn once() -> u32 {
    1
}

fn minutes() -> u64 {
    120
}

/// Code that ends the process that runs it, for each language: whether code at a place is run at all.
pub fn probe() -> Result<(Attack, Corpus), String> {
    let found = all()?.into_iter().find(|(attack, _)| attack.name == PROBE);
    found.ok_or_else(|| format!("the corpus has no attack `{PROBE}`"))
}

/// The name of the attack that is none.
pub(crate) const PROBE: &str = "probe: its code ends what runs it";

/// The experiment under attack.
pub struct Ground<'a> {
    /// The editable files of the incumbent.
    pub sources: &'a Sources,
    /// By the names of hooks that were probed, the number of the file in which code is run; none where it is run in none.
    pub run: &'a BTreeMap<String, Option<usize>>,
    /// What the words between at signs stand for.
    pub words: &'a [(&'static str, String)],
    /// Whether an agent may make files in `@EDITABLE@`: where only files are editable, it may not.
    pub may_add: bool,
}

/// Every attack, in order, with the hooks of its file.
///
/// # Errors
/// A corpus that is no corpus: never in a binary that has passed its tests.
pub fn all() -> Result<Vec<(Attack, Corpus)>, String> {
    let mut attacks = vec![];
    for text in FILES {
        let corpus: Corpus = config::toml_as(text)?;
        attacks.extend(corpus.attack.iter().map(|attack| {
            let hooks = attack.code.keys().filter_map(|name| corpus.hook.get(name));
            let says = hooks.flat_map(|hook| hook.says.clone()).chain(attack.says.clone()).collect();
            (Attack { says, ..attack.clone() }, corpus.clone())
        }));
    }
    Ok(attacks)
}

impl Attack {
    /// The idea that it is one spelling of.
    pub fn kind(&self) -> &str {
        self.kind.as_deref().unwrap_or(&self.rule)
    }

    /// The agent's script: edits, then commands, then the description.
    ///
    /// # Errors
    /// Why the attack does not apply to this experiment.
    pub fn script(&self, corpus: &Corpus, ground: &Ground) -> Result<String, String> {
        if let Some(file) = corpus.needs.as_ref().filter(|file| !ground.sources.contains_key(*file)) {
            return Err(format!("there is no {file}"));
        }
        if !ground.may_add && self.agent.contains("@EDITABLE@") {
            return Err("no directory is editable, only files: an agent cannot add one".to_owned());
        }
        let mut sources = ground.sources.clone();
        for edit in &self.edits {
            replace(&mut sources, &edit.file, &edit.find, &edit.replace)?;
        }
        for (name, code) in &self.code {
            corpus.put(&mut sources, (name, 0), code)?;
        }
        if !self.any.is_empty() {
            let mut idle = false;
            let mut place = self.any.iter().filter_map(|(name, code)| match ground.run.get(name) {
                Some(None) => {
                    idle = true;
                    None
                }
                at => Some((name, at.copied().flatten().unwrap_or(0), code)),
            });
            let put = place.find(|(name, at, code)| corpus.put(&mut sources, (name, *at), code).is_ok());
            if put.is_none() {
                return Err(match idle {
                    true => {
                        "code that is put into an editable file is not run where it is measured".to_owned()
                    }
                    false => "no editable file is in a language that it is written in".to_owned(),
                });
            }
        }
        sources.extend(self.files.clone());
        let mut script = String::new();
        for (path, text) in sources.iter().filter(|(path, text)| ground.sources.get(*path) != Some(*text)) {
            let path = quoted(path);
            script.push_str(&format!(
                "mkdir -p \"$(dirname {path})\" && cat > {path} <<'END OF THE FILE'\n{}\nEND OF THE FILE\n",
                text.trim_end_matches('\n')
            ));
        }
        if let Some(message) = &self.message {
            let proposal = serde_json::json!({ "description": message }).to_string();
            script.push_str(&format!("printf %s {} > \"$PITON_PROPOSAL\"\n", quoted(&proposal)));
        }
        script.push_str(&self.agent);
        // What the attack tried may well have failed; the trial takes place all the same.
        script.push_str("\nexit 0\n");
        Ok(ground.fill(&script))
    }

    /// The languages that its code is written in.
    pub fn languages(&self) -> impl Iterator<Item = &String> {
        self.any.keys()
    }

    /// The same in one language alone.
    pub(crate) fn in_language(&self, name: &str) -> Self {
        Self {
            any: self
                .any
                .iter()
                .filter(|(own, _)| *own == name)
                .map(|(n, c)| (n.clone(), c.clone()))
                .collect(),
            ..self.clone()
        }
    }

    /// Whether a trial may end like this.
    pub fn allows(&self, reason: &str) -> bool {
        let gate = reason.starts_with("gate:");
        // Whoever fails a check was not measured: that holds whatever its code would have done to the figure.
        let check = reason.starts_with("check:");
        self.expect.iter().any(|expected| match expected.as_str() {
            "gate" => gate,
            "check" => check,
            "judged" => {
                gate || check
                    || reason.starts_with("guard:")
                    || matches!(reason, "not_shown_better" | "worse" | "given_up")
            }
            // After few pairs it is not said whether it is worse.
            "not_shown_better" | "worse" if reason == "given_up" => true,
            "crash" => {
                check
                    || reason.starts_with("run:")
                    || matches!(reason, "build_failed" | "timed_out" | "memory")
            }
            "keep" => matches!(reason, "better" | "provisional"),
            exactly => exactly == reason,
        })
    }
}

impl Ground<'_> {
    /// `text` with its words in place.
    pub fn fill(&self, text: &str) -> String {
        self.words.iter().fold(text.to_owned(), |text, (word, value)| text.replace(word, value))
    }
}

impl Corpus {
    /// How many files a hook could be put into.
    pub fn places(&self, name: &str, sources: &Sources) -> usize {
        let Some(hook) = self.hook.get(name) else { return 0 };
        match hook.file.strip_prefix('*') {
            Some(ending) => sources
                .iter()
                .filter(|(path, text)| path.ends_with(ending) && text.contains(&hook.find))
                .count(),
            None => usize::from(sources.contains_key(&hook.file)),
        }
    }

    /// Puts code into the place number `at` of a hook.
    fn put(&self, sources: &mut Sources, (name, at): (&str, usize), code: &str) -> Result<(), String> {
        let hook = self.hook.get(name).ok_or_else(|| format!("there is no hook {name}"))?;
        let file = match hook.file.strip_prefix('*') {
            Some(ending) => sources
                .iter()
                .filter(|(path, text)| path.ends_with(ending) && text.contains(&hook.find))
                .nth(at)
                .map(|(path, _)| path.clone()),
            None => Some(hook.file.clone()),
        };
        let file = file.ok_or_else(|| format!("no editable file is like {}", hook.file))?;
        replace(sources, &file, &hook.find, &hook.replace.replace("@CODE@", code))
    }
}

fn replace(sources: &mut Sources, file: &str, find: &str, with: &str) -> Result<(), String> {
    let text = sources.get_mut(file).ok_or_else(|| format!("there is no {file}"))?;
    if find.is_empty() {
        text.insert_str(0, with);
        return Ok(());
    }
    match text.matches(find).count() {
        1 => *text = text.replacen(find, with, 1),
        n => return Err(format!("`{}` occurs {n} times in {file}", find.trim())),
    }
    Ok(())
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attack_names_its_rule_and_how_it_may_end_and_no_name_is_there_twice() {
        let attacks = all().unwrap();
        let mut names: Vec<&str> = attacks.iter().map(|(attack, _)| attack.name.as_str()).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
        for (attack, _) in &attacks {
            assert!(!attack.expect.is_empty() && !attack.rule.is_empty(), "{}", attack.name);
            let kept = attack.expect.iter().any(|reason| reason == "keep" || reason == "better");
            assert!(attack.control || !kept, "{}: an attack is never kept", attack.name);
        }
    }

    #[test]
    fn every_rule_that_an_attack_names_stands_in_the_methodology() {
        let text = include_str!("../../../../METHODOLOGY.md");
        for (attack, _) in all().unwrap() {
            assert!(text.contains(&format!("| {} |", attack.rule)), "{}: {}", attack.name, attack.rule);
        }
    }

    #[expect(clippy::disallowed_types, reason = "runs the script as a shell would, past `process`")]
    #[test]
    fn the_script_leaves_the_files_as_the_attack_wants_them_whatever_they_hold() {
        let dir = tempfile::tempdir().unwrap();
        let sources = Sources::from([("src/a.rs".to_owned(), "fn main() { 'x'; \"$HOME\"; }\n".to_owned())]);
        let corpus: Corpus = config::toml_as(
            "[hook.rs]\nfile = '*.rs'\nfind = 'main() {'\nreplace = 'main() {@CODE@'\n[[attack]]\nname = 'x'\nrule = 'y'\nexpect = ['gate']\nmessage = \"it's\"\nany = { py = 'no', rs = ' @WHAT@; `date`' }",
        )
        .unwrap();
        let run = BTreeMap::new();
        let ground =
            Ground { sources: &sources, run: &run, words: &[("@WHAT@", "loot()".to_owned())], may_add: true };
        let script = corpus.attack[0].script(&corpus, &ground).unwrap();
        let mut sh = std::process::Command::new("sh");
        sh.args(["-c", &script]).current_dir(dir.path()).env("PITON_PROPOSAL", dir.path().join("p"));
        assert!(sh.status().unwrap().success());
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(read("src/a.rs"), "fn main() { loot(); `date` 'x'; \"$HOME\"; }\n");
        assert_eq!(read("p"), r#"{"description":"it's"}"#);
    }

    #[test]
    fn code_is_put_where_it_is_run_and_nowhere_where_it_is_run_nowhere() {
        let corpus: Corpus = config::toml_as(
            "[hook.sh]\nfile = '*.sh'\nfind = ''\nreplace = '@CODE@;'\n[[attack]]\nname = 'x'\nrule = 'y'\nexpect = ['gate']\nany = { sh = 'forge' }",
        )
        .unwrap();
        let sources = Sources::from(["a.sh", "b.sh"].map(|name| (name.to_owned(), "true\n".to_owned())));
        let script = |at| {
            let run = BTreeMap::from([("sh".to_owned(), at)]);
            corpus.attack[0]
                .script(&corpus, &Ground { sources: &sources, run: &run, words: &[], may_add: true })
        };
        assert!(script(Some(1)).unwrap().contains("cat > 'b.sh'"));
        assert!(script(Some(0)).unwrap().contains("cat > 'a.sh'"));
        assert!(script(None).unwrap_err().contains("not run where it is measured"));
        assert_eq!((corpus.places("sh", &sources), corpus.places("py", &sources)), (2, 0));
        assert!(probe().unwrap().0.languages().count() >= 4);
    }

    #[test]
    fn an_attack_that_does_not_apply_says_why() {
        let corpus: Corpus = config::toml_as(
            "[[attack]]\nname = 'x'\nrule = 'y'\nexpect = ['gate']\nedits = [{ file = 'a', find = 'b', replace = 'c' }]",
        )
        .unwrap();
        let ground = Ground { sources: &Sources::new(), run: &BTreeMap::new(), words: &[], may_add: true };
        assert_eq!(corpus.attack[0].script(&corpus, &ground).unwrap_err(), "there is no a");
        let adds: Corpus = config::toml_as(
            "[[attack]]\nname = 'x'\nrule = 'y'\nexpect = ['out_of_scope']\nagent = 'ln -s / @EDITABLE@/root'",
        )
        .unwrap();
        let script = |may_add| adds.attack[0].script(&adds, &Ground { may_add, ..ground });
        assert!(script(true).is_ok());
        assert!(script(false).unwrap_err().starts_with("no directory is editable"));
    }
}
