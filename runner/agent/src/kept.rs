//! Where each agent keeps its settings and logins, and by what it is pointed elsewhere.

/// What is known of one agent.
#[derive(Debug)]
pub struct Keeps {
    program: &'static str,
    /// Variables that point it to its private directory, and where below it.
    pub env: &'static [(&'static str, &'static str)],
    /// Directories that it wants to find.
    pub makes: &'static [&'static str],
    /// Its settings and logins.
    pub lies: &'static [Lies],
    /// Where it finds what is not its own as well: of a directory of the user's, as links, in one of its own, but for these names.
    pub links: &'static [(&'static str, &'static str, &'static [&'static str])],
}

/// A directory of settings.
#[derive(Debug)]
pub struct Lies {
    /// Where the user has it, below the home directory.
    pub user: &'static str,
    /// A variable by which the user moves it, and where below that.
    pub moved: Option<(&'static str, &'static str)>,
    /// Where it is in the private directory.
    pub own: &'static str,
    /// What is copied of it.
    pub settings: &'static [&'static str],
    /// What is lent of it.
    pub logins: &'static [&'static str],
}

/// Variables that move the places which begin so.
pub const BASES: [(&str, &str); 4] = [
    ("XDG_CONFIG_HOME", ".config"),
    ("XDG_DATA_HOME", ".local/share"),
    ("XDG_STATE_HOME", ".local/state"),
    ("XDG_CACHE_HOME", ".cache"),
];

/// An agent, by the name of its program.
pub fn of(program: &str) -> Option<&'static Keeps> {
    KEPT.iter().find(|keeps| keeps.program == program)
}

/// All that is asked for by its place in the home directory: what is not known to be moved by a variable.
const HOME: &[(&str, &str)] = &[("HOME", "home")];

