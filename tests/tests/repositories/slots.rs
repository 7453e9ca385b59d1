//! What is measured is what was to be measured, and where it lies.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use piton_tests::{Kind, Said, Scratch};

/// A repository in which `measure.sh`, given the tree, prints a score.
fn experiment(more: &str, measure: &str) -> Scratch {
    let toy = Scratch::empty();
    toy.git(&["init", "--quiet", "--initial-branch=main"]);
    toy.write("src/value", "100\n");
    toy.write("measure.sh", measure);
    toy.write(
        "piton.toml",
        &format!(
            "name = \"e\"\n[metric]\nname = \"score\"\ndirection = \"higher\"\n[measure]\ncommand = [\"sh\", \"{{sealed}}/measure.sh\", \"{{tree}}\"]\ntimeout_s = 20\n[machine]\nsteal_pct = 100.0\npressure_pct = 100.0\n[scope]\neditable = [\"src\"]\n{more}"
        ),
    );
    toy.commit("an experiment");
    toy
}

/// Prints `src/value` with a noise of half a per cent, which is not that of the other side.
const NOISY: &str = r#"v=$(cat "$1/src/value"); r=$(od -An -N2 -tu2 /dev/urandom)
awk -v v="$v" -v r="$r" 'BEGIN{printf "{\"score\": %.6f}\n", v*(1+0.01*(r/65536-0.5))}'
"#;

const PLAIN: &str = "echo \"{\\\"score\\\": $(cat \"$1/src/value\")}\"\n";

fn trial(toy: &Scratch, value: &str) -> Said {
    toy.write("src/value", &format!("{value}\n"));
    toy.piton(&["trial", "-m", value])
}

fn agrees(toy: &Scratch) {
    let audit = toy.piton(&["audit"]);
    assert!(audit.out.ends_with("everything agrees\n"), "{}", audit.out);
}

#[test]
fn every_gain_after_the_first_keep_is_kept_and_every_loss_is_not() {
    for build in ["", "[build]\ncommand = [\"true\"]\ntimeout_s = 9\n"] {
        let toy = experiment(build, NOISY);
        toy.baseline();
        for (value, status) in
            [("120", 0), ("144", 0), ("130", 10), ("173", 0), ("208", 0), ("150", 10), ("250", 0)]
        {
            let said = trial(&toy, value);
            assert_eq!(said.status, status, "{value}: {said:?}");
        }
        // Each verdict says which trees it is on, and they are those of the commits.
        let records = toy.piton(&["log", "--run", "r", "--json"]).json();
        for record in records.as_array().unwrap().iter().skip(1) {
            let tree = |commit: &serde_json::Value| {
                toy.git(&["rev-parse", &format!("{}^{{tree}}", commit.as_str().unwrap())])
            };
            assert_eq!(record["sides"]["challenger"]["tree"], tree(&record["commit"]).as_str());
            assert_eq!(record["sides"]["incumbent"]["tree"], tree(&record["parent"]).as_str());
            assert_ne!(record["sides"]["challenger"]["measured"], record["sides"]["incumbent"]["measured"]);
        }
        let night = toy.piton(&["verify", "--each", "--json"]).json();
        let gain = night["gain"].as_f64().unwrap();
        assert!((gain - 2.5f64.ln()).abs() < 0.02, "HEAD is 2.5 times the baseline: {gain}");
        for keep in night["each"].as_array().unwrap() {
            assert_eq!(keep["own"][2], true, "{keep}");
        }
        agrees(&toy);
    }
}

#[test]
fn a_side_that_is_not_there_any_more_is_laid_anew_and_one_that_was_altered_too() {
    for kind in [Kind::Artifact, Kind::BuiltTree, Kind::Tree] {
        let toy = Scratch::toy_of(kind);
        toy.baseline();
        let mut speed = 100;
        let spoil: [&dyn Fn(&Path); 3] = [
            &|place| fs::remove_dir_all(place).unwrap(),
            // Every source in every tree says what the next challenger will.
            &|place| {
                for family in ["slots", "sides"] {
                    for slot in fs::read_dir(place.join(family)).into_iter().flatten().flatten() {
                        let file = slot.path().join("tree/src/speed.rs");
                        if file.exists() {
                            fs::write(file, "const SPEED: u32 = 9999;\n").unwrap();
                        }
                    }
                }
            },
            &|place| fs::remove_dir_all(place.join("slots")).unwrap(),
        ];
        for spoil in spoil {
            speed += 20;
            toy.speed(&speed.to_string());
            assert_eq!(toy.piton(&["trial", "-m", "better"]).status, 0, "{kind:?}");
            spoil(&toy.place());
            toy.speed(&(speed - 10).to_string());
            assert_eq!(toy.piton(&["trial", "-m", "worse"]).status, 10, "{kind:?}");
        }
        agrees(&toy);
    }
}

