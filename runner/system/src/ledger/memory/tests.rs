use super::*;
use piton_core::trial::similarity::DiffLine;

fn tried(trial: u32, description: &str, line: &str) -> RememberedTrial {
    let lines = [DiffLine { path: "a.rs".into(), added: true, text: line.to_owned() }];
    let edit = RememberedEdit {
        words: [description.to_owned(), String::new(), String::new()],
        added: line.to_owned(),
        features: EditFeatures::of(&lines),
        ..RememberedEdit::default()
    };
    let reason = "worse".to_owned();
    RememberedTrial {
        run: "r".into(),
        trial,
        settles: true,
        reason,
        gain: Some(Gain(-0.02)),
        edit: Some(edit),
        ..RememberedTrial::default()
    }
}

fn numbers(found: &(Vec<Hit>, bool)) -> Vec<u32> {
    found.0.iter().map(|hit| hit.trial).collect()
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

#[test]
fn words_are_data_whatever_operators_they_look_like() {
    let dir = tempfile::tempdir().unwrap();
    let memory = Memory::open(dir.path(), "1").unwrap();
    memory
        .take(&[tried(1, "wider \"tiles\" OR loops", "x"), tried(2, "NEAR( the * end", "TILE_SIZE = 64;")])
        .unwrap();
    let found = |text: &str| memory.search(&words(text), Where::Everything, None, 9).unwrap();
    assert_eq!(numbers(&found("\"tiles\"")), [1]);
    assert_eq!(numbers(&found("tile_size")), [2]);
    assert_eq!(
        numbers(&found("tile")),
        [1, 2],
        "a word finds what begins with it; what was said comes before a line"
    );
    for text in ["NEAR(", "*", "\"", "added:", "a AND", "-x", "^", "{", "wid*", "OR", "a\0b", "'"] {
        found(text);
    }
    let (some, all) = found("wider elephants");
    assert_eq!((numbers(&(some, all)), all), (vec![1], false), "where none has all words, some will do");
    assert_eq!(numbers(&memory.search(&words("wider"), Where::Lines, None, 9).unwrap()), [0u32; 0]);
    assert_eq!(numbers(&memory.search(&words("wider"), Where::Everything, Some("q"), 9).unwrap()), [0u32; 0]);
}

#[test]
fn an_edit_that_is_like_an_earlier_one_finds_it_also_among_thousands() {
    let dir = tempfile::tempdir().unwrap();
    let memory = Memory::open(dir.path(), "1").unwrap();
    let line = |n: u32| {
        format!("let sum = rows.iter().map(|row_{n}| row_{n}.weight * row_{n}.value).fold(start_{n});")
    };
    let all: Vec<RememberedTrial> = (0..3000).map(|n| tried(n, "", &line(n))).collect();
    memory.take(&all).unwrap();
    let features = all[47].edit.as_ref().unwrap().features.as_ref().unwrap();
    let like = memory.like("r", features, 0.8).unwrap();
    assert_eq!(
        like.iter().map(|like| (like.trial, like.share, like.gain)).collect::<Vec<_>>(),
        [(47, 1.0, Some(Gain(-0.02)))]
    );
    assert_eq!(memory.like("q", features, 0.8).unwrap(), []);
}

#[test]
fn a_memory_that_is_lost_broken_or_anothers_is_made_anew_and_one_that_is_sound_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("memory.db");
    let next = |first: &str| Memory::open(dir.path(), first).unwrap().next("r").unwrap();
    Memory::open(dir.path(), "1").unwrap().take(&[tried(6, "", "x")]).unwrap();
    assert_eq!(next("1"), 7);
    assert_eq!(next("2"), 0, "another ledger's");
    Memory::open(dir.path(), "2").unwrap().take(&[tried(6, "", "x")]).unwrap();
    fs::write(&path, "no database at all, and longer than a header of one would be, to be sure of it ....")
        .unwrap();
    assert_eq!(next("2"), 0, "broken");
    fs::remove_file(&path).unwrap();
    assert_eq!(next("2"), 0, "lost");
}

#[test]
fn what_is_held_already_is_not_taken_in_twice() {
    let dir = tempfile::tempdir().unwrap();
    let memory = Memory::open(dir.path(), "1").unwrap();
    for _ in 0..2 {
        memory.take(&[tried(1, "tiles", "x y z")]).unwrap();
    }
    assert_eq!(numbers(&memory.search(&words("tiles"), Where::Everything, None, 9).unwrap()), [1]);
}
