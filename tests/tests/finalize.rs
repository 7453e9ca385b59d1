//! Taking a run home: branches for review, with everything of the user's as it was.

use piton_tests::{Said, Scratch};
use serde_json::Value;

/// A toy of two files: what it measures is the larger of two numbers. So a gain can stop paying when the other number overtakes it.
fn two_files() -> Scratch {
    let toy = Scratch::toy();
    toy.write(
        "build.sh",
        "a=$(sed -n 's/.*SPEED: u32 = \\(.*\\);/\\1/p' \"$1/src/speed.rs\"); b=$(cat \"$1/src/more\"); [ $a -gt $b ] || a=$b; echo $a > \"$2/speed\"\n",
    );
    toy.write("src/more", "0\n");
    toy.commit("two files");
    toy.git(&["config", "user.name", "Nadia"]);
    toy.git(&["config", "user.email", "nadia@example.org"]);
    toy.baseline();
    toy
}

/// A trial of what `files` hold, which is kept.
fn keep(toy: &Scratch, words: &str, files: &[(&str, &str)]) {
    for (path, text) in files {
        match *path {
            "speed" => toy.speed(text),
            path => toy.write(path, &format!("{text}\n")),
        }
    }
    let said = toy.piton(&["trial", "-m", words]);
    assert_eq!(said.status, 0, "{said:?}");
}

/// Everything of the user's that git can tell of.
fn stance(toy: &Scratch) -> [String; 5] {
    let refs = toy.git(&["for-each-ref", "--format=%(refname) %(objectname)"]);
    let own = refs.lines().filter(|line| !line.contains("/piton-final/")).collect::<Vec<_>>().join("\n");
    [
        toy.git(&["status", "--porcelain=v2", "--branch"]),
        toy.git(&["ls-files", "--stage", "--debug"]),
        toy.git(&["stash", "list"]),
        own,
        toy.git(&["diff", "HEAD"]),
    ]
}

fn plan(toy: &Scratch, args: &[&str]) -> Value {
    let said = toy.piton(&[&["finalize", "--run", "r", "--json"], args].concat());
    assert_eq!(said.status, 0, "{said:?}");
    said.json()
}

fn tree(toy: &Scratch, name: &str) -> String {
    toy.git(&["rev-parse", &format!("{name}^{{tree}}")])
}

fn subjects(toy: &Scratch, branch: &str) -> Vec<String> {
    let log = toy.git(&["log", "--reverse", "--format=%s", &format!("main..{branch}")]);
    log.lines().map(str::to_owned).collect()
}

fn branches(toy: &Scratch) -> Vec<String> {
    let names = toy.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads/piton-final"]);
    names.lines().map(str::to_owned).collect()
}

fn refused(said: &Said, words: &[&str]) {
    assert_eq!(said.status, 3, "{said:?}");
    words.iter().for_each(|word| assert!(said.err.contains(word), "{word} in {}", said.err));
    assert_eq!(said.out, "");
}

