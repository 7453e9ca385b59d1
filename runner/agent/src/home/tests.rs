use super::*;
use rustix::fs::CWD;
use serde_json::Value;

/// A user with a home directory that has everything, and nothing set.
fn user(dir: &Path) -> User {
    let home = dir.join("home");
    for (path, text) in [
        (".claude/settings.json", "{\"hooks\":{}}"),
        (".claude/plugins/p/plugin.json", "{}"),
        (".claude/projects/mine.jsonl", "a secret talk"),
        (".claude/.credentials.json", "{\"claudeAiOauth\":{\"accessToken\":\"a\",\"expiresAt\":1}}"),
        (".claude.json", "{\"mcpServers\":{}}"),
        (".codex/config.toml", "model = \"x\""),
        (".config/opencode/opencode.json", "{}"),
        (".config/git/config", "[user]"),
        (".local/share/opencode/auth.json", "{}"),
        (".gemini/settings.json", "{}"),
        (".gitconfig", "[user]"),
    ] {
        let path = home.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    User { home, env: |_| None }
}

fn made(program: &str, dir: &Path, anew: bool) -> Home {
    Home::of(program, &dir.join("agents"), anew, user(dir)).unwrap().unwrap()
}

#[test]
fn settings_are_copied_and_those_of_others_and_what_was_said_before_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let home = made("claude", dir.path(), true);
    let own = home.root().join("claude");
    for name in ["settings.json", "plugins/p/plugin.json", ".credentials.json", ".claude.json"] {
        assert!(fs::symlink_metadata(own.join(name)).unwrap().is_file(), "{name}");
    }
    assert!(!own.join("projects").exists());
    assert_eq!(home.env(), [("CLAUDE_CONFIG_DIR".into(), own.into_os_string())]);
    assert!(Home::of("sh", dir.path(), true, user(dir.path())).unwrap().is_none());
}

#[test]
fn what_lies_beside_an_agents_settings_is_shown_and_not_copied() {
    let dir = tempfile::tempdir().unwrap();
    let opencode = made("opencode", dir.path(), true);
    let config = opencode.root().join("config");
    assert!(fs::symlink_metadata(config.join("git")).unwrap().is_symlink());
    assert!(fs::symlink_metadata(config.join("opencode/opencode.json")).unwrap().is_file());
    let gemini = made("gemini", dir.path(), true);
    let home = gemini.root().join("home");
    assert!(fs::symlink_metadata(home.join(".gitconfig")).unwrap().is_symlink());
    assert!(fs::symlink_metadata(home.join(".gemini/settings.json")).unwrap().is_file());
}

#[test]
fn sessions_stay_where_they_are_gone_on_with_and_settings_are_laid_anew_in_any_case() {
    let dir = tempfile::tempdir().unwrap();
    let own = made("claude", dir.path(), true).root().join("claude");
    fs::create_dir_all(own.join("projects")).unwrap();
    fs::write(own.join("settings.json"), "{\"hooks\":\"evil\"}").unwrap();
    fs::write(own.join("settings.local.json"), "{\"hooks\":\"evil\"}").unwrap();
    drop(made("claude", dir.path(), false));
    assert_eq!(fs::read_to_string(own.join("settings.json")).unwrap(), "{\"hooks\":{}}");
    assert!(!own.join("settings.local.json").exists() && own.join("projects").exists());
    assert!(!own.join(".credentials.json").exists(), "a login is lent");
    drop(made("claude", dir.path(), true));
    assert!(!own.join("projects").exists());
}

#[test]
fn a_fresh_login_is_brought_back_by_the_next_piton_too_and_never_by_a_link_or_over_the_users_own() {
    let dir = tempfile::tempdir().unwrap();
    let theirs = dir.path().join("home/.claude/.credentials.json");
    let fresh = "{\"claudeAiOauth\":{\"accessToken\":\"b\",\"expiresAt\":2}}";
    let told = || fs::read_to_string(&theirs).unwrap();
    let home = made("claude", dir.path(), true);
    let own = home.root().join("claude/.credentials.json");
    fs::write(&own, fresh).unwrap();
    // As after a kill.
    std::mem::forget(home);
    let fresh_of = || -> Value { serde_json::from_str(&told()).unwrap() };
    let again = Home::of(
        "claude",
        &dir.path().join("agents"),
        false,
        User { home: dir.path().join("home"), env: |_| None },
    );
    // The lock is still held by what was forgotten, so that this is another directory.
    let again = again.unwrap().unwrap();
    assert!(again.root().ends_with("claude-2"));
    let own = again.root().join("claude/.credentials.json");
    fs::write(&own, fresh).unwrap();
    drop(again);
    assert_eq!(fresh_of()["claudeAiOauth"]["accessToken"], "b");
    for attack in ["link", "hard", "moved", "pipe", "directory"] {
        let before = told();
        let home = Home::of(
            "claude",
            &dir.path().join("other"),
            true,
            User { home: dir.path().join("home"), env: |_| None },
        );
        let home = home.unwrap().unwrap();
        let own = home.root().join("claude/.credentials.json");
        let foreign = dir.path().join("foreign");
        fs::write(&foreign, fresh.replace("\"b\"", "\"evil\"")).unwrap();
        fs::remove_file(&own).unwrap();
        match attack {
            "link" => symlink(&foreign, &own).unwrap(),
            "hard" => fs::hard_link(&foreign, &own).unwrap(),
            "pipe" => rustix::fs::mknodat(CWD, &own, rustix::fs::FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
                .unwrap(),
            "directory" => fs::create_dir(&own).unwrap(),
            _ => {
                fs::remove_dir_all(own.parent().unwrap()).unwrap();
                fs::create_dir(dir.path().join("elsewhere")).unwrap();
                fs::copy(&foreign, dir.path().join("elsewhere/.credentials.json")).unwrap();
                symlink(dir.path().join("elsewhere"), own.parent().unwrap()).unwrap();
            }
        }
        drop(home);
        assert_eq!(told(), before, "{attack}");
    }
    assert!(dir.path().join("elsewhere/.credentials.json").exists(), "nothing is removed through a link");
    // The private directory is laid through no link either.
    drop(Home::of(
        "claude",
        &dir.path().join("other"),
        false,
        User { home: dir.path().join("home"), env: |_| None },
    ));
    assert!(!dir.path().join("elsewhere/settings.json").exists());
}

#[test]
fn what_an_agent_left_in_its_directory_keeps_it_from_no_later_call() {
    let dir = tempfile::tempdir().unwrap();
    let own = made("claude", dir.path(), true).root().join("claude");
    assert_eq!(fs::metadata(&own).unwrap().permissions().mode() & 0o777, 0o700);
    let mut deep = own.join("settings.json");
    fs::remove_file(&deep).unwrap();
    for _ in 0..60 {
        deep = deep.join("d");
    }
    fs::create_dir_all(&deep).unwrap();
    fs::set_permissions(own.join("settings.json/d"), fs::Permissions::from_mode(0o000)).unwrap();
    fs::set_permissions(&own, fs::Permissions::from_mode(0o000)).unwrap();
    for anew in [false, true] {
        drop(made("claude", dir.path(), anew));
        assert_eq!(fs::read_to_string(own.join("settings.json")).unwrap(), "{\"hooks\":{}}", "{anew}");
    }
    fs::remove_dir_all(&own).unwrap();
    symlink(dir.path(), &own).unwrap();
    drop(made("claude", dir.path(), false));
    assert!(fs::symlink_metadata(&own).unwrap().is_dir() && !dir.path().join("settings.json").exists());
}