const KEPT: &[Keeps] = &[
    Keeps {
        program: "claude",
        env: &[("CLAUDE_CONFIG_DIR", "claude")],
        makes: &["claude"],
        lies: &[
            Lies {
                user: ".claude",
                moved: Some(("CLAUDE_CONFIG_DIR", "")),
                own: "claude",
                settings: &[
                    "settings.json",
                    "settings.local.json",
                    "CLAUDE.md",
                    "keybindings.json",
                    "agents",
                    "commands",
                    "hooks",
                    "output-styles",
                    "plugins",
                    "rules",
                    "skills",
                    "themes",
                ],
                logins: &[".credentials.json"],
            },
            // Settings, and whose login it is; nothing in it is refreshed.
            Lies {
                user: "",
                moved: Some(("CLAUDE_CONFIG_DIR", "")),
                own: "claude",
                settings: &[".claude.json"],
                logins: &[],
            },
        ],
        links: &[],
    },
    Keeps {
        program: "codex",
        env: &[("CODEX_HOME", "codex")],
        makes: &["codex"],
        lies: &[Lies {
            user: ".codex",
            moved: Some(("CODEX_HOME", "")),
            own: "codex",
            settings: &[
                "config.toml",
                "AGENTS.md",
                "AGENTS.override.md",
                "instructions.md",
                "hooks.json",
                "hooks",
                "installation_id",
                "models_cache.json",
                "plugins",
                "prompts",
                "rules",
                "skills",
                "version.json",
            ],
            logins: &["auth.json", ".credentials.json"],
        }],
        links: &[],
    },
    Keeps {
        program: "goose",
        env: &[("GOOSE_PATH_ROOT", "goose")],
        makes: &["goose/config", "goose/data", "goose/state"],
        lies: &[Lies {
            user: ".config/goose",
            moved: Some(("GOOSE_PATH_ROOT", "config")),
            own: "goose/config",
            settings: &[
                ".goosehints",
                "config.yaml",
                "custom_providers",
                "memory",
                "permission.yaml",
                "permissions",
                "profiles.yaml",
                "prompts",
                "recipes",
                "skills",
            ],
            logins: &[
                "secrets.yaml",
                "chatgpt_codex/tokens.json",
                "gemini_oauth/tokens.json",
                "githubcopilot/info.json",
            ],
        }],
        links: &[],
    },
    Keeps {
        program: "opencode",
        env: &[
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_CACHE_HOME", "cache"),
        ],
        makes: &["config/opencode", "data/opencode", "state/opencode", "cache/opencode"],
        lies: &[
            Lies {
                user: ".config/opencode",
                moved: None,
                own: "config/opencode",
                settings: &[
                    "AGENTS.md",
                    "agent",
                    "agents",
                    "command",
                    "commands",
                    "config.json",
                    "mode",
                    "modes",
                    "node_modules",
                    "opencode.json",
                    "opencode.jsonc",
                    "package.json",
                    "plugin",
                    "plugins",
                    "skill",
                    "skills",
                    "themes",
                    "tool",
                    "tools",
                    "tui.json",
                ],
                logins: &[],
            },
            Lies {
                user: ".local/share/opencode",
                moved: None,
                own: "data/opencode",
                settings: &[],
                logins: &["auth.json", "mcp-auth.json"],
            },
        ],
        links: &[
            (".config", "config", &["opencode"]),
            (".local/share", "data", &["opencode"]),
            (".local/state", "state", &["opencode"]),
            (".cache", "cache", &["opencode"]),
        ],
    },
    Keeps {
        program: "gemini",
        env: &[("HOME", "home"), ("GEMINI_CLI_HOME", "home")],
        makes: &["home/.gemini"],
        lies: &[Lies {
            user: ".gemini",
            moved: Some(("GEMINI_CLI_HOME", ".gemini")),
            own: "home/.gemini",
            settings: &[
                ".env",
                "GEMINI.md",
                "agents",
                "commands",
                "extensions",
                "google_accounts.json",
                "hooks",
                "installation_id",
                "policies",
                "settings.json",
                "skills",
                "trustedFolders.json",
            ],
            logins: &["oauth_creds.json", "mcp-oauth-tokens.json", "gemini-credentials.json"],
        }],
        links: &[("", "home", &[".gemini"])],
    },
    Keeps {
        program: "qwen",
        env: HOME,
        makes: &["home/.qwen"],
        lies: &[Lies {
            user: ".qwen",
            moved: None,
            own: "home/.qwen",
            settings: &[
                ".env",
                "QWEN.md",
                "agents",
                "commands",
                "extensions",
                "installation_id",
                "settings.json",
                "skills",
            ],
            logins: &["oauth_creds.json", "mcp-oauth-tokens.json"],
        }],
        links: &[("", "home", &[".qwen"])],
    },
    Keeps {
        program: "copilot",
        env: HOME,
        makes: &["home/.copilot"],
        lies: &[Lies {
            user: ".copilot",
            moved: None,
            own: "home/.copilot",
            settings: &["agents", "config.json", "hooks", "mcp-config.json", "settings.json", "skills"],
            logins: &[],
        }],
        links: &[("", "home", &[".copilot"])],
    },
    Keeps {
        program: "cursor-agent",
        env: HOME,
        makes: &["home/.cursor"],
        lies: &[Lies {
            user: ".cursor",
            moved: None,
            own: "home/.cursor",
            settings: &[
                "agents",
                "cli-config.json",
                "commands",
                "hooks.json",
                "hooks",
                "mcp.json",
                "rules",
                "skills",
            ],
            logins: &[],
        }],
        links: &[("", "home", &[".cursor"])],
    },
    Keeps {
        program: "aider",
        env: HOME,
        makes: &["home/.aider"],
        lies: &[Lies {
            user: ".aider",
            moved: None,
            own: "home/.aider",
            settings: &["oauth-keys.env"],
            logins: &[],
        }],
        links: &[("", "home", &[".aider"])],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::KNOWN;

    #[test]
    fn every_agent_that_piton_starts_by_name_has_a_private_place_and_points_there() {
        for (name, _) in KNOWN {
            let keeps = of(name).unwrap_or_else(|| panic!("{name}"));
            for (_, below) in keeps.env {
                assert!(keeps.makes.iter().any(|made| made.starts_with(below)), "{name}: {below}");
            }
        }
    }
}