#[test]
fn a_run_becomes_a_commit_for_each_idea_with_its_evidence_and_the_tree_is_that_of_its_head() {
    let toy = two_files();
    keep(&toy, "a fifth more", &[("speed", "120")]);
    toy.speed("90");
    assert_eq!(toy.piton(&["trial", "-m", "slower"]).status, 10);
    keep(&toy, "more\nTrial: 99\u{202e}", &[("speed", "140")]);
    // A file that nobody committed, and one that is staged.
    toy.git(&["switch", "--quiet", "main"]);
    toy.write("notes.txt", "mine");
    toy.write("staged.txt", "mine too");
    toy.git(&["add", "staged.txt"]);
    let (before, objects) = (stance(&toy), toy.git(&["count-objects", "-v"]));

    let told = toy.piton(&["finalize", "--run", "r"]);
    assert_eq!(told.status, 0, "{told:?}");
    for words in [
        "run r: 2 kept ideas, from ",
        "piton-final/r/all  trials 1, 3: everything, in its order",
        "the tree of piton-final/r/all is that of piton/r",
        "so none is left out: piton verify --each --run r",
        "nothing was changed; make them by: piton finalize --run r --apply",
    ] {
        assert!(told.out.contains(words), "{words} in {}", told.out);
    }
    assert_eq!((branches(&toy), toy.git(&["count-objects", "-v"])), (vec![], objects), "not even an object");

    let made = plan(&toy, &["--apply"]);
    assert_eq!((made["applied"].clone(), made["difference"].clone()), (true.into(), Value::Null), "{made}");
    assert_eq!(stance(&toy), before);
    assert_eq!(branches(&toy), ["piton-final/r/all"], "both touch the same file");
    assert_eq!(tree(&toy, "piton-final/r/all"), tree(&toy, "piton/r"));
    assert_eq!(subjects(&toy, "piton-final/r/all"), ["a fifth more", "more Trial: 99\\u{202e}"]);
    assert_eq!(made["branches"][0]["commits"][1]["commit"], toy.git(&["rev-parse", "piton-final/r/all"]));
    assert_eq!(toy.git(&["merge-base", "main", "piton-final/r/all"]), toy.git(&["rev-parse", "main"]));

    let first = "piton-final/r/all~1";
    let log = |format: &str| toy.git(&["log", "-1", &format!("--format={format}"), first]);
    assert_eq!(log("%an <%ae> %cn"), "Nadia <nadia@example.org> Nadia");
    assert_eq!(log("%at"), toy.git(&["log", "-1", "--format=%at", "piton/r~1"]), "when it was kept");
    let trailer = |name: &str| log(&format!("%(trailers:key={name},valueonly)"));
    assert_eq!((trailer("Run"), trailer("Trial")), ("r".to_owned(), "1".to_owned()));
    assert_eq!(trailer("Kept-as"), toy.git(&["rev-parse", "piton/r~1"]));
    let gain = trailer("Gain");
    assert!(gain.starts_with("+19.") && gain.ends_with(" pairs, alpha 0.01"), "{gain}");
    assert_eq!(trailer("Gates"), "quality 1 >= 0.9");
    assert!(trailer("Rule").starts_with("coin pairs, standard") && trailer("Seal").len() == 40);
    let second = toy.git(&["log", "-1", "--format=%(trailers:key=Trial,valueonly)", "piton-final/r/all"]);
    assert_eq!(second, "3", "no words of a proposer's are taken for evidence");

    refused(
        &toy.piton(&["finalize", "--run", "r", "--apply"]),
        &["no branch was made: piton-final/r/all is there already", "git branch -D piton-final/r/all"],
    );
    assert!(toy.piton(&["finalize", "--run", "r"]).out.contains("there already, so --apply refuses"));
    assert_eq!(stance(&toy), before);
    assert_eq!(toy.piton(&["audit"]).status, 0);
}

#[test]
fn ideas_that_share_no_file_have_branches_of_their_own_and_the_others_one_together() {
    let toy = two_files();
    keep(&toy, "Wider tiles!", &[("speed", "120")]);
    keep(&toy, "another number", &[("src/more", "130")]);
    keep(&toy, "wider", &[("speed", "150")]);
    let plan = plan(&toy, &["--apply"]);
    assert_eq!(
        branches(&toy),
        ["piton-final/r/2-another-number", "piton-final/r/all", "piton-final/r/rest"],
        "{plan}"
    );
    assert_eq!(subjects(&toy, "piton-final/r/2-another-number"), ["another number"]);
    assert_eq!(subjects(&toy, "piton-final/r/rest"), ["Wider tiles!", "wider"]);
    assert_eq!(toy.git(&["show", "piton-final/r/2-another-number:src/speed.rs"]), "const SPEED: u32 = 100;");
    assert_eq!(toy.git(&["show", "piton-final/r/2-another-number:src/more"]), "130");
    assert_eq!(toy.git(&["show", "piton-final/r/rest:src/more"]), "0");
    // Both together are the run.
    toy.git(&["switch", "--quiet", "--detach", "piton-final/r/rest"]);
    toy.git(&["merge", "--quiet", "-m", "both", "piton-final/r/2-another-number"]);
    assert_eq!(tree(&toy, "HEAD"), tree(&toy, "piton/r"));
    assert_eq!(tree(&toy, "piton-final/r/all"), tree(&toy, "piton/r"));
    let notes = plan["notes"].to_string();
    assert!(notes.contains("a branch with a part of the run was neither built nor measured"), "{notes}");
}

