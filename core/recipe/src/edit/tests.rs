use super::FileFormat::{Env, Json, Toml, Yaml};
use super::*;

fn word(value: &str) -> KnobValue {
    KnobValue::of_word(value)
}

/// Sets each `path=value`, and holds the result to being the same when it is asked for again.
fn set(format: FileFormat, text: &str, keys: &[&str]) -> Result<String, String> {
    let owned: Vec<OwnedKey> = keys
        .iter()
        .map(|key| {
            let (path, value) = key.split_once('=').unwrap();
            OwnedKey { path: OwnedKey::path_of(path).unwrap(), value: word(value) }
        })
        .collect();
    let edited = edit(format, text, &owned).map_err(|refusal| refusal.to_string())?;
    let again = edit(format, &edited.text, &owned).unwrap();
    assert_eq!((&again.text, again.changes.len()), (&edited.text, 0), "{keys:?} twice");
    assert_eq!(edited.changes.is_empty(), edited.text == text);
    Ok(edited.text)
}

#[track_caller]
fn becomes(format: FileFormat, text: &str, keys: &[&str], new: &str) {
    assert_eq!(set(format, text, keys).as_deref(), Ok(new), "{text:?} {keys:?}");
}

#[track_caller]
fn refused(format: FileFormat, text: &str, key: &str, why: &str) {
    let said = set(format, text, &[key]).unwrap_err();
    assert!(said.contains(why), "{text:?} {key}: {said}");
}

#[test]
fn yaml_keeps_everything_but_the_value() {
    let text = "# provider\nmodel: old   # biggest that fits\ntoken: 'x'\nserver:\n    kv_bits: 8\n    list: [1, 2]\n\n# end\n";
    becomes(Yaml, text, &["model=new/7B-4bit"], &text.replace("old", "new/7B-4bit"));
    becomes(Yaml, text, &["server.kv_bits=4"], &text.replace("kv_bits: 8", "kv_bits: 4"));
    becomes(Yaml, text, &["server.kv_bits=8"], text);
    becomes(Yaml, "a: 'x'\n", &["a=it's"], "a: 'it''s'\n");
    becomes(Yaml, "a: \"x\"\n", &["a=y"], "a: \"y\"\n");
    becomes(Yaml, "a: 3B\n", &["a=7B"], "a: 7B\n");
    becomes(Yaml, "a: 3B\n", &["a=0x7B"], "a: \"0x7B\"\n");
    becomes(Yaml, "a: 1e5\n", &["a=2026-11-26T1Z"], "a: \"2026-11-26T1Z\"\n");
    becomes(Yaml, "a: x\n", &["a=yes"], "a: \"yes\"\n");
    becomes(Yaml, "a: x\n", &["a=a: b #c"], "a: \"a: b #c\"\n");
    becomes(Yaml, "a:\nb: 2\n", &["a=1"], "a: 1\nb: 2\n");
    becomes(Yaml, "a: # nothing\nb: 2\n", &["a=1"], "a: 1 # nothing\nb: 2\n");
    becomes(Yaml, "a: \"4\"\n", &["a=4"], "a: 4\n");
    becomes(Yaml, "s: {a: 1, b: x}\n", &["s.b=2"], "s: {a: 1, b: 2}\n");
    becomes(Yaml, "é: ü # ö\nä: x # ß\n", &["\"ä\"=z"], "é: ü # ö\nä: z # ß\n");
    becomes(Yaml, "a: 1\r\nb: 2\r\n", &["a=3", "c=4"], "a: 3\r\nb: 2\r\nc: 4\r\n");
    becomes(Yaml, "\u{feff}a: 1\n", &["a=2"], "\u{feff}a: 2\n");
    becomes(Yaml, "--- # one\na: 1\n...\n", &["a=2"], "--- # one\na: 2\n...\n");
}

