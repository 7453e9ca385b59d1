//! `piton recipe`: a recipe enters a configuration file whole or not at all, and nothing else of the file changes.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

use piton_tests::{Said, Scratch};

const RECIPE: &str = "[model]\nname = \"Qwen-7B\"\npath = \"/m/7b.gguf\"\n\n[knobs]\nkv_bits = 4\nub = \"unset\"\n\n[flags]\nkv_bits = \"--kv-bits\"\n";
const CONFIG: &str = "# provider\nmodel: Llama-1B  # the biggest that fits\ntoken: 'do not touch'\nub: 512\n";
const APPLIED: &str =
    "# provider\nmodel: Qwen-7B  # the biggest that fits\ntoken: 'do not touch'\nkv_bits: 4\n";

/// A directory with a recipe and a configuration file, and no repository.
fn scratch() -> Scratch {
    let scratch = Scratch::empty();
    scratch.write("recipe.toml", RECIPE);
    scratch.write("config.yaml", CONFIG);
    scratch
}

fn apply(scratch: &Scratch, more: &[&str]) -> Said {
    scratch.piton(&[&["recipe", "apply", "recipe.toml", "--to", "config.yaml"], more].concat())
}

/// Files beside the recipe and the configuration file.
fn others(scratch: &Scratch) -> Vec<PathBuf> {
    let known = ["recipe.toml", "config.yaml"];
    let all = fs::read_dir(scratch.path()).unwrap().flatten();
    let mut found: Vec<PathBuf> =
        all.filter(|entry| !known.contains(&entry.file_name().to_str().unwrap())).map(|e| e.path()).collect();
    found.sort();
    found
}

#[test]
fn a_recipe_is_applied_once_with_a_backup_and_the_second_time_nothing_is_written() {
    let scratch = scratch();
    let config = scratch.path().join("config.yaml");
    fs::set_permissions(&config, fs::Permissions::from_mode(0o640)).unwrap();
    let said = apply(&scratch, &[]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.out.starts_with("applied: model=Qwen-7B kv_bits=4 ub=unset (backup at "), "{said:?}");
    assert_eq!(scratch.read("config.yaml"), APPLIED);
    let [backup] = others(&scratch).try_into().unwrap();
    assert_eq!(fs::read_to_string(&backup).unwrap(), CONFIG);
    for file in [&config, &backup] {
        assert_eq!(fs::metadata(file).unwrap().mode() & 0o7777, 0o640);
    }
    let inode = fs::metadata(&config).unwrap().ino();
    let said = apply(&scratch, &["--json"]);
    assert_eq!((said.status, &said.json()["written"]), (0, &false.into()), "{said:?}");
    assert_eq!((fs::metadata(&config).unwrap().ino(), others(&scratch).len()), (inode, 1));
}

#[test]
fn backups_of_one_second_have_names_of_their_own() {
    let scratch = scratch();
    for _ in 0..4 {
        scratch.write("config.yaml", CONFIG);
        assert_eq!(apply(&scratch, &[]).status, 0);
    }
    let backups = others(&scratch);
    assert_eq!(backups.len(), 4);
    assert!(backups.iter().all(|backup| fs::read_to_string(backup).unwrap() == CONFIG));
}

#[test]
fn what_is_only_asked_for_is_not_written() {
    let scratch = scratch();
    let said = apply(&scratch, &["--dry-run"]);
    assert_eq!(
        (said.status, said.out.as_str()),
        (0, "line 2: model: Llama-1B -> Qwen-7B\nnew: kv_bits: 4\nline 4: ub: 512 -> left out\n")
    );
    let said = apply(&scratch, &["--compare"]);
    assert_eq!(said.status, 10, "{said:?}");
    assert!(said.out.contains("model    Llama-1B  Qwen-7B  differs"), "{}", said.out);
    assert_eq!((scratch.read("config.yaml").as_str(), others(&scratch).len()), (CONFIG, 0));
    scratch.write("config.yaml", APPLIED);
    assert_eq!(apply(&scratch, &["--compare"]).status, 0);
}

#[test]
fn keys_say_where_each_value_goes_in_each_format() {
    let scratch = scratch();
    for (file, before, after) in [
        ("c.toml", "a = 1 # one\n[m]\nfile = 'x'\nb = 8\n", "a = 1 # one\n[m]\nfile = '/m/7b.gguf'\nb = 4\n"),
        (
            "c.json",
            "{\n  // two\n  \"m\": {\"file\": \"x\", \"b\": 8}\n}",
            "{\n  // two\n  \"m\": {\"file\": \"/m/7b.gguf\", \"b\": 4}\n}",
        ),
        ("c.yml", "m:\n  file: x # y\n  b: 8\n", "m:\n  file: /m/7b.gguf # y\n  b: 4\n"),
    ] {
        scratch.write(file, before);
        let said = scratch.piton(&[
            "recipe",
            "apply",
            "recipe.toml",
            "--to",
            file,
            "--keys",
            "model.path=m.file,kv_bits=m.b",
        ]);
        assert_eq!((said.status, scratch.read(file).as_str()), (0, after), "{said:?}");
    }
    scratch.write("server", "# of systemd\nMODEL=x\n");
    let keys = ["--format", "env", "--keys", "model=MODEL"];
    let said = scratch.piton(&[&["recipe", "apply", "recipe.toml", "--to", "server"][..], &keys].concat());
    assert_eq!(
        (said.status, scratch.read("server").as_str()),
        (0, "# of systemd\nMODEL=Qwen-7B\n"),
        "{said:?}"
    );
}