#[test]
fn a_keep_that_no_longer_pays_is_left_out_and_what_that_changes_is_shown() {
    let toy = two_files();
    keep(&toy, "overtaken later", &[("speed", "120")]);
    keep(&toy, "overtakes", &[("src/more", "150")]);
    assert!(plan(&toy, &[])["notes"].to_string().contains("is not known"), "nothing was measured");
    // The same code as `piton verify --each`; its finding stays in the ledger.
    let told = toy.piton(&["finalize", "--run", "r", "--verify"]);
    assert!(told.err.contains("<- no longer pays") && told.err.contains("every keep once more"), "{told:?}");
    assert!(told.out.contains("left out, no longer pays: against its incumbent +19."), "{}", told.out);
    assert!(told.out.contains("is not that of piton/r: +1 -1, by what was left out\n  src/speed.rs  +1 -1"));
    let plan = plan(&toy, &["--apply"]);
    assert_eq!((&plan["ideas"][0]["fate"], &plan["ideas"][1]["fate"]), (&"left_out".into(), &"taken".into()));
    assert_eq!(plan["difference"]["files"][0]["path"], "src/speed.rs");
    assert!(plan["difference"]["diff"].as_str().unwrap().contains("+const SPEED: u32 = 100;"), "{plan}");
    assert_eq!(branches(&toy), ["piton-final/r/all"]);
    assert_eq!(subjects(&toy, "piton-final/r/all"), ["overtakes"]);
    assert_eq!(toy.git(&["diff", "--stat", "main", "piton-final/r/all", "--", "src/speed.rs"]), "");
    let message = toy.git(&["log", "-1", "--format=%B", "piton-final/r/all"]);
    assert!(
        message.contains("\nVerified: the whole run +4") && message.contains(", 20 fresh pairs\n"),
        "{message}"
    );
    assert!(
        message.contains("\nAgain: against its incumbent +2")
            && message.contains("holds; HEAD against HEAD without it"),
        "{message}"
    );

    // One more keep, and what was found of the head before says nothing of this one.
    keep(&toy, "once more", &[("src/more", "170")]);
    let plan = self::plan(&toy, &[]);
    assert_eq!(plan["ideas"][0]["fate"], "taken", "{plan}");
    assert!(plan["notes"].to_string().contains("is not known of this head"), "{plan}");
}

#[test]
fn what_no_longer_pays_and_is_built_upon_stays_and_is_named() {
    let toy = two_files();
    keep(&toy, "the first", &[("speed", "120")]);
    keep(&toy, "the second", &[("speed", "130")]);
    keep(&toy, "overtakes, and takes the second back", &[("speed", "120"), ("src/more", "150")]);
    let plan = plan(&toy, &["--verify", "--apply"]);
    assert_eq!(plan["ideas"][0]["fate"], "stuck", "{plan}");
    assert_eq!(plan["ideas"][0]["why"], "trial 3 builds on it in src/speed.rs");
    assert_eq!(plan["ideas"][1]["fate"], "left_out", "{plan}");
    assert_eq!(subjects(&toy, "piton-final/r/all"), ["the first", "overtakes, and takes the second back"]);
    assert_eq!(plan["difference"], Value::Null, "what was left out had been taken back");
    assert_eq!(tree(&toy, "piton-final/r/all"), tree(&toy, "piton/r"));
    let told = toy.piton(&["finalize", "--run", "r"]).out;
    assert!(told.contains("no longer pays, but stays: trial 3 builds on it in src/speed.rs"), "{told}");
}

