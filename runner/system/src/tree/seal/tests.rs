use std::os::unix::fs::symlink;

use super::*;

fn laid() -> (tempfile::TempDir, SealedPaths) {
    let dir = tempfile::tempdir().unwrap();
    let files = ["Makefile", "bench.sh", "src/work.sh", "tests/unit/a.sh", "tests/helper.py", "link"];
    for path in &files[..5] {
        fs::create_dir_all(dir.path().join(path).parent().unwrap()).unwrap();
        fs::write(dir.path().join(path), "content\n").unwrap();
    }
    symlink("bench.sh", dir.path().join("link")).unwrap();
    let held = SealedPaths::of(&Scope::of(vec!["src".into()]), files.iter().map(PathBuf::from));
    (dir, held)
}

#[expect(clippy::disallowed_types, reason = "dates a file, as an attacker does")]
fn dated(path: &Path, time: std::time::SystemTime) {
    File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

#[test]
fn whatever_is_done_to_what_is_sealed_is_seen_even_where_it_was_undone() {
    type Attack = (&'static str, fn(&Path));
    let attacks: [Attack; 21] = [
        ("rewritten", |d| fs::write(d.join("bench.sh"), "CONTENT\n").unwrap()),
        ("rewritten and restored", |d| {
            let meta = fs::metadata(d.join("bench.sh")).unwrap();
            while changed(&fs::metadata(d.join("bench.sh")).unwrap()) == changed(&meta) {
                fs::write(d.join("bench.sh"), "forged!\n").unwrap();
                fs::write(d.join("bench.sh"), "content\n").unwrap();
                dated(&d.join("bench.sh"), meta.modified().unwrap());
            }
        }),
        ("rewritten at once, with its time", |d| {
            let was = fs::metadata(d.join("bench.sh")).unwrap().modified().unwrap();
            fs::write(d.join("bench.sh"), "forged!\n").unwrap();
            dated(&d.join("bench.sh"), was);
        }),
        ("removed", |d| fs::remove_file(d.join("bench.sh")).unwrap()),
        ("replaced", |d| {
            fs::write(d.join("x"), "content\n").unwrap();
            fs::rename(d.join("x"), d.join("bench.sh")).unwrap();
        }),
        ("a link in its place", |d| {
            fs::remove_file(d.join("bench.sh")).unwrap();
            symlink("src/work.sh", d.join("bench.sh")).unwrap();
        }),
        ("a directory in its place", |d| {
            fs::remove_file(d.join("bench.sh")).unwrap();
            fs::create_dir(d.join("bench.sh")).unwrap();
        }),
        ("its mode", |d| {
            fs::set_permissions(d.join("bench.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        }),
        ("by another name", |d| {
            fs::hard_link(d.join("bench.sh"), d.join("src/x")).unwrap();
            fs::write(d.join("src/x"), "forged!\n").unwrap();
            fs::remove_file(d.join("src/x")).unwrap();
        }),
        ("a link that points elsewhere", |d| {
            fs::remove_file(d.join("link")).unwrap();
            symlink("src/work.sh", d.join("link")).unwrap();
        }),
        ("a directory moved away and back", |d| {
            fs::rename(d.join("tests"), d.join("elsewhere")).unwrap();
            fs::rename(d.join("elsewhere"), d.join("tests")).unwrap();
        }),
        ("a directory above replaced by a copy", |d| {
            fs::rename(d.join("tests"), d.join("elsewhere")).unwrap();
            super::super::copy(&d.join("elsewhere"), &d.join("tests")).unwrap();
        }),
        ("a directory above replaced by a link", |d| {
            fs::rename(d.join("tests"), d.join("elsewhere")).unwrap();
            symlink("elsewhere", d.join("tests")).unwrap();
        }),
        ("a file that goes first", |d| fs::write(d.join("GNUmakefile"), "").unwrap()),
        ("a file that goes first, for a moment", |d| {
            fs::write(d.join("GNUmakefile"), "").unwrap();
            fs::remove_file(d.join("GNUmakefile")).unwrap();
        }),
        ("the same, moved there", |d| {
            fs::write(d.join("src/x"), "").unwrap();
            fs::rename(d.join("src/x"), d.join("tests/conftest.py")).unwrap();
            fs::remove_file(d.join("tests/conftest.py")).unwrap();
        }),
        ("a link of that name", |d| symlink("nowhere", d.join("sitecustomize.py")).unwrap()),
        ("a package instead of a module", |d| fs::create_dir(d.join("tests/helper")).unwrap()),
        ("a test that nobody wrote", |d| fs::write(d.join("src/test_more.py"), "").unwrap()),
        ("what was compiled earlier", |d| {
            let cache = d.join("tests/__pycache__");
            fs::set_permissions(&cache, fs::Permissions::from_mode(0o755)).unwrap();
            fs::write(cache.join("helper.cpython-312.pyc"), "forged").unwrap();
        }),
        ("another cache", |d| {
            fs::rename(d.join("tests/__pycache__"), d.join("src/x")).unwrap();
            fs::create_dir(d.join("tests/__pycache__")).unwrap();
        }),
    ];
    for (name, attack) in attacks {
        let (dir, held) = laid();
        let seal = Seal::lay(dir.path(), &held, false).unwrap();
        assert_eq!(seal.broken().unwrap(), None, "{name}");
        attack(dir.path());
        assert!(seal.broken().unwrap().is_some(), "{name}");
    }
}

#[test]
fn what_a_job_makes_and_changes_of_its_own_is_nobodys_business() {
    let (dir, held) = laid();
    let seal = Seal::lay(dir.path(), &held, false).unwrap();
    let d = dir.path();
    fs::write(d.join("src/work.sh"), "changed").unwrap();
    fs::create_dir_all(d.join("target/debug")).unwrap();
    fs::create_dir_all(d.join("src/__pycache__")).unwrap();
    for path in ["prog", "tests/unit/a.o", "target/Makefile", "tests/out.log", ".coverage"] {
        fs::write(d.join(path), "").unwrap();
    }
    fs::remove_file(d.join("prog")).unwrap();
    fs::read(d.join("bench.sh")).unwrap();
    assert_eq!(seal.broken().unwrap(), None);
}

#[test]
fn what_one_build_alone_made_is_found_and_what_both_made_is_not() {
    let (dir, held) = laid();
    let other = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("config.mk"), "").unwrap();
    assert!(held.made_here_alone(dir.path(), &[other.path()]).unwrap().contains("config.mk"));
    fs::write(other.path().join("config.mk"), "another").unwrap();
    assert_eq!(held.made_here_alone(dir.path(), &[other.path()]), None);
}

#[test]
fn the_list_for_the_walls_has_directories_first_and_names_no_link() {
    let (dir, held) = laid();
    let (seal, list) = (Seal::lay(dir.path(), &held, false).unwrap(), dir.path().join("src/list"));
    assert!(seal.list(&list).unwrap());
    let text = String::from_utf8(fs::read(list).unwrap()).unwrap();
    let root = format!("{}/", dir.path().display());
    let lines: Vec<String> = text.split_terminator('\0').map(|line| line.replace(&root, " ")).collect();
    let expected = [
        "w tests",
        "w tests/unit",
        "r Makefile",
        "r bench.sh",
        "r tests/helper.py",
        "r tests/unit/a.sh",
        "r tests/__pycache__",
    ];
    assert_eq!(lines, expected);
}
