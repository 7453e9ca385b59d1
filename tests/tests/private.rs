//! An agent works on a copy of its own kind's settings, whether `climb` starts it or a person does inside `guard`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use piton_tests::{Said, Scratch, piton};
use tempfile::TempDir;

/// What the user has in the home directory. Each holds the word `users`.
const HOME: [(&str, &str); 14] = [
    (".claude/settings.json", "{\"hooks\":{},\"users\":1}"),
    (".claude/plugins/p/plugin.json", "{\"users\":1}"),
    (".claude/commands/c.md", "users"),
    (
        ".claude/.credentials.json",
        "{\"claudeAiOauth\":{\"accessToken\":\"old\",\"expiresAt\":1,\"users\":1}}",
    ),
    (".claude.json", "{\"mcpServers\":{},\"users\":1}"),
    (".codex/config.toml", "users = 1"),
    (".codex/auth.json", "{\"OPENAI_API_KEY\":\"users\"}"),
    (".gemini/settings.json", "{\"users\":1}"),
    (".config/goose/config.yaml", "users: 1"),
    (".config/opencode/opencode.json", "{\"users\":1}"),
    (".local/share/opencode/auth.json", "{\"users\":1}"),
    (".config/git/config", "[user]\nname = users\n"),
    (".bashrc", "# users"),
    (".gitconfig", "[user]\nname = users\n"),
];

/// Does its worst to every file of the user's, by every way there is, and says what it sees of its own.
const WORST: &str = r#"
own=$PWD/.piton/agent; mkdir -p "$own"
[ -n "$H" ] || H=$HOME
for f in .claude/settings.json .claude/plugins/p/plugin.json .claude/commands/c.md .claude/.credentials.json .claude.json .codex/config.toml \
    .codex/auth.json .gemini/settings.json .config/goose/config.yaml .config/opencode/opencode.json .local/share/opencode/auth.json .bashrc; do
  echo evil >> "$H/$f"; echo evil > "$H/$f"; true > "$H/$f"; rm -f "$H/$f"; mv "$H/$f" "$H/$f.old"; cp "$own/n" "$H/$f"; truncate -s 0 "$H/$f"
  echo evil > "$H/$f.new" && mv "$H/$f.new" "$H/$f"; ln -sf /etc/passwd "$H/$f"; echo evil > "$(dirname "$H/$f")/hooks.json"
  mkdir "$(dirname "$H/$f")/hooks"; mkfifo "$(dirname "$H/$f")/pipe"
  for private in "$CLAUDE_CONFIG_DIR" "$own"; do
    [ -d "$private" ] || continue
    ln "$H/$f" "$private/hard" && echo evil >> "$private/hard"
    ln -sfn "$H/$f" "$private/soft" && echo evil >> "$private/soft"
    ln -sfn "$(dirname "$H/$f")" "$private/dir" && echo evil > "$private/dir/planted"
    (cd "$private/dir" && echo evil > planted; cd .. && echo evil > planted2)
    rm -f "$private/hard" "$private/soft" "$private/dir"
  done
  python3 -c "open('$H/$f','w').write('evil')"; perl -e "open(F,'>>','$H/$f'); print F 'evil'"
  (setsid sh -c "echo evil >> '$H/$f'" &) 
done 2>/dev/null
cat "$CLAUDE_CONFIG_DIR/settings.json" "$CLAUDE_CONFIG_DIR/.claude.json" "$CLAUDE_CONFIG_DIR/plugins/p/plugin.json" > "$own/saw" 2>/dev/null
"#;

struct Person {
    home: TempDir,
    bin: TempDir,
    toy: Scratch,
}