#[test]
fn what_cannot_be_edited_without_loss_is_refused_and_left_as_it_is() {
    let scratch = scratch();
    let to = |file: &str| scratch.piton(&["recipe", "apply", "recipe.toml", "--to", file]);
    scratch.write("two.yaml", "model: a\n---\nmodel: b\n");
    scratch.write("anchor.yaml", "model: &m a\nother: *m\n");
    scratch.write("linked.yaml", CONFIG);
    fs::hard_link(scratch.path().join("linked.yaml"), scratch.path().join("name.yaml")).unwrap();
    symlink("config.yaml", scratch.path().join("link.yaml")).unwrap();
    fs::create_dir(scratch.path().join("dir.yaml")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, scratch.path().join("pipe.yaml"), 0o600.into()).unwrap();
    fs::write(scratch.path().join("latin.yaml"), b"model: \xe9\n").unwrap();
    let before = scratch.standing();
    for (file, word) in [
        ("two.yaml", "line 2: a second document"),
        ("anchor.yaml", "line 1: `model` is not changed: it carries an anchor"),
        ("linked.yaml", "another name"),
        ("link.yaml", "it is a link"),
        ("dir.yaml", "no plain file"),
        ("pipe.yaml", "no plain file"),
        ("latin.yaml", "no UTF-8"),
    ] {
        let said = to(file);
        assert!(said.status == 3 && said.err.contains(word), "{file}: {said:?}");
    }
    assert_eq!(to("absent.yaml").status, 1);
    assert_eq!(to("what.ini").status, 2);
    assert_eq!(scratch.standing(), before);
}

#[test]
fn a_kill_before_the_new_file_is_in_place_leaves_the_old_one() {
    let scratch = scratch();
    let mut command = scratch.command(&["recipe", "apply", "recipe.toml", "--to", "config.yaml"]);
    let said: Said = command.env("PITON_FAILPOINT", "replace_kept").output().unwrap().into();
    assert_eq!((said.status, scratch.read("config.yaml").as_str()), (-1, CONFIG));
    assert_eq!((apply(&scratch, &[]).status, scratch.read("config.yaml").as_str()), (0, APPLIED));
}

#[test]
fn of_many_who_apply_at_once_each_sees_a_whole_file() {
    let scratch = scratch();
    for model in ["a", "b"] {
        scratch.write(&format!("{model}.toml"), &format!("[model]\nname = \"{model}\"\n"));
    }
    let one = |model: &str| {
        let file = format!("{model}.toml");
        let command = ["recipe", "apply", &file, "--to", "config.yaml", "--json"];
        scratch.command(&command).stdout(std::process::Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<_> = (0..12).map(|number| one(["a", "b"][number % 2])).collect();
    let mut written = 0;
    for child in children {
        let said: Said = child.wait_with_output().unwrap().into();
        assert_eq!(said.status, 0, "{said:?}");
        written += usize::from(said.json()["written"] == true);
    }
    let backups = others(&scratch).into_iter().filter(|path| path.to_str().unwrap().contains(".bak-"));
    let texts: Vec<String> = backups.map(|path| fs::read_to_string(path).unwrap()).collect();
    assert_eq!(texts.len(), written);
    let whole = ["a", "b", "Llama-1B"].map(|model| CONFIG.replace("Llama-1B", model));
    assert!(texts.iter().chain([&scratch.read("config.yaml")]).all(|text| whole.contains(text)));
}

#[test]
fn a_recipe_is_shown_hashed_and_compared() {
    let scratch = scratch();
    let shown = scratch.piton(&["recipe", "show", "recipe.toml"]);
    assert!(shown.out.contains("arguments  --kv-bits 4\n"), "{}", shown.out);
    let exported = scratch.piton(&["recipe", "show", "recipe.toml", "--json"]);
    scratch.write("recipe.json", &exported.out);
    let hash = |file: &str| scratch.piton(&["recipe", "hash", file]);
    let said = hash("recipe.toml");
    assert_eq!(said.out, hash("recipe.json").out);
    assert!(said.err.contains("[machine]"), "{said:?}");
    assert_eq!(scratch.piton(&["recipe", "diff", "recipe.toml", "recipe.json"]).status, 0);
    scratch.write("recipe.json", &exported.out.replace("4", "8"));
    let said = scratch.piton(&["recipe", "diff", "recipe.toml", "recipe.json", "--json"]);
    assert_eq!((said.status, &said.json()[0]["name"]), (10, &"kv_bits".into()), "{said:?}");
    scratch.write("bad.toml", "[model]\nname = \"m\"\n[knobs]\nkv = []\n");
    let said = hash("bad.toml");
    assert!(said.status == 2 && said.err.contains("cause: line 4: knob `kv` holds no text"), "{said:?}");
}

#[test]
fn the_published_recipe_has_the_published_hash() {
    let scratch = Scratch::empty();
    scratch.write("recipe.json", r#"{"binary_version":"1.4.0","candidate_models":["mlx-community/Qwen2.5-Coder-7B-Instruct-4bit","mlx-community/Llama-3.2-3B-Instruct-4bit"],"chip":"Apple M2","knobs":{"kv_bits":4,"max_concurrency_override":1,"max_context_override":4000},"model":"mlx-community/Qwen2.5-Coder-7B-Instruct-4bit","ram_gb":16,"target_context":4000}"#);
    let said = scratch.piton(&["recipe", "hash", "recipe.json"]);
    assert!(said.out.starts_with("sha256:eb5f8f90") && said.out.ends_with("2f9d\n"), "{said:?}");
    assert_eq!(said.err, "");
}
