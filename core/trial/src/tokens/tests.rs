use proptest::prelude::*;

use super::*;

const ALL: [(&str, Language); 8] = [
    ("a.rs", Language::Rust),
    ("a.cpp", Language::C),
    ("a.py", Language::Python),
    ("a.ts", Language::Script),
    ("a.go", Language::Go),
    ("a.java", Language::Java),
    ("a.sh", Language::Shell),
    ("a.toml", Language::Toml),
];

fn tokens(language: Language, text: &str) -> Option<u64> {
    Scan::of(language, text.as_bytes()).map(|scan| scan.tokens)
}

fn less(path: &str, before: &str, after: &str) -> bool {
    let sources = |text: &str| BTreeMap::from([(path.to_owned(), text.to_owned())]);
    weigh(&sources(before), &sources(after)).less()
}

/// A program in each language, with a function that can go.
const PROGRAMS: [(&str, &str, &str); 7] = [
    ("a.rs", "fn a(x: u32) -> u32 {\n    x + 1\n}\n", "fn b(y: u32) -> u32 {\n    a(y) * 2 + 1\n}\n"),
    ("a.c", "int a(int x) {\n    return x + 1;\n}\n", "int b(int y) {\n    return a(y) * 2 + 1;\n}\n"),
    ("a.py", "def a(x):\n    return x + 1\n", "def b(y):\n    return a(y) * 2 + 1\n"),
    ("a.js", "function a(x) {\n    return x + 1;\n}\n", "function b(y) {\n    return a(y) * 2 + 1;\n}\n"),
    (
        "a.go",
        "func a(x int) int {\n    return x + 1\n}\n",
        "func b(y int) int {\n    return a(y) * 2 + 1\n}\n",
    ),
    ("A.java", "int a(int x) {\n    return x + 1;\n}\n", "int b(int y) {\n    return a(y) * 2 + 1;\n}\n"),
    ("a.sh", "a() {\n    echo $(($1 + 1))\n}\n", "b() {\n    echo $(($1 * 2 + 1))\n}\n"),
];

#[test]
fn a_function_less_is_less_in_every_language() {
    for (path, stays, goes) in PROGRAMS {
        assert!(less(path, &format!("{stays}{goes}"), stays), "{path}");
        assert!(!less(path, stays, &format!("{stays}{goes}")), "{path}");
        assert!(!less(path, stays, stays), "{path}");
    }
}

#[test]
fn joined_lines_and_deleted_comments_are_not_less() {
    for (path, stays, goes) in PROGRAMS {
        let mark = if path.ends_with("py") || path.ends_with("sh") { "#" } else { "//" };
        let told = format!("{mark} what it does\n{stays}\n{mark} and this\n{goes}");
        assert!(!less(path, &told, &format!("{stays}{goes}")), "{path}: comments");
        if !matches!(path, "a.py") {
            let joined = if path == "a.sh" {
                format!("{stays}{goes}").replace("{\n", "{ ").replace("\n}", "; }")
            } else {
                format!("{stays}{goes}").replace('\n', " ")
            };
            assert!(!less(path, &format!("{stays}{goes}"), &joined), "{path}: joined");
            assert!(!less(path, &joined, &format!("{stays}{goes}")), "{path}: split");
        }
    }
    assert!(!less(
        "a.py",
        "def a():\n    '''What\n    it does.'''\n    return 1\n",
        "def a():\n    return 1\n"
    ));
    assert!(!less("a.py", "'a' \"b\"\nx = 1\n", "x = 1\n"), "a statement that is strings alone is a comment");
    assert!(less("a.py", "print('a')\nx = 1\n", "x = 1\n"), "and an argument is none");
    assert!(!less("a.py", "if a:\n    b = 1\n    c = 2\n", "if a: b = 1; c = 2\n"));
    assert!(!less("a.py", "x = (a\n     + b)\n", "x = a + b\n"), "brackets that a line needs are layout");
    assert!(!less("a.js", "a()\nb()\n", "a();b();") && !less("a.js", "a();b();", "a()\nb()\n"));
    assert!(!less("a.rs", "f(\n    a,\n    b,\n);", "f(a, b);"));
}