impl Person {
    fn new() -> Self {
        let (home, bin) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        for (path, text) in HOME {
            let path = home.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let toy = Scratch::toy();
        toy.baseline();
        Self { home, bin, toy }
    }

    /// A program of this name before all others.
    fn has(&self, name: &str, script: &str) {
        let path = self.bin.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.toy.command(args);
        for moved in [
            "CLAUDE_CONFIG_DIR",
            "CODEX_HOME",
            "GOOSE_PATH_ROOT",
            "XDG_CONFIG_HOME",
            "XDG_DATA_HOME",
            "XDG_STATE_HOME",
        ] {
            command.env_remove(moved);
        }
        let path = format!("{}:{}", self.bin.path().display(), std::env::var("PATH").unwrap());
        command
            .env("HOME", self.home.path())
            .env("H", self.home.path())
            .env("PATH", path)
            .env("PITON", piton())
            .env("PITON_PAUSE_UNIT_MS", "5");
        command
    }

    fn run(&self, args: &[&str]) -> Said {
        self.command(args).output().unwrap().into()
    }

    fn files(&self) -> BTreeMap<PathBuf, String> {
        let (mut all, mut open) = (BTreeMap::new(), vec![self.home.path().to_owned()]);
        while let Some(dir) = open.pop() {
            for entry in fs::read_dir(&dir).unwrap().flatten() {
                let meta = fs::symlink_metadata(entry.path()).unwrap();
                if meta.is_dir() {
                    open.push(entry.path());
                } else {
                    let text = if meta.is_file() {
                        fs::read_to_string(entry.path()).unwrap()
                    } else {
                        "no file".into()
                    };
                    all.insert(
                        entry.path(),
                        format!("{:o} {} {text}", meta.permissions().mode(), nlink(&meta)),
                    );
                }
            }
        }
        all
    }

    /// What the login is now.
    fn login(&self) -> String {
        fs::read_to_string(self.home.path().join(".claude/.credentials.json")).unwrap()
    }
}

fn nlink(meta: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(meta)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// What an agent of `climb` prints that has done what it was asked.
const ENDS: &str = r#"
sed -i 's/= [0-9]*;/= 90;/' src/speed.rs 2>/dev/null || echo 'const SPEED: u32 = 90;' > src/speed.rs
echo '{"type":"result","subtype":"success","is_error":false,"num_turns":1,"result":"done","total_cost_usd":0,"permission_denials":[]}'
"#;

#[test]
fn no_settings_of_the_users_are_written_by_an_agent_of_climb_and_its_own_are_there_to_read() {
    let person = Person::new();
    person.has("claude", &format!("{WORST}{ENDS}cp .piton/agent/saw \"$CLAUDE_CONFIG_DIR/saw\"\n"));
    let before = person.files();
    let said = person.run(&["climb", "--run", "r", "--agent", "claude", "--trials", "1"]);
    assert_eq!(person.files(), before, "{said:?}");
    assert_eq!(person.toy.table().len(), 2, "{said:?}");
    let own = person.toy.place().join("agents/climb/claude-1/claude");
    assert_eq!(read(&own.join("saw")).matches("users").count(), 3, "{said:?}");
    assert!(!own.join(".credentials.json").exists(), "a login is lent");
}

#[test]
fn no_settings_of_the_users_are_written_inside_guard_and_its_own_are_there_to_read() {
    let person = Person::new();
    person.has(
        "claude",
        &format!("{WORST}[ $(grep -o users .piton/agent/saw | wc -l) = 3 ] || exit 9\nexit 7\n"),
    );
    let before = person.files();
    let said = person.run(&["guard", "--", "claude"]);
    assert_eq!((said.status, person.files()), (7, before), "{said:?}");
}

#[test]
fn a_plain_command_has_nothing_of_any_agents_and_what_the_user_names_is_his_word() {
    let person = Person::new();
    let before = person.files();
    let script = format!("{WORST}[ -z \"$CLAUDE_CONFIG_DIR\" ] || exit 9\nexit 7\n");
    let said = person.run(&["guard", "--", "sh", "-c", &script]);
    assert_eq!((said.status, person.files()), (7, before), "{said:?}");
    let allowed = person.home.path().join(".codex");
    let write = "echo mine > $HOME/.codex/mine && exit 7";
    let said = person.run(&["guard", "--allow-write", allowed.to_str().unwrap(), "--", "sh", "-c", write]);
    assert_eq!((said.status, read(&allowed.join("mine"))), (7, "mine\n".into()), "{said:?}");
    let before = person.files();
    let said = person.run(&["climb", "--run", "r", "--agent", &format!("{WORST}{ENDS}"), "--trials", "1"]);
    assert_eq!(person.files(), before, "{said:?}");
}

/// An adapter of the user's, for a program that piton does not know.
const MINE: &str = r#"
name = "mine"
command = ["my-agent", "{prompt_file}"]
events = "text"
[home]
env = { MY_HOME = "my" }
dirs = ["my/cache"]
[[home.settings]]
user = "~/.my"
own = "my"
copied = ["settings.json", "absent"]
lent = ["login.json"]
"#;

#[test]
fn an_agent_with_an_adapter_of_the_users_gets_the_private_home_that_this_names_by_climb_and_by_guard() {
    let person = Person::new();
    let (dir, adapter) = (person.home.path().join(".my"), person.bin.path().join("mine.toml"));
    fs::create_dir(&dir).unwrap();
    let login = r#"{"accessToken":"old","expiresAt":1}"#;
    for (name, text) in [("settings.json", "{\"hooks\":{}}"), ("login.json", login), ("talk", "said before")]
    {
        fs::write(dir.join(name), text).unwrap();
    }
    fs::write(&adapter, MINE).unwrap();
    let worst = "own=$PWD/.piton/agent; mkdir -p $own; H=$HOME/.my\n\
         for f in settings.json login.json new; do echo evil > $H/$f; rm -f $H/$f; ln -s /etc/passwd $H/$f.soft; done 2>/dev/null\n\
         [ -d $MY_HOME/cache ] && [ ! -e $MY_HOME/talk ] && grep -q hooks $MY_HOME/settings.json || exit 9\n\
         grep -q old $MY_HOME/login.json && echo evil > $MY_HOME/settings.json || exit 9\n";
    let fresh = r#"echo '{"accessToken":"fresh","expiresAt":2}' > $MY_HOME/login.json"#;
    let before = person.files();
    let file = adapter.to_str().unwrap();
    person.has("my-agent", &format!("{worst}{fresh}\nexit 7\n"));
    let said = person.run(&["guard", "--agent", file, "--", "my-agent"]);
    let tokens: serde_json::Value = serde_json::from_str(&read(&dir.join("login.json"))).unwrap();
    assert_eq!((said.status, tokens["accessToken"].as_str()), (7, Some("fresh")), "{said:?}");
    fs::write(dir.join("login.json"), login).unwrap();
    assert_eq!(person.files(), before, "the login came back, and nothing else");
    // Without its adapter nobody knows what is its own.
    let plain = "[ -z \"$MY_HOME\" ] && exit 7";
    assert_eq!(person.run(&["guard", "--", "sh", "-c", plain]).status, 7);
    person.has("my-agent", &format!("{worst}{ENDS}"));
    let said = person.run(&["climb", "--run", "r", "--agent", file, "--trials", "1"]);
    assert_eq!((person.toy.table().len(), person.files()), (2, before), "{said:?}");
    let own = person.toy.place().join("agents/climb/mine-1/my");
    assert_eq!((read(&own.join("settings.json")), own.join("login.json").exists()), ("evil\n".into(), false));
}

#[test]
fn an_adapter_that_names_what_is_no_key_or_leads_out_of_the_home_directory_starts_nothing() {
    let person = Person::new();
    person.has("my-agent", ENDS);
    let adapter = person.bin.path().join("mine.toml");
    let wrong = [
        ("dirs =", "writable = [\"~\"]\ndirs =", "writable"),
        ("~/.my", "/etc", "home.settings.user"),
        ("~/.my", "~/../other", "home.settings.user"),
        ("\"my\" }", "\"../../my\" }", "home.env.MY_HOME"),
        ("MY_HOME", "LD_PRELOAD", "LD_PRELOAD"),
        ("\"absent\"", "\"../.bashrc\"", "home.settings.copied"),
    ];
    let before = person.files();
    for (from, to, told) in wrong {
        fs::write(&adapter, MINE.replace(from, to)).unwrap();
        let file = adapter.to_str().unwrap();
        for args in [
            &["climb", "--run", "r", "--agent", file, "--trials", "1"] as &[&str],
            &["guard", "--agent", file, "--", "my-agent"],
            &["init", "--agents", file],
        ] {
            let said = person.run(args);
            assert!(said.status == 2 && said.err.contains(told), "{told}: {said:?}");
        }
    }
    assert_eq!((person.toy.table().len(), person.files()), (1, before));
    assert!(!person.toy.path().join("AGENTS.md").exists());
}

#[test]
fn of_a_login_what_was_refreshed_comes_back_and_what_else_was_written_into_it_does_not() {
    let fresh = r#"{"claudeAiOauth":{"accessToken":"fresh","expiresAt":2,"users":1}}"#;
    let wrong = [
        r#"{"claudeAiOauth":{"accessToken":"fresh","expiresAt":2,"users":2}}"#,
        r#"{"claudeAiOauth":{"accessToken":"fresh","expiresAt":2,"users":1},"apiKeyHelper":"sh evil"}"#,
        r#"{"claudeAiOauth":{"accessToken":{"a":"fresh"},"expiresAt":2,"users":1}}"#,
        "evil",
        "",
    ];
    let person = Person::new();
    for (text, comes) in wrong.iter().map(|text| (*text, false)).chain([(fresh, true)]) {
        person.has(
            "claude",
            &format!("cat > \"$CLAUDE_CONFIG_DIR/.credentials.json\" <<'END'\n{text}\nEND\nexit 7\n"),
        );
        let was = person.login();
        assert_eq!(person.run(&["guard", "--", "claude"]).status, 7);
        assert_eq!((person.login().contains("fresh"), person.login() != was), (comes, comes), "{text}");
    }
    // Where the user's was refreshed meanwhile, that is the fresh one.
    let login = person.home.path().join(".claude/.credentials.json");
    person.has("claude", "sed -i s/fresh/evil/ \"$CLAUDE_CONFIG_DIR/.credentials.json\"\ntrue > .piton/agent/go\nwhile [ -e .piton/agent/go ]; do sleep 0.02; done\nexit 7\n");
    let guard = person.command(&["guard", "--", "claude"]).spawn().unwrap();
    let go = person.toy.path().join(".piton/agent/go");
    piton_tests::slow::until("the agent has written", || go.exists());
    fs::write(&login, r#"{"claudeAiOauth":{"accessToken":"users own","expiresAt":3,"users":1}}"#).unwrap();
    fs::remove_file(go).unwrap();
    assert_eq!(piton_tests::slow::said(guard).status, 7);
    assert!(person.login().contains("users own"));
}

#[test]
fn what_was_said_inside_guard_is_there_the_next_time_and_settings_are_laid_anew() {
    let person = Person::new();
    person.has(
        "claude",
        "cd \"$CLAUDE_CONFIG_DIR\"; [ -e projects ] && ! grep -q evil settings.json && exit 8\n\
         mkdir projects; echo '{\"hooks\":\"evil\"}' > settings.json; echo evil > settings.local.json; exit 7\n",
    );
    assert_eq!(person.run(&["guard", "--", "claude"]).status, 7);
    assert_eq!(person.run(&["guard", "--", "claude"]).status, 8);
    assert!(!person.toy.place().join("agents/guard/claude-1/claude/settings.local.json").exists());
}
