//! Where a user's programs keep what they need: interpreters, environments, version managers.
//!
//! Found by following links, `pyvenv.cfg` and the first line of scripts, so that a job can start what its author starts. Never a
//! home directory as a whole, and of what lies directly in one only the parts that programs are made of: tokens lie beside them.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

/// Names of directories that hold programs, beside which the rest of them lies.
const PROGRAMS: [&str; 5] = ["bin", "sbin", "shims", "Scripts", "condabin"];
/// Parts of an installation that hold programs and what they load: nothing that a person or a service is known by.
const PARTS: [&str; 34] = [
    "bin",
    "sbin",
    "lib",
    "lib32",
    "lib64",
    "libexec",
    "include",
    "share",
    "shims",
    "versions",
    "version",
    "plugins",
    "completions",
    "pyenv.d",
    "rbenv.d",
    "nodenv.d",
    "pyvenv.cfg",
    "conda-meta",
    "condabin",
    "envs",
    "pkgs",
    "ssl",
    "etc",
    "installs",
    "install",
    "tools",
    "toolchains",
    "candidates",
    "sdk",
    "pkg",
    "opt",
    "Cellar",
    "Homebrew",
    "ghc",
];
/// What makes a directory the root of installed programs, even where it is a clone of a repository.
const MARKS: [&str; 8] =
    ["pyvenv.cfg", "conda-meta", "versions", "shims", "installs", "candidates", "Cellar", "nvm.sh"];
/// Variables that say where version managers and toolchains are, and where they are without them, below the home directory.
const ROOTS: [(&str, Option<&str>); 22] = [
    ("PYENV_ROOT", Some(".pyenv")),
    ("RBENV_ROOT", Some(".rbenv")),
    ("NODENV_ROOT", Some(".nodenv")),
    ("GOENV_ROOT", Some(".goenv")),
    ("JENV_ROOT", Some(".jenv")),
    ("PLENV_ROOT", Some(".plenv")),
    ("ASDF_DIR", Some(".asdf")),
    ("ASDF_DATA_DIR", Some(".asdf")),
    ("NVM_DIR", Some(".nvm")),
    ("VOLTA_HOME", Some(".volta")),
    ("SDKMAN_DIR", Some(".sdkman")),
    ("MISE_DATA_DIR", Some(".local/share/mise")),
    ("MISE_CONFIG_DIR", Some(".config/mise")),
    ("UV_PYTHON_INSTALL_DIR", Some(".local/share/uv/python")),
    ("GOMODCACHE", Some("go/pkg/mod")),
    ("JAVA_HOME", None),
    ("GOROOT", None),
    ("DOTNET_ROOT", None),
    ("CUDA_HOME", None),
    ("CUDA_PATH", None),
    ("ROCM_PATH", None),
    ("CONDA_PREFIX", None),
];
/// Settings of version managers that hold versions and nothing else.
const SETTINGS: [&str; 5] = [".tool-versions", ".asdfrc", ".python-version", ".node-version", ".nvmrc"];
/// More steps than that lead in a circle.
const MOST_STEPS: usize = 64;

/// The user's home; a path that is not there for a user who has none.
pub fn home() -> PathBuf {
    std::env::home_dir().filter(|home| home.is_absolute()).unwrap_or_else(|| "/no/home".into())
}

/// Where cargo keeps what it fetched.
pub fn cargo_home() -> PathBuf {
    std::env::var_os("CARGO_HOME").map_or_else(|| home().join(".cargo"), PathBuf::from)
}

/// Where rustup keeps its toolchains.
pub(crate) fn rustup() -> PathBuf {
    std::env::var_os("RUSTUP_HOME").map_or_else(|| home().join(".rustup"), PathBuf::from)
}

/// Where this user's programs are that are not the system's: of each directory in PATH, what belongs to it, and of each version
/// manager what it installed.
pub(crate) fn everywhere() -> Vec<PathBuf> {
    let home = home();
    let mut all = BTreeSet::from([rustup()]);
    all.extend(cargo());
    let path = std::env::var_os("PATH").unwrap_or_default();
    for dir in std::env::split_paths(&path).filter(|dir| dir.is_absolute()) {
        // A directory of a shell's own may be a link to where the programs are.
        let real = fs::canonicalize(&dir).ok().filter(|real| *real != dir);
        for dir in [Some(dir), real].into_iter().flatten() {
            all.extend(belonging(&dir, &home));
            // Where its programs come from: an environment's interpreter lies elsewhere.
            let python =
                ["python3", "python"].map(|name| dir.join(name)).into_iter().find(|file| file.exists());
            all.extend(python.filter(|_| environment(&dir).is_some()).iter().flat_map(|file| of(file)));
        }
    }
    for (_, root) in roots() {
        all.extend(parts(&root, &home));
    }
    all.extend(SETTINGS.map(|name| home.join(name)));
    tidy(all, &home)
}