#[test]
fn code_that_is_hidden_is_not_less() {
    let hidden: [(&str, &str); 15] = [
        (
            "a.rs",
            "fn a(x: u32) -> u32 {\n    x + 1\n}\nconst P: &str = \"/*\";\nfn b(y: u32) -> u32 {\n    a(y) * 2 + 1\n}\nconst Q: &str = \"*/\";\n",
        ),
        ("a.rs", "fn a(x: u32) -> u32 {\n    x + 1\n}\nfn b(y: u32) -> u32 { run(\"a(y) * 2 + 1\") }\n"),
        ("a.rs", "fn a(x: u32) -> u32 {\n    x + 1\n}\nfn b(y: u32) -> u32 { run(r##\"a(y)*2+1\"##) }\n"),
        ("a.rs", "fn a(x: u32) -> u32 {\n    x + 1\n}\n// fn b(y: u32) -> u32 { a(y) * 2 + 1 }\nrun!(3);\n"),
        ("a.rs", "fn a(x: u32) -> u32 {\n    x + 1\n}\nrun!{[]{}(){}[[]][({})]{}()()[]{[]}[]{}}\n"),
        (
            "a.c",
            "int a(int x) {\n    return x + 1;\n}\nchar *p = \"/*\";\nint b(int y) {\n    return a(y) * 2 + 1;\n}\nchar *q = \"*/\";\n",
        ),
        (
            "a.c",
            "int a(int x) {\n    return x + 1;\n}\nRUN(R\"x(int b(int y) { return a(y) * 2 + 1; })x\")\n",
        ),
        ("a.py", "def a(x):\n    return x + 1\nexec('def b(y): return a(y) * 2 + 1')\n"),
        ("a.py", "def a(x):\n    return x + 1\nexec(f'''def b(y):\n    return a(y) * 2 + 1\n''')\n"),
        ("a.py", "'''def b(y): return a(y) * 2 + 1'''\ndef a(x):\n    return x + 1\nexec(__doc__)\n"),
        ("a.py", "def a(x):\n    return x + 1\nrun(def_b_y_return_a_y_times_2_plus_1)\n"),
        ("a.js", "function a(x) {\n    return x + 1;\n}\neval(`function b(y){return a(y)*2+1}`)\n"),
        ("a.go", "func a(x int) int {\n    return x + 1\n}\nvar b = run(`a(y) * 2 + 1 + and(3)`)\n"),
        ("a.sh", "a() {\n    echo $(($1 + 1))\n}\neval \"b() { echo \\$((\\$1 * 2 + 1)); }\"\n"),
        (
            "a.sh",
            "a() {\n    echo $(($1 + 1))\n}\n. /dev/stdin <<'E'\nb() {\n    echo $(($1 * 2 + 1))\n}\nE\n",
        ),
    ];
    for (path, after) in hidden {
        let (_, stays, goes) = PROGRAMS.iter().find(|(name, ..)| *name == path).unwrap();
        assert!(Scan::of(Language::of(path).unwrap(), after.as_bytes()).is_some(), "it scans: {after}");
        assert!(!less(path, &format!("{stays}{goes}"), after), "{after}");
    }
}

#[test]
fn what_is_not_counted_is_never_less() {
    let sources = |files: &[(&str, &str)]| -> BTreeMap<String, String> {
        files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
    };
    let (_, stays, goes) = PROGRAMS[0];
    let both = format!("{stays}{goes}");
    let before = sources(&[("src/a.rs", &both), ("src/table", "1 2 3\n"), ("src/old.txt", "x")]);
    let without = sources(&[("src/a.rs", stays), ("src/table", "1 2 3\n")]);
    assert!(weigh(&before, &without).less(), "a file that stays as it is, or goes, is none of its business");
    for (path, text) in [("src/table", "1 2 4\n"), ("src/b.inc", goes), ("src/b", goes), ("src/b.RS", goes)] {
        let mut after = without.clone();
        after.insert(path.to_owned(), text.to_owned());
        let weighed = weigh(&before, &after);
        assert!(!weighed.less() && weighed.uncounted[0].contains(path), "{weighed:?}");
    }
    let mut moved = without.clone();
    moved.insert("src/b.rs".to_owned(), goes.to_owned());
    assert!(!weigh(&before, &moved).less(), "moved is not removed");
    for text in ["fn a() { \"", "fn a() {} /* x", "/* /* */", "r#\"x\"", "'"] {
        assert!(!less("a.rs", &both, text) && !less("a.rs", &format!("{both}{text}"), stays), "{text}");
    }
}

