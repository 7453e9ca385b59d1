//! A sweep of a real server, llama.cpp's: what only a real one refuses, shortens and lacks the memory for.

use piton_tests::{Scratch, servers};
use serde_json::Value;

fn experiment(models: &[(&str, std::path::PathBuf)]) -> Option<Scratch> {
    let program = servers::llama()?;
    let scratch = Scratch::empty();
    scratch.git(&["init", "--quiet", "--initial-branch=main"]);
    let mut text = format!(
        "name = \"server\"\n[server]\ncommand = [\"{}\", \"--host\", \"127.0.0.1\", \"--port\", \"{{port}}\", \"-m\", \"{{model}}\", \"-t\", \"1\", \"{{knobs}}\"]\n\
         cores = 1\nready_timeout_s = 60\nmemory_mb = 450\nread = [\"{}\"]\n\
         [load]\nmax_tokens = 24\nrequests = 4\nwarm_up = 3\n\
         [machine]\nsteal_pct = 100\npressure_pct = 100\n[rule]\nblind_every = 0\nrecheck = \"off\"\nn_max = 12\n\
         [[knob]]\nname = \"fa\"\nflag = \"-fa\"\nvalues = [\"off\", \"on\"]\n\
         [[knob]]\nname = \"draft\"\nflag = \"--draft-max\"\nvalues = [\"unset\", \"8\"]\n\
         [[knob]]\nname = \"ctx\"\nflag = \"-c\"\nvalues = [\"unset\", \"1024\"]\nread_back = \"/default_generation_settings/n_ctx\"\n",
        program.display(),
        servers::dir().display()
    );
    for (name, path) in models {
        text.push_str(&format!("[[model]]\nname = \"{name}\"\npath = \"{}\"\n", path.display()));
    }
    scratch.write("piton.toml", &text);
    scratch.commit("experiment");
    Some(scratch)
}

#[test]
fn the_model_that_memory_allows_is_chosen_and_each_knob_of_a_real_server_is_told_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let models = [
        ("large", servers::of_size(dir.path(), 60, "f32")),
        ("shipped", servers::shipped(dir.path(), "q8_0")),
    ];
    let Some(scratch) = experiment(&models) else { return };
    let said = scratch.piton(&["sweep", "--run", "s", "--json"]);
    assert_eq!(said.status, 0, "{said:?}");
    let report = said.json();
    let infeasible = &report["infeasible"][0];
    assert_eq!(
        (&infeasible["model"], &infeasible["reason"]),
        (&"large".into(), &"memory".into()),
        "{infeasible}"
    );
    assert_eq!(report["recommendation"]["model"], "shipped");
    let rows = report["stage2"].as_array().unwrap();
    let by = |changed: &str| {
        rows.iter().find(|row| row["changed"].as_str().unwrap().starts_with(changed)).unwrap()
    };
    assert!(by("draft unset -> 8")["reason"] == "knob_refused", "{rows:#?}");
    assert!(by("ctx unset -> 1024")["reason"] == "knob_not_honoured", "the model has 512 tokens: {rows:#?}");
    let flash = by("fa off -> on");
    assert!(flash["fits"] == true && flash["samples"].as_u64().unwrap() > 0, "{flash}");
    assert!(scratch.processes().is_empty());
}

#[test]
fn a_real_server_is_loaded_and_its_tokens_are_those_of_usage() {
    let dir = tempfile::tempdir().unwrap();
    let Some(scratch) = experiment(&[("shipped", servers::shipped(dir.path(), "q8_0"))]) else { return };
    scratch.write("recipe.toml", "[model]\nname = \"shipped\"\n");
    let more = [
        "--api",
        "completions",
        "--extra",
        "{\"ignore_eos\": true}",
        "--max-tokens",
        "16",
        "--requests",
        "5",
        "--json",
    ];
    let said = scratch.piton(&[&["load", "--recipe", "recipe.toml"][..], &more].concat());
    assert_eq!(said.status, 0, "{said:?}");
    let load: Value = said.json()["loads"][0].clone();
    assert_eq!((&load["figures"]["done"], &load["figures"]["tokens"]), (&5.into(), &80.into()));
    // What the server itself says of each request lies within what the client saw of it.
    for request in load["requests"].as_array().unwrap() {
        let own = request["timings"]["prompt_ms"].as_f64().unwrap();
        assert!(request["ttft_ms"].as_f64().unwrap() + 1.0 >= own, "{request}");
    }
    assert!(scratch.processes().is_empty());
}