/// What a program needs that is started by this path: its installation, that of the interpreter that its first line names, and
/// what each of them is a link to.
pub fn of(program: &Path) -> Vec<PathBuf> {
    let home = home();
    let (mut all, mut seen, mut next) = (BTreeSet::new(), BTreeSet::new(), vec![program.to_owned()]);
    while let Some(file) = next.pop().filter(|_| seen.len() < MOST_STEPS) {
        if !file.is_absolute() || !file.exists() || !seen.insert(file.clone()) {
            continue;
        }
        all.insert(file.clone());
        if let Some(dir) = file.parent().filter(|dir| holds_programs(dir) || environment(dir).is_some()) {
            all.extend(belonging(dir, &home));
            next.extend(environment(dir).iter().flat_map(|text| bases(text)));
        }
        // A directory on the way may be the link.
        let real = fs::canonicalize(&file).ok();
        match fs::read_link(&file) {
            Ok(target) => next.push(plain(&file.parent().unwrap_or(Path::new("/")).join(target))),
            Err(_) => next.extend(interpreters(&file)),
        }
        next.extend(real);
    }
    tidy(all, &home)
}

/// Variables that lead programs to where they are installed: with a home directory of a job's own they would look there.
pub fn variables() -> Vec<(OsString, OsString)> {
    roots().into_iter().map(|(name, root)| (name.into(), root.into())).collect()
}

/// Where version managers and toolchains are, by the variable that says so.
fn roots() -> Vec<(&'static str, PathBuf)> {
    let home = home();
    let root = |(name, usual): &(&'static str, Option<&str>)| {
        let named = std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let root = named.or_else(|| usual.map(|usual| home.join(usual)))?;
        (root.is_dir() && !home.starts_with(&root)).then_some((*name, root))
    };
    ROOTS.iter().filter_map(root).collect()
}

/// What a build needs of cargo's home: not the credentials.
fn cargo() -> Vec<PathBuf> {
    let parts = ["bin", "registry", "git", "config.toml", "config", "env"];
    let caches = [".package-cache", ".package-cache-mutate", ".global-cache"];
    parts.iter().chain(&caches).map(|part| cargo_home().join(part)).collect()
}

fn holds_programs(dir: &Path) -> bool {
    dir.file_name().and_then(|name| name.to_str()).is_some_and(|name| PROGRAMS.contains(&name))
}

/// What belongs to the programs of a directory.
fn belonging(dir: &Path, home: &Path) -> Vec<PathBuf> {
    let above = dir.parent().filter(|above| **above != *"/" && !home.starts_with(above));
    match above {
        Some(above) if *above == home.join(".local") => {
            ["bin", "lib", "share/uv", "share/pipx"].map(|part| above.join(part)).to_vec()
        }
        Some(above) if *above == cargo_home() => cargo(),
        Some(above) if holds_programs(dir) => {
            let clone = above.join(".git").exists();
            if clone && MARKS.iter().all(|mark| !above.join(mark).exists()) {
                // Somebody's project, whose programs are in PATH.
                vec![dir.to_owned()]
            } else {
                parts(above, home)
            }
        }
        _ => vec![dir.to_owned()],
    }
}

/// An installation: all of it, or where it is a clone or lies directly in the home directory, what programs are made of.
fn parts(root: &Path, home: &Path) -> Vec<PathBuf> {
    if root.join(".git").exists() || root.parent() == Some(home) {
        let own = root.join("conda-meta").exists() || root.join("nvm.sh").exists();
        let files = own.then(|| ["etc", "nvm.sh", "nvm-exec", "alias"].map(|part| root.join(part)));
        return PARTS.iter().map(|part| root.join(part)).chain(files.into_iter().flatten()).collect();
    }
    vec![root.to_owned()]
}

/// The text of the `pyvenv.cfg` of an environment whose programs lie in `dir`.
fn environment(dir: &Path) -> Option<String> {
    fs::read_to_string(dir.parent()?.join("pyvenv.cfg")).ok()
}

/// The interpreters that an environment was made from, by its `pyvenv.cfg`.
fn bases(text: &str) -> Vec<PathBuf> {
    let value = |line: &str| {
        let (key, value) = line.split_once('=')?;
        let value = PathBuf::from(value.trim());
        match key.trim() {
            "home" => {
                ["python3", "python"].map(|name| value.join(name)).into_iter().find(|file| file.exists())
            }
            "executable" | "base-executable" => Some(value),
            "base-prefix" => Some(value.join("bin/python3")),
            _ => None,
        }
    };
    text.lines().filter_map(value).collect()
}