#[test]
fn nothing_that_a_sample_left_is_found_by_another() {
    // It goes on from where the last sample stopped, wherever it finds a place to write.
    let measure = "cd \"$1/src\" && sh train.sh\n";
    let toy = experiment("", measure);
    toy.write(
        "src/train.sh",
        "n=0; for d in . .. \"$HOME\" \"$TMPDIR\" /tmp /var/tmp /dev/shm; do [ -f $d/ckpt ] && n=$(cat $d/ckpt); done\nn=$((n + 1)); for d in . .. \"$HOME\" \"$TMPDIR\" /tmp /var/tmp /dev/shm; do echo $n 2>/dev/null > $d/ckpt; done\necho \"{\\\"score\\\": $((100 * n))}\"\n",
    );
    toy.commit("a training that resumes");
    toy.baseline();
    let record = toy.piton(&["show", "0", "--json"]).json();
    for pair in record["pairs"].as_array().unwrap() {
        assert_eq!(
            (&pair["incumbent"]["score"], &pair["challenger"]["score"]),
            (&100.0.into(), &100.0.into())
        );
    }
    toy.write("src/train.sh", &(toy.read("src/train.sh") + "# nothing\n"));
    assert_eq!(toy.piton(&["trial", "-m", "nothing"]).status, 10);
    agrees(&toy);
}

#[test]
fn a_tree_that_is_too_large_to_copy_is_measured_where_it_lies_and_cannot_be_written() {
    let toy = experiment(
        "",
        "touch \"$1/src/left\" 2>/dev/null && exit 9\necho \"{\\\"score\\\": $(cat \"$1/src/value\")}\"\n",
    );
    let text = toy.read("piton.toml").replace("[measure]\n", "[measure]\ntree = \"read-only\"\n");
    toy.write("piton.toml", &text);
    toy.commit("read-only");
    toy.baseline();
    assert_eq!((trial(&toy, "120").status, trial(&toy, "110").status, trial(&toy, "140").status), (0, 10, 0));
    assert!(!toy.place().join("scratch/tree").exists());
}

#[test]
fn what_reads_upwards_from_the_measured_tree_finds_nothing_and_is_denied_nothing() {
    let toy = experiment(
        "[build]\ncommand = [\"sh\", \"{tree}/up.sh\", \"{tree}\"]\ntimeout_s = 9\n",
        "sh \"$1/up.sh\" \"$1\" && sh \"$(dirname \"$0\")/up.sh\" \"$(dirname \"$0\")\" || exit 9\necho '{\"score\": 1}'\n",
    );
    toy.write(
        "up.sh",
        "d=$1; while [ \"$d\" != / ]; do d=$(dirname \"$d\"); for f in .git Cargo.toml package.json node_modules pyproject.toml setup.cfg pytest.ini tox.ini conftest.py go.mod tsconfig.json; do [ -e \"$d/$f\" ] && { echo \"$d/$f is above\" >&2; exit 1; }; done; done; :\n",
    );
    for file in ["Cargo.toml", "package.json", "pyproject.toml", "conftest.py", "go.mod"] {
        toy.write(file, "");
    }
    toy.commit("a project");
    toy.baseline();
    assert!(!toy.place().starts_with(toy.path()), "{}", toy.place().display());
    assert!(!toy.path().join(".git/piton/slots").exists());
}

#[test]
fn an_ordinary_cargo_package_begins() {
    let toy = Scratch::empty();
    let cargo = |args: &[&str]| {
        Command::new("cargo")
            .args(args)
            .current_dir(toy.path())
            .output()
            .is_ok_and(|output| output.status.success())
    };
    if !cargo(&["init", "--quiet", "--name", "hello", "--vcs", "none"]) {
        eprintln!("SKIPPED: there is no cargo");
        return;
    }
    toy.git(&["init", "--quiet", "--initial-branch=main"]);
    assert!(cargo(&["generate-lockfile", "--offline"]));
    toy.write(".gitignore", "/target\n");
    toy.commit("first");
    assert_eq!(toy.piton(&["init"]).status, 0);
    toy.commit("piton");
    toy.baseline();
}