#[test]
fn strings_comments_and_characters_are_told_apart() {
    use Language::*;
    let cases: [(Language, &str, Option<u64>); 58] = [
        (Rust, "a /* /* b */ c */ d", Some(2)),
        (Rust, "\"/*\" a \"*/\" // b", Some(3)),
        (Rust, "r#\"a\"b\"# c", Some(2)),
        (Rust, "br##\"\"#\"## b\"x\\\"y\" c\"z\"", Some(3)),
        (Rust, "fn f<'a>(x: &'a str) -> char { '\\'' }", Some(14)),
        (Rust, "'\"' b'\"' 'é' '😀' \"x", None),
        (Rust, "'\"' b'\"' 'é' '😀' x", Some(5)),
        (Rust, "'outer: loop { break 'outer }", Some(5)),
        (Rust, "r#match", Some(1)),
        (Rust, "t.0.1", Some(5)),
        (Rust, "1..2", Some(4)),
        (Rust, "1.5e-3 + 0xff_u8 + 1. ", Some(5)),
        (Rust, "\"a\nb\"", Some(1)),
        (C, "a // b \\\n c\nd", Some(2)),
        (C, "R\"x(\" /* )x\" a", Some(2)),
        (C, "1'000'000 + 'a'", Some(3)),
        (C, "/* /* */ a", Some(1)),
        (C, "#error don't\na", Some(2)),
        (C, "na\\\nme", Some(1)),
        (C, "\"a\nb\"", None),
        (C, "\"a\\\nb\"", Some(1)),
        (Python, "x = 1 # '''\ny", Some(4)),
        (Python, "x = '''#\n'''", Some(3)),
        (Python, "x = f'{a[\"b\"]}' + c", Some(5)),
        (Python, "x = f'{a['b']}' # c", Some(3)),
        (Python, "x = f'{{' + f'{a:{w}}' + f\"{b!r:>{c}}\"", Some(7)),
        (Python, "x = f'{d:%H:%M}' ; y", Some(4)),
        (Python, "x = f'\\N{DASH} {a}'", Some(3)),
        (Python, "x = f'''\n{\na\n}'''", Some(3)),
        (Python, "x = f'{", None),
        (Python, "x = rb'\\'' + Rf\"\"", Some(5)),
        (Python, "0xfor x", Some(3)),
        (Python, "1if x else.5", Some(5)),
        (Python, "'doc'\ndef f():\n    \"doc\" # more\n    return 'x'", Some(5)),
        (Python, "x = 'a\nb'", None),
        (Script, "a / b / c", Some(5)),
        (Script, "a = /[/\"]/g.test('x')", Some(6)),
        (Script, "(a) / 2 // b", Some(3)),
        (Script, "`a ${b + `c ${d}`} e` + f", Some(7)),
        (Script, "`a ${ {b: 1} }`", Some(4)),
        (Script, "return /'/", Some(2)),
        (Script, "x++ / 2; y = '/'", Some(8)),
        (Script, "<!-- a", None),
        (Script, "`${", None),
        (Script, "a === b !== c == d", Some(7)),
        (Script, "#!/usr/bin/env node\nthis.#x $y", Some(4)),
        (Go, "a := `\"\n/*` + '\"'", Some(6)),
        (Go, "a /* /* */ b", Some(2)),
        (Java, "\"\"\"\n \"/*\" \\\"\"\" \"\"\" + '\\''", Some(3)),
        (Shell, "a # b\nc#d ${#e} $#", Some(6)),
        (Shell, "cat <<E; f\n'\nE\ng", Some(4)),
        (Shell, "cat <<-'E'\n\t\"\n\tE\ng", Some(3)),
        (Shell, "cat <<E\nx\n", None),
        (Shell, "echo \"a $(b \"c\" ')') d\" e", Some(6)),
        (Shell, "$((1 << 2)) a", Some(6)),
        (Shell, "echo 'a\nb' $'it\\'s' <<<x", Some(5)),
        (Shell, "echo \"", None),
        (Toml, "a = \"#\" # b\nc = '''\n'''", Some(6)),
    ];
    let wrong: Vec<_> =
        cases.into_iter().filter(|(language, text, expected)| tokens(*language, text) != *expected).collect();
    let are: Vec<_> = wrong.iter().map(|(language, text, _)| tokens(*language, text)).collect();
    assert!(wrong.is_empty(), "{wrong:#?} are {are:?}");
}