#[test]
fn yaml_takes_a_new_key_at_the_end_of_its_table_and_leaves_out_one_that_is_unset() {
    becomes(Yaml, "a: 1\n", &["b=2"], "a: 1\nb: 2\n");
    becomes(Yaml, "a: 1", &["b=2"], "a: 1\nb: 2\n");
    becomes(Yaml, "", &["b=2"], "b: 2\n");
    becomes(Yaml, "# nothing yet\n", &["b=2"], "# nothing yet\nb: 2\n");
    becomes(Yaml, "a: |\n  x\n  y\n", &["b=2"], "a: |\n  x\n  y\nb: 2\n");
    becomes(
        Yaml,
        "s:\n  a:\n    - 1\n    - 2 # two\nt: 1\n",
        &["s.b=2"],
        "s:\n  a:\n    - 1\n    - 2 # two\n  b: 2\nt: 1\n",
    );
    becomes(Yaml, "s: {}\n", &["s.b=2"], "s: {b: 2}\n");
    becomes(Yaml, "s: {a: 1}\n", &["s.b=2"], "s: {a: 1, b: 2}\n");
    becomes(Yaml, "a: 1\nkv: 4\nb: 2\n", &["kv=unset"], "a: 1\nb: 2\n");
    becomes(Yaml, "a: 1\nkv: 4 # why\n", &["kv=unset"], "a: 1\n# why\n");
    becomes(Yaml, "a: 1\nkv: null\n", &["kv=unset"], "a: 1\nkv: null\n");
    becomes(Yaml, "a: 1\n", &["kv=unset", "s.kv=unset"], "a: 1\n");
    becomes(Yaml, "s: {a: 1, kv: 2, b: 3}\n", &["s.kv=unset"], "s: {a: 1, b: 3}\n");
}

#[test]
fn yaml_that_would_lose_something_is_refused() {
    refused(Yaml, "a: &x 1\nb: *x\n", "a=2", "line 1: `a` is not changed: it carries an anchor");
    refused(Yaml, "a: &x 1\nb: *x\n", "b=2", "line 2: `b` is not changed: it is an alias");
    refused(Yaml, "a: !!str 1\n", "a=2", "carries a tag");
    refused(Yaml, "a: |\n  x\n", "a=2", "block of lines");
    refused(Yaml, "a: 1\n---\na: 2\n", "a=2", "a second document");
    refused(Yaml, "a: 1\na: 2\n", "a=3", "line 2: `a` stands twice");
    refused(Yaml, "a: [1]\n", "a=3", "more than one value");
    refused(Yaml, "- a\n", "a=3", "no table");
    refused(Yaml, "a: 1\n", "s.a=3", "no table `s`");
    refused(Yaml, "s:\n  kv: 1\n", "s.kv=unset", "change it by hand");
    refused(Yaml, "a: [\n", "a=3", "line ");
    refused(Yaml, "? [a]\n: 1\n", "a=3", "this key is no text");
}

#[test]
fn toml_keeps_everything_but_the_value() {
    let text = "# c\nmodel = 'old' # d\n\n[server]\nkv = 8 # e\n[other]\nkv = 1\n";
    becomes(Toml, text, &["model=new"], &text.replace("old", "new"));
    becomes(Toml, text, &["model=it's"], &text.replace("'old'", "\"it's\""));
    becomes(Toml, text, &["server.kv=4"], &text.replace("kv = 8", "kv = 4"));
    becomes(Toml, text, &["server.ub=4"], &text.replace("8 # e\n", "8 # e\nub = 4\n"));
    becomes(Toml, text, &["ub=4"], &text.replace("# d\n", "# d\nub = 4\n"));
    becomes(Toml, text, &["server.kv=unset"], &text.replace("kv = 8 # e", "# e"));
    becomes(Toml, text, &["other.kv=unset"], &text.replace("[other]\nkv = 1\n", "[other]\n"));
    becomes(Toml, "[s]\n", &["a=1", "s.b=2"], "a = 1\n[s]\nb = 2\n");
    becomes(Toml, "[s]", &["s.b=2"], "[s]\nb = 2\n");
    becomes(Toml, "s = { a = 1 }\n", &["s.b=2"], "s = { a = 1, b = 2 }\n");
    becomes(Toml, "s = { a = 1, b = 2 }\n", &["s.b=unset"], "s = { a = 1 }\n");
    becomes(Toml, "s.a = 1\r\nt = 1\r\n", &["s.a=2"], "s.a = 2\r\nt = 1\r\n");
    becomes(Toml, "a = \"\"\"\nx\ny\"\"\"\nb = 1\n", &["a=z"], "a = \"z\"\nb = 1\n");
    refused(Toml, "s.a = 1\n", "s.b=2", "written with dots");
    refused(Toml, "[s.t]\n", "s.b=2", "no header of its own");
    refused(Toml, "[[s]]\na = 1\n", "s.a=2", "no table");
    refused(Toml, "a = 1\na = 2\n", "a=3", "line 2");
    refused(Toml, "a = 1\n", "a.b=3", "no table");
}