#[test]
fn dependencies_that_git_ignores_are_named_and_a_key_opens_them_for_reading() {
    let toy = experiment(
        "",
        "cat \"$1/node_modules/dep/value\" > /dev/null || exit 9\ntouch \"$1/node_modules/dep/left\" 2>/dev/null && exit 8\necho \"{\\\"score\\\": $(cat \"$1/src/value\")}\"\n",
    );
    toy.write(".gitignore", "node_modules\n");
    toy.commit("ignored");
    toy.write("node_modules/dep/value", "1");
    let said = toy.piton(&["baseline", "--run", "r"]);
    assert_eq!(said.status, 4, "{said:?}");
    assert!(said.err.contains("[scope] from_checkout = [\"node_modules\"]"), "{}", said.err);
    toy.write("piton.toml", &(toy.read("piton.toml") + "from_checkout = [\"node_modules\"]\n"));
    toy.commit("opened");
    assert!(toy.baseline().err.contains("not sealed, read from the checkout: node_modules"));
    assert_eq!((trial(&toy, "120").status, trial(&toy, "110").status, trial(&toy, "140").status), (0, 10, 0));
    assert!(!toy.path().join("node_modules/dep/left").exists());
    agrees(&toy);
    // It is gone, and that is said.
    fs::remove_dir_all(toy.path().join("node_modules")).unwrap();
    let said = trial(&toy, "160");
    assert!(said.err.contains("from_checkout") && said.err.contains("node_modules"), "{said:?}");
}

#[test]
fn what_is_read_from_the_checkout_may_not_be_tracked() {
    let toy = experiment("from_checkout = [\"dep\"]\n", PLAIN);
    toy.write("dep/value", "1");
    toy.commit("tracked");
    let said = toy.piton(&["baseline", "--run", "r"]);
    assert_eq!(said.status, 3, "{said:?}");
    assert!(said.err.contains("dep is tracked by git"), "{}", said.err);
}

#[test]
fn links_are_exported_as_they_are_and_an_edit_may_not_touch_them() {
    let toy = experiment(
        "",
        "[ -L \"$1/CLAUDE.md\" ] && [ -L \"$1/src/latest\" ] && [ -L \"$1/src/out\" ] || exit 9\necho \"{\\\"score\\\": $(cat \"$1/src/latest\")}\"\n",
    );
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("file"), "theirs").unwrap();
    toy.write("AGENTS.md", "hi\n");
    symlink("AGENTS.md", toy.path().join("CLAUDE.md")).unwrap();
    symlink("value", toy.path().join("src/latest")).unwrap();
    symlink(outside.path(), toy.path().join("src/out")).unwrap();
    toy.commit("links");
    toy.baseline();
    assert_eq!((trial(&toy, "120").status, trial(&toy, "110").status, trial(&toy, "140").status), (0, 10, 0));
    assert_eq!(toy.git(&["ls-tree", "HEAD", "src/latest", "src/out"]).matches("120000").count(), 2);
    let edits: [(&str, &dyn Fn()); 4] = [
        ("src/new: a symbolic link", &|| symlink("value", toy.path().join("src/new")).unwrap()),
        ("src/latest: a symbolic link that was changed", &|| {
            fs::remove_file(toy.path().join("src/latest")).unwrap()
        }),
        ("src/latest: a symbolic link that was changed", &|| {
            fs::remove_file(toy.path().join("src/latest")).unwrap();
            symlink("../measure.sh", toy.path().join("src/latest")).unwrap();
        }),
        ("src/latest: a symbolic link that was changed", &|| {
            fs::remove_file(toy.path().join("src/latest")).unwrap();
            toy.write("src/latest", "999");
        }),
    ];
    for (why, edit) in edits {
        toy.git(&["checkout", "--quiet", "--force", "HEAD"]);
        toy.git(&["clean", "--quiet", "-fd"]);
        edit();
        let said = trial(&toy, "160");
        assert_eq!(said.status, 12, "{said:?}");
        assert!(said.out.contains(why), "{why} in {}", said.out);
    }
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1, "nothing was written through a link");
    assert_eq!(fs::read_to_string(outside.path().join("file")).unwrap(), "theirs");
    agrees(&toy);
}

/// A submodule of `toy` at `path` that holds `value`, itself with one at `deep`.
fn with_submodule(toy: &Scratch, path: &str) -> [Scratch; 2] {
    let [lib, deep] = [Scratch::empty(), Scratch::empty()];
    for repository in [&lib, &deep] {
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository.write("value", "1");
        repository.commit("first");
    }
    let add = |to: &Scratch, from: &Scratch, path: &str| {
        let from = from.path().display().to_string();
        to.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &from, path]);
        to.commit("a submodule");
    };
    add(&lib, &deep, "deep");
    add(toy, &lib, path);
    toy.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init", "--recursive"]);
    [lib, deep]
}

