//! Times far below a second, as benchmarks of single functions take, in whatever piton prints for people.

use piton_tests::Scratch;

#[test]
fn no_text_for_people_tells_a_time_by_a_power_of_ten() {
    let toy = Scratch::toy_with("unit = \"x/s\"", "unit = \"s\"");
    let measure = toy.read("measure.sh");
    let tiny = measure.replace("$((PITON_SEED % 10)),", "$((PITON_SEED % 10))e-9,");
    assert_ne!(tiny, measure);
    toy.write("measure.sh", &tiny);
    toy.commit("nanoseconds");
    let baseline = toy.baseline();
    toy.speed("140");
    let trial = toy.piton(&["trial", "-m", "slower by more", "--wait", "10m"]);
    assert_eq!(trial.status, 0, "{trial:?}");
    let tried = toy.piton(&["doctor", "--try"]);
    for said in [
        &baseline.err,
        &tried.out,
        &toy.piton(&["status"]).out,
        &toy.piton(&["log"]).out,
        &toy.piton(&["brief"]).out,
    ] {
        assert!(said.contains(" ns"), "{said}");
    }
    let page = toy.path().join("page.html");
    let wrote = toy.piton(&["report", "--output", page.to_str().expect("a path")]);
    assert_eq!(wrote.status, 0, "{wrote:?}");
    let texts = [
        baseline.err + &baseline.out,
        trial.err + &trial.out,
        tried.out,
        toy.piton(&["report", "--md"]).out,
        toy.read("page.html"),
        toy.piton(&[]).out,
    ];
    let shown = [
        &["status"][..],
        &["status", "--plot"],
        &["log"],
        &["show", "1"],
        &["brief"],
        &["log", "--experiments"],
    ];
    for text in
        shown.into_iter().map(|args| toy.piton(args).out).chain(texts).chain([toy.read("EXPERIMENTS.md")])
    {
        let powers: Vec<&str> = text
            .lines()
            .filter(|line| line.contains("e-7") || line.contains("e-8") || line.contains("e-9"))
            .collect();
        assert!(powers.is_empty(), "{powers:#?}");
    }
}