#[test]
fn json_keeps_everything_but_the_value() {
    let text = "{\n  // the model\n  \"model\": \"old\", /* c */\n  \"kv\": 8 // last\n}\n";
    becomes(Json, text, &["model=new"], &text.replace("old", "new"));
    becomes(Json, text, &["ub=4"], &text.replace("8 // last", "8, // last\n  \"ub\": 4"));
    becomes(Json, text, &["kv=unset"], "{\n  // the model\n  \"model\": \"old\" /* c */\n  // last\n}\n");
    becomes(Json, text, &["model=unset"], "{\n  // the model\n  /* c */\n  \"kv\": 8 // last\n}\n");
    becomes(Json, "{}", &["a=1", "b=x"], "{\"a\": 1, \"b\": \"x\"}");
    becomes(Json, "{\"a\":1,\"b\":2}", &["a=unset"], "{\"b\":2}");
    becomes(Json, "{\"a\":1,\"b\":2}", &["b=unset"], "{\"a\":1}");
    becomes(Json, "{\"a\":1}", &["a=unset"], "{}");
    becomes(Json, "{\n \"a\": 1,\n}", &["b=2"], "{\n \"a\": 1,\n \"b\": 2,\n}");
    becomes(Json, "{\n\t\"a\": 1,\n\t\"b\": 2\n}", &["b=unset"], "{\n\t\"a\": 1\n}");
    becomes(Json, "{\n\t\"a\": 1,\n\t\"b\": 2\n}", &["a=unset"], "{\n\t\"b\": 2\n}");
    becomes(Json, "{\"a\": null}", &["a=unset"], "{\"a\": null}");
    becomes(
        Json,
        "{\"s\": {\"a\": [1, {\"b\": \"}\"}]}}",
        &["s.c=1"],
        "{\"s\": {\"a\": [1, {\"b\": \"}\"}], \"c\": 1}}",
    );
    becomes(Json, "{\"a\": 1 /* , */, \"b\": 2}", &["a=unset"], "{\"b\": 2}");
    refused(Json, "{\"a\": 1, \"a\": 2}", "a=3", "stands twice");
    refused(Json, "{'a': 1}", "a=3", "line 1");
    refused(Json, "[1]", "a=3", "no table");
    refused(Json, "", "a=3", "no value");
}

#[test]
fn variables_keep_everything_but_the_value() {
    let text = "# c\nexport MODEL=old\nKV='8'\n\nTOKEN=\"a b\"\nODD=`x`\n";
    becomes(Env, text, &["MODEL=new/x:1"], &text.replace("old", "new/x:1"));
    becomes(Env, text, &["KV=4"], &text.replace("'8'", "'4'"));
    becomes(Env, text, &["KV=8"], text);
    becomes(Env, text, &["KV=unset"], &text.replace("KV='8'\n", ""));
    becomes(Env, text, &["MODEL=unset"], &text.replace("export MODEL=old\n", ""));
    becomes(Env, text, &["NEW=a b"], &format!("{text}NEW=\"a b\"\n"));
    becomes(Env, "A=", &["B=1"], "A=\nB=1\n");
    becomes(Env, "A=\n", &["A=1"], "A=1\n");
    refused(Env, text, "NEW=$x", "not every reader");
    refused(Env, text, "ODD=1", "line 6: `ODD` is not changed");
    refused(Env, "A='x\ny'\n", "A=1", "line 1: its quotes");
    refused(Env, "A=x\\\nB=1\n", "B=1", "goes on in the next");
    refused(Env, "A=1\nA=2\n", "A=3", "stands twice");
    refused(Env, "A=1\n", "\"a-b\"=3", "not every reader");
    refused(Env, "what is this\n", "A=3", "line 1");
}

#[test]
fn a_change_says_line_old_and_new() {
    let owned = [
        OwnedKey { path: vec!["kv".into()], value: word("4") },
        OwnedKey { path: vec!["new".into()], value: word("x") },
    ];
    let found = edit(Yaml, "# c\nkv: 8\n", &owned).unwrap().changes;
    assert_eq!(
        found,
        [
            KeyChange { key: "kv".into(), line: Some(2), from: Some("8".into()), to: Some("4".into()) },
            KeyChange { key: "new".into(), line: None, from: None, to: Some("x".into()) },
        ]
    );
}

#[test]
fn a_file_is_of_the_format_that_its_name_says() {
    let of = |name: &str| FileFormat::of(Path::new(name));
    assert_eq!(of("/etc/x.yaml"), Some(Yaml));
    assert_eq!([of("a.YML"), of("a.toml"), of("a.jsonc")], [Some(Yaml), Some(Toml), Some(Json)]);
    assert_eq!(
        [of(".env"), of(".env.local"), of("x.env"), of("/etc/default/x")],
        [Some(Env), Some(Env), Some(Env), None]
    );
}
