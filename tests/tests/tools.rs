//! What piton hands to shells, to `man` and to editors, as they take it.

use std::process::{Command, Stdio};

use piton_tests::Scratch;

#[test]
fn the_completion_script_is_one_that_bash_takes_and_that_completes() {
    let place = Scratch::empty();
    let said = place.piton(&["completions", "bash"]);
    assert_eq!(said.status, 0, "{said:?}");
    place.write("piton.bash", &said.out);
    let bash = |script: &str| {
        let ran = Command::new("bash").current_dir(place.path()).args(["-c", script]).output().unwrap();
        assert!(ran.status.success() && ran.stderr.is_empty(), "{script}: {ran:?}");
        String::from_utf8(ran.stdout).unwrap()
    };
    bash("bash -n piton.bash");
    let completed = |words: &str, at: usize| {
        bash(&format!(
            "source piton.bash; COMP_WORDS=({words}); COMP_CWORD={at}; _piton piton \"${{COMP_WORDS[{at}]}}\" \
             \"${{COMP_WORDS[{}]}}\"; echo \"${{COMPREPLY[@]}}\"",
            at - 1
        ))
    };
    assert_eq!(completed("piton cl", 1).trim(), "climb");
    assert_eq!(completed("piton lab s", 2).trim(), "simulate");
    assert_eq!(completed("piton climb --max-u", 2).trim(), "--max-usd");
    assert_eq!(completed("piton simu", 1).trim(), "", "an old spelling is accepted and not offered");
}

#[test]
fn each_command_has_a_man_page_that_renders() {
    let place = Scratch::empty();
    let said = place.piton(&["man", "pages"]);
    assert_eq!(said.status, 0, "{said:?}");
    let page = |name: &str| place.read(&format!("pages/{name}.1"));
    assert!(page("piton").contains(".SH NAME") && page("piton-lab-noise").contains("piton lab noise"));
    assert!(!place.path().join("pages/piton-carry.1").exists());
    assert_eq!(place.piton(&["man"]).out, page("piton"));
    // Not every machine has `man`.
    let mut man = Command::new("man");
    if let Some(shown) = output(man.args(["-l", "pages/piton-climb.1"]).current_dir(place.path())) {
        assert!(shown.contains("piton-climb") && shown.contains("--max-usd"), "{shown}");
    }
}

fn output(command: &mut Command) -> Option<String> {
    let ran = command.env("MANPAGER", "cat").env("MANWIDTH", "80").stdin(Stdio::null()).output().ok()?;
    assert!(ran.status.success(), "{ran:?}");
    Some(String::from_utf8_lossy(&ran.stdout).into_owned())
}

#[test]
fn the_schema_that_is_printed_is_json_and_knows_the_keys() {
    let schema = Scratch::empty().piton(&["schema"]).json();
    assert_eq!(schema["properties"]["metric"]["properties"]["direction"]["enum"][0], "higher");
    assert_eq!(schema["additionalProperties"], false);
}