#[test]
fn another_name_or_number_is_never_less() {
    assert!(!less("a.rs", "let total_of_all = 1 + total_of_all;", "let t = 1 + t;"));
    assert!(!less("a.rs", "x * 1.5", "x * 2"));
    assert!(!less("a.js", "$el + $el + $el", "el + el + el"));
    assert!(!less("a.ts", "a === b", "a == b"));
}

/// What a program may be made of, in a language: nothing that depends on what stands beside it.
fn parts(language: Language) -> Vec<&'static str> {
    let mut parts = vec!["name", "x1", "42", "0x1f", "1.5", "+", "-", "<", ",", "\"a b\"", "&"];
    match language {
        Language::Rust => parts.extend(["'a", "'c'", "r#\"x\"y\"#", "b\"/*\"", "::", ";", "{", "}"]),
        Language::C => parts.extend(["'c'", "R\"(x\")\"", "->", ";", "{", "}"]),
        Language::Python => parts.extend(["'''a\n#'''", "f'{a[\"b\"]}'", "rb'x'", "**"]),
        Language::Script => parts.extend(["`a ${b} c`", "'/*'", "=>", ";"]),
        Language::Go => parts.extend(["`//`", "'x'", ":=", ";"]),
        Language::Java => parts.extend(["\"\"\"\n\"x\" \"\"\"", "'\"'", ";"]),
        Language::Shell | Language::Toml => {}
    }
    parts
}

fn gaps(language: Language) -> &'static [&'static str] {
    match language {
        Language::Python | Language::Toml => &[" ", "\t", "   ", " # ' \" (\n", " \n"],
        Language::Shell => &[" ", "\t ", " \\\n "],
        _ => &[" ", "\n", "\r\n\t", " // ' \" /*\n", " /* ' \" // */ ", "\n\n"],
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_scan_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for (_, language) in ALL {
            let _ = Scan::of(language, &bytes);
        }
    }

    #[test]
    fn no_text_of_signs_that_mean_something_makes_a_scan_panic(
        words in proptest::collection::vec(
            proptest::sample::select(vec![
                "\"", "'", "\"\"\"", "'''", "/*", "*/", "//", "#", "\n", "\\", "{", "}", "${", "`", "r#\"", "R\"x(", ")x\"", "f'", "b'", "f\"{",
                "<<E", "E\n", "$(", ")", "((", "a", "1.", "0x", "é", "\\N{", ":", "<!--", "/", "[", "]", " ",
            ]),
            0..60,
        ),
    ) {
        let text = words.concat();
        for (_, language) in ALL {
            let _ = Scan::of(language, text.as_bytes());
        }
    }

    #[test]
    fn layout_and_comments_change_no_count_and_are_never_less(
        which in 0usize..ALL.len(),
        picks in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..40),
    ) {
        let (path, language) = ALL[which];
        let (parts, gaps) = (parts(language), gaps(language));
        // Within brackets, so that no string of Python's is a statement.
        let text = |second: bool| {
            let mut text = "f(".to_owned();
            for (part, one, other) in &picks {
                text.push_str(parts[part.index(parts.len())]);
                text.push_str(gaps[if second { other } else { one }.index(gaps.len())]);
            }
            text + ")"
        };
        let (one, other) = (text(false), text(true));
        prop_assert!(tokens(language, &one).is_some(), "{one}");
        prop_assert_eq!(tokens(language, &one), tokens(language, &other), "{} | {}", one, other);
        prop_assert!(!less(path, &one, &other) && !less(path, &other, &one));
    }

    #[test]
    fn whatever_a_text_moves_into_costs_no_less(
        words in proptest::collection::vec("[a-z+*(){}=0-9]{1,8}", 1..30),
        which in 0usize..4,
    ) {
        let code = words.join(" ");
        let after = match which {
            0 => format!("let x = run(\"{code}\");"),
            1 => format!("// {code}\nrun();"),
            2 => format!("run!({});", code.replace(|c: char| !c.is_ascii_alphanumeric(), "_")),
            _ => format!("/* {code} */"),
        };
        prop_assert!(!less("a.rs", &format!("{code} ; q"), &after), "{}", code);
    }
}