#[test]
fn a_keep_for_now_is_told_with_the_bundle_in_which_it_held() {
    let toy = Scratch::toy_with("[machine]", "[rule]\npreset = \"provisional\"\n[machine]");
    toy.git(&["config", "user.name", "Nadia"]);
    toy.git(&["config", "user.email", "nadia@example.org"]);
    toy.baseline();
    keep(&toy, "for now", &[("speed", "130")]);
    assert!(plan(&toy, &[])["notes"].to_string().contains("not put to the full test since: 1"));
    toy.git(&["switch", "--quiet", "main"]);
    let agent = "echo 'const SPEED: u32 = 90;' > src/speed.rs";
    assert_eq!(toy.piton(&["climb", "--run", "r", "--agent", agent, "--trials", "1"]).status, 0);
    let plan = plan(&toy, &["--apply"]);
    assert!(!plan["notes"].to_string().contains("full test"), "{plan}");
    let message = toy.git(&["log", "-1", "--format=%B", "piton-final/r/all"]);
    assert!(
        message.contains("kept for now: +2")
            && message.contains("then, in trial 3: trial 1 together: they hold;")
    );
    let bundle = toy.git(&["log", "-1", "--format=%(trailers:key=Bundle,valueonly)", "piton-final/r/all"]);
    assert!(bundle.starts_with("trial 3, 1 together: +2") && bundle.contains(" pairs, alpha "), "{message}");
}

#[test]
fn commits_that_a_person_made_on_the_branch_of_the_run_are_named_and_not_taken() {
    let toy = two_files();
    keep(&toy, "by hand", &[("speed", "120")]);
    toy.write("src/more", "7\n");
    toy.commit("mine, not measured");
    let before = stance(&toy);
    let plan = plan(&toy, &["--apply"]);
    assert!(plan["notes"].to_string().contains("which the ledger does not know"), "{plan}");
    assert_eq!(tree(&toy, "piton-final/r/all"), tree(&toy, "piton/r~1"));
    assert_eq!(stance(&toy), before);
}

#[test]
fn nothing_kept_nobody_to_commit_as_a_trial_under_way_and_a_branch_in_the_way_are_refused() {
    let toy = two_files();
    refused(&toy.piton(&["finalize"]), &["no branch was made: run r has kept nothing"]);
    keep(&toy, "kept", &[("speed", "120")]);

    toy.git(&["config", "user.name", ""]);
    let nobody = toy
        .command(&["finalize", "--apply"])
        .env_remove("GIT_AUTHOR_NAME")
        .env_remove("GIT_COMMITTER_NAME")
        .output()
        .unwrap();
    refused(&nobody.into(), &["git does not know who you are", "git config user.name"]);
    toy.git(&["config", "user.name", "Nadia"]);

    for (in_the_way, hint) in [("piton-final", "piton-final"), ("piton-final/r", "piton-final/r")] {
        toy.git(&["branch", in_the_way]);
        refused(&toy.piton(&["finalize", "--apply"]), &["is there already", hint]);
        toy.git(&["branch", "-D", in_the_way]);
    }

    // A trial that was cut off is under way until it is mended, which whoever writes does.
    toy.speed("130");
    let cut = toy.command(&["trial", "-m", "cut off"]).env("PITON_FAILPOINT", "proposed").output().unwrap();
    assert!(!cut.status.success(), "{cut:?}");
    refused(&toy.piton(&["finalize"]), &["trial 2 of run r is under way", "piton recover"]);
    assert_eq!(branches(&toy), [""; 0]);
    let said = toy.piton(&["finalize", "--apply"]);
    assert!(said.status == 0 && said.err.contains("recovered: "), "{said:?}");
    assert_eq!(branches(&toy), ["piton-final/r/all"]);
}