/// What a script's first lines start: by a path, by `env`, or by `exec` where a path was too long for the first line.
fn interpreters(script: &Path) -> Vec<PathBuf> {
    let mut head = vec![];
    let read = fs::File::open(script).and_then(|file| file.take(1024).read_to_end(&mut head));
    if read.is_err() || !head.starts_with(b"#!") {
        return vec![];
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default()[2..].split_whitespace();
    let first = words.next().unwrap_or_default();
    let mut all = vec![PathBuf::from(first)];
    if first.rsplit('/').next() == Some("env") {
        all.extend(words.find(|word| !word.starts_with('-') && !word.contains('=')).and_then(in_path));
    }
    let second = lines.next().unwrap_or_default();
    if let Some(rest) = second.strip_prefix("'''exec' ") {
        let path =
            rest.strip_prefix('"').map_or_else(|| rest.split(' ').next(), |rest| rest.split('"').next());
        all.extend(path.map(PathBuf::from));
    }
    all
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// A path without `.` and `..`, as it is written.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

/// What is there, and neither everything nor a home directory.
fn tidy(all: BTreeSet<PathBuf>, home: &Path) -> Vec<PathBuf> {
    let kept =
        |path: &PathBuf| path.is_absolute() && path.exists() && !home.starts_with(path) && **path != *"/";
    all.into_iter().filter(kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn file(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn place() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap();
        (dir, path)
    }

    #[test]
    fn no_home_directory_is_open_as_a_whole_and_no_credentials_are() {
        let credentials = cargo_home().join("credentials.toml");
        for path in everywhere() {
            assert!(!home().starts_with(&path), "{}", path.display());
            assert!(!credentials.starts_with(&path), "{}", path.display());
        }
    }

    #[test]
    fn an_environment_is_open_with_the_interpreter_that_it_was_made_from() {
        let (_dir, at) = place();
        file(&at.join("python/bin/python3.12"), "\x7fELF");
        symlink("python3.12", at.join("python/bin/python3")).unwrap();
        file(
            &at.join("venv/pyvenv.cfg"),
            &format!("home = {}\nversion = 3.12\n", at.join("python/bin").display()),
        );
        fs::create_dir_all(at.join("venv/bin")).unwrap();
        symlink(at.join("python/bin/python3"), at.join("venv/bin/python")).unwrap();
        file(&at.join("venv/bin/pytest"), &format!("#!{}\nimport x\n", at.join("venv/bin/python").display()));
        for program in ["python", "pytest"] {
            let open = of(&at.join("venv/bin").join(program));
            assert!(
                open.contains(&at.join("venv")) && open.contains(&at.join("python")),
                "{program}: {open:?}"
            );
            assert!(!open.contains(&at), "{open:?}");
        }
    }

    #[test]
    fn a_clone_is_open_where_it_installs_programs_and_never_with_what_a_project_keeps() {
        let (_dir, at) = place();
        for name in
            ["pyenv/.git/config", "pyenv/versions/3.12.1/bin/python3", "pyenv/libexec/pyenv", "pyenv/version"]
        {
            file(&at.join(name), "");
        }
        file(&at.join("pyenv/shims/python3"), "#!/usr/bin/env bash\n");
        file(&at.join("project/.git/config"), "");
        file(&at.join("project/bin/tool"), "");
        let open = of(&at.join("pyenv/shims/python3"));
        for part in ["versions", "libexec", "shims", "version"] {
            assert!(open.contains(&at.join("pyenv").join(part)), "{part}: {open:?}");
        }
        assert!(!open.contains(&at.join("pyenv")) && !open.contains(&at.join("pyenv/.git")));
        let open = of(&at.join("project/bin/tool"));
        assert!(open.contains(&at.join("project/bin")) && !open.contains(&at.join("project")), "{open:?}");
    }

    #[test]
    fn of_what_lies_directly_in_the_home_directory_only_the_programs_are_open() {
        let (_dir, at) = place();
        file(&at.join(".fly/bin/flyctl"), "");
        file(&at.join(".fly/config.yml"), "access_token: x");
        file(&at.join(".local/bin/tool"), "");
        let open = belonging(&at.join(".fly/bin"), &at);
        assert!(open.contains(&at.join(".fly/bin")) && !open.contains(&at.join(".fly")));
        assert!(!open.iter().any(|path| at.join(".fly/config.yml").starts_with(path)));
        assert!(!belonging(&at.join(".local/bin"), &at).contains(&at.join(".local")));
        // Programs in the home directory itself, and a home in which the home directory lies.
        assert_eq!(belonging(&at.join("bin"), &at), [at.join("bin")]);
        assert_eq!(belonging(&at.join("bin"), &at.join("me")), [at.join("bin")]);
    }

    #[test]
    fn a_script_names_its_interpreter_in_each_way_that_is_in_use() {
        let (_dir, at) = place();
        let script = at.join("script");
        let of = |text: &str| {
            file(&script, text);
            interpreters(&script)
        };
        assert_eq!(of("#! /a/python -u\n"), [PathBuf::from("/a/python")]);
        assert_eq!(
            of("#!/bin/sh\n'''exec' \"/a b/python\" \"$0\" \"$@\"\n' '''\n")[1],
            PathBuf::from("/a b/python")
        );
        assert_eq!(of("#!/bin/sh\n'''exec' /a/python \"$0\" \"$@\"\n")[1], PathBuf::from("/a/python"));
        assert!(of("#!/usr/bin/env -S A=1 sh -x\n")[1].ends_with("sh"));
        assert!(of("import x\n").is_empty());
    }

    #[test]
    fn links_that_lead_in_a_circle_come_to_an_end() {
        let (_dir, at) = place();
        symlink("b", at.join("a")).unwrap();
        symlink("a", at.join("b")).unwrap();
        assert!(of(&at.join("a")).is_empty());
    }
}