#[test]
fn submodules_are_exported_at_their_commits_and_an_edit_may_not_move_them() {
    for path in ["third_party/lib", "src/lib"] {
        let toy = experiment(
            "",
            &format!("cat \"$1/{path}/value\" \"$1/{path}/deep/value\" > /dev/null || exit 9\n{PLAIN}"),
        );
        let _from = with_submodule(&toy, path);
        toy.baseline();
        assert_eq!(
            (trial(&toy, "120").status, trial(&toy, "110").status, trial(&toy, "140").status),
            (0, 10, 0)
        );
        let at = toy.git(&["ls-tree", "HEAD", path]);
        assert!(at.starts_with("160000"), "{at}");
        assert_eq!(toy.git(&["status", "--porcelain"]), "");
        let edits: [&[&str]; 3] = [
            &["sh", "-c", "echo 2 > value"],
            &[
                "git",
                "-c",
                "user.name=t",
                "-c",
                "user.email=t@e",
                "commit",
                "--quiet",
                "--allow-empty",
                "-m",
                "moved",
            ],
            &["sh", "-c", "rm -rf .git value deep; echo 3 > mine"],
        ];
        for edit in edits {
            let within = toy.path().join(path);
            assert!(Command::new(edit[0]).args(&edit[1..]).current_dir(&within).status().unwrap().success());
            let said = trial(&toy, "160");
            assert_eq!(said.status, 12, "{edit:?}: {said:?}");
            assert!(said.out.contains(path), "{}", said.out);
            toy.git(&["submodule", "--quiet", "update", "--init", "--force"]);
            let mut git = Command::new("git");
            git.args(["checkout", "--quiet", "."]).current_dir(&within).status().unwrap();
        }
        agrees(&toy);
    }
}

#[test]
fn a_submodule_that_is_not_checked_out_is_an_empty_directory() {
    let from =
        experiment("", &format!("[ -d \"$1/lib\" ] && [ -z \"$(ls -A \"$1/lib\")\" ] || exit 9\n{PLAIN}"));
    let _from = with_submodule(&from, "lib");
    let toy = Scratch::empty();
    toy.git(&["clone", "--quiet", &from.path().display().to_string(), "."]);
    toy.baseline();
    assert_eq!((trial(&toy, "120").status, trial(&toy, "110").status, trial(&toy, "140").status), (0, 10, 0));
    assert_eq!(toy.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_copy_of_a_checkout_has_a_place_of_its_own() {
    let toy = experiment("", PLAIN);
    toy.baseline();
    let copy = toy.state_home().with_file_name("copy");
    let copied = Command::new("cp").arg("-r").arg(toy.path()).arg(&copy).status();
    assert!(copied.unwrap().success());
    let place = |of: &Path| fs::read_to_string(of.join(".git/piton/place")).unwrap();
    assert_eq!(place(&copy), place(toy.path()), "the pointer came with the copy");
    fs::write(copy.join("src/value"), "300\n").unwrap();
    let said: Said = toy.command(&["trial", "-m", "x"]).current_dir(&copy).output().unwrap().into();
    assert_eq!(said.status, 0, "{said:?}");
    assert_ne!(place(&copy), place(toy.path()));
    assert_eq!((trial(&toy, "120").status, trial(&toy, "110").status), (0, 10));
}

#[test]
fn where_nothing_can_be_laid_piton_refuses_by_the_reason_and_measures_nothing() {
    let toy = experiment("", PLAIN);
    let within = toy.path().join(".git/state");
    let file = toy.state_home().with_file_name("file");
    fs::write(&file, "").unwrap();
    let places = [
        (within.as_path(), ".git lies above it"),
        (&file, "file"),
        (Path::new("relative"), "no absolute path"),
    ];
    for (home, why) in places {
        let said: Said =
            toy.command(&["baseline", "--run", "r"]).env("PITON_STATE_HOME", home).output().unwrap().into();
        assert_eq!(said.status, 3, "{said:?}");
        assert!(said.err.contains(why) && said.err.contains("PITON_STATE_HOME"), "{why} in {}", said.err);
    }
    assert!(!within.exists());
    toy.baseline();
}

#[test]
fn a_side_that_changes_while_it_is_measured_is_no_verdict() {
    let toy = experiment("", "");
    // The experiment lets its command write to where trees lie.
    let home = toy.state_home();
    fs::create_dir_all(&home).unwrap();
    toy.write(
        "measure.sh",
        &format!("v=$(cat \"$1/src/value\"); [ $v = 100 ] || for f in {}/*/slots/?/tree/src/value; do echo 500 > $f; done\necho \"{{\\\"score\\\": $v}}\"\n", home.display()),
    );
    let open = format!("timeout_s = 20\nwrite = [\"{}\"]\n", home.display());
    toy.write("piton.toml", &toy.read("piton.toml").replace("timeout_s = 20\n", &open));
    toy.commit("an open door");
    toy.baseline();
    let said = trial(&toy, "120");
    assert_eq!(said.status, 12, "{said:?}");
    assert!(said.out.contains("is not what was built any more"), "{}", said.out);
    assert_eq!(toy.table()[1][7], "void");
}
