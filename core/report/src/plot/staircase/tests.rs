use super::*;
use piton_base::metric::{Direction, Gain, Scale};

fn stairs(keeps: u32, every: u32) -> Staircase {
    let mut marks = vec![];
    let (mut level, mut line) = (0.0, vec![(0, 0.0)]);
    for trial in 0..=keeps * every {
        let kept = trial > 0 && trial % every == 0;
        let kind = match trial % 7 {
            _ if kept || trial == 0 => TrialKind::Kept,
            1 => TrialKind::Crashed,
            2 => TrialKind::GateFailed,
            _ => TrialKind::Discarded,
        };
        let by = 0.01 + f64::from(trial % 5) * 0.004;
        if kept {
            level += by;
            line.push((trial, level));
        }
        let at = if kept || trial == 0 { level } else { level - by };
        marks.push(Mark {
            trial,
            kind,
            level: (kind != TrialKind::Crashed).then_some(at),
            ends: kept.then_some((at - 0.01, at + 0.01)),
            gain: Some(Gain(by)),
            label: "fuse the gate and up projections of the feed-forward".to_owned(),
        });
    }
    Staircase {
        run: "r".into(),
        metric: "avg_generation_tps".into(),
        unit: "tokens/s".into(),
        direction: Direction::Higher,
        scale: Scale::Ratio,
        start: Some(650.0),
        marks,
        line,
        verification: Some((level * 0.9, level * 0.85, level * 0.95)),
        claimed: None,
    }
}

#[test]
fn labels_do_not_overlap_at_15_and_at_150_keeps_on_a_page_and_in_a_terminal() {
    for (keeps, every) in [(0, 1), (1, 1), (15, 3), (15, 20), (150, 1), (150, 4)] {
        for direction in [Direction::Higher, Direction::Lower] {
            for medium in [Medium::pixels(960.0, 420.0), Medium::pixels(360.0, 300.0), Medium::cells(80, 24)]
            {
                let stairs = Staircase { direction, ..stairs(keeps, every) };
                staircase(&stairs, medium).assert_apart();
            }
        }
    }
}

#[test]
fn labels_do_not_overlap_wherever_the_values_of_the_axis_fall() {
    for tenth in 0..400 {
        for keeps in [0, 2] {
            for medium in [Medium::pixels(960.0, 420.0), Medium::pixels(360.0, 300.0), Medium::cells(80, 24)]
            {
                let start = Some(80.0 + f64::from(tenth) / 10.0);
                for rows in [true, false] {
                    let mut stairs = Staircase { start, ..stairs(keeps, 3) };
                    // Without a row for trials that have no level, the axis of trials is next.
                    stairs.marks.retain(|mark| rows || mark.level.is_some());
                    staircase(&stairs, medium).assert_apart();
                }
            }
        }
    }
}

#[test]
fn fifteen_keeps_are_all_labelled_and_of_150_those_that_are_not_are_counted() {
    let labels = |keeps, every| {
        let picture = staircase(&stairs(keeps, every), Medium::pixels(960.0, 420.0));
        let texts: Vec<String> = picture.texts().map(|(text, _)| text.to_owned()).collect();
        let note = texts.iter().find(|text| text.contains("not labelled")).cloned();
        (texts.iter().filter(|text| text.starts_with('#')).count(), note)
    };
    assert_eq!(labels(15, 4), (15, None));
    let (placed, note) = labels(150, 4);
    assert!(placed >= 30, "{placed}");
    assert_eq!(note.unwrap(), format!("{} of 150 keeps are not labelled", 150 - placed));
}

#[test]
fn what_lies_far_off_is_drawn_at_the_edge_and_does_not_flatten_the_stairs() {
    let mut far = stairs(5, 3);
    let end = far.range();
    far.marks[1] = Mark { kind: TrialKind::Discarded, level: Some(-3.0), ends: None, ..far.marks[1].clone() };
    assert_eq!(far.range(), end);
    let picture = staircase(&far, Medium::pixels(960.0, 420.0));
    let edge = |shape: &Shape| matches!(shape, Shape::Marks { glyph: Glyph::Down, at, .. } if at.len() == 1);
    assert!(picture.shapes.iter().any(edge));
}

#[test]
fn where_lower_is_better_the_stairs_go_down() {
    let stairs = Staircase { direction: Direction::Lower, ..stairs(3, 2) };
    assert!(stairs.value(stairs.end().0) < stairs.value(0.0));
    let picture = staircase(&stairs, Medium::pixels(960.0, 420.0));
    let line = picture.shapes.iter().find_map(|shape| match shape {
        Shape::Line { ink: Ink::Line, points, .. } => Some(points),
        _ => None,
    });
    assert!(line.unwrap().last().unwrap().y > line.unwrap()[0].y);
}
