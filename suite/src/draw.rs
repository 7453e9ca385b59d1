//! Drawing prompts and training text.
//!
//! Reproducible, on every machine and for good: ChaCha with 8 rounds, seeded by `seed_from_u64`, one stream
//! for each task, numbered by the FNV-1a hash of the task's name, so that a task added to a file changes no
//! other task's prompts. Training text has streams of its own, so that a seed used for training may be used
//! for measuring. A number below `n` is the high half of a 64-bit draw times `n`: its bias, below 2^-40 for
//! the counts in question, is accepted for having nothing that a new version of a library could change.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::file::{CheckFile, Count, Event, Field, File, Items, Parsed, Story, Task};
use crate::spoil;
use crate::template::{Template, Value, Values};
use crate::{Check, Document, Error, Prompt};

/// How often a draw that must differ from earlier ones is tried before the list is left shorter.
const TRIES: usize = 1000;

pub(crate) struct Rng(ChaCha8Rng);

impl Rng {
    fn new(seed: u64, stream: &str) -> Rng {
        let hash = stream.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(hash);
        Rng(rng)
    }

    fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.0.next_u64()) * n as u128) >> 64) as usize
    }

    pub fn count(&mut self, count: Count) -> usize {
        match count {
            Count::Just(count) => count as usize,
            Count::Between([low, high]) => low as usize + self.below((high.max(low) - low) as usize + 1),
        }
    }

    pub fn choose<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// The first `count` elements become a random choice in random order.
    pub fn shuffle<T>(&mut self, all: &mut [T], count: usize) {
        for place in 0..count.min(all.len()) {
            let other = place + self.below(all.len() - place);
            all.swap(place, other);
        }
    }
}

/// The prompts of one sample.
pub(crate) fn sample(file: &File, seed: u64) -> Vec<Prompt> {
    let mut prompts = Vec::new();
    for task in &file.tasks {
        let mut rng = Rng::new(seed, &task.name);
        for _ in 0..task.count {
            let mut drawn = prompt(file, task, &mut rng);
            // A prompt asked twice measures nothing new; a task with few prompts may have to repeat one.
            for _ in 0..TRIES {
                if prompts.iter().all(|earlier: &Prompt| earlier.text != drawn.text) {
                    break;
                }
                drawn = prompt(file, task, &mut rng);
            }
            prompts.push(drawn);
        }
    }
    prompts
}

/// Training text of one stage.
pub(crate) fn documents(file: &File, seed: u64, stage: usize, count: usize) -> Result<Vec<Document>, Error> {
    // Shares in thousandths, as whole numbers: the same on every machine.
    let shares: Vec<usize> = file
        .tasks
        .iter()
        .map(|task| (task.share.get(stage).copied().unwrap_or(0.0).max(0.0) * 1000.0) as usize)
        .collect();
    let total: usize = shares.iter().sum();
    if total == 0 {
        return Err(Error::new(format!("stage {stage}"), "no task has a share in it"));
    }
    let mut rng = Rng::new(seed, &format!("training text of stage {stage}"));
    let mut documents = Vec::with_capacity(count);
    for _ in 0..count {
        let mut left = rng.below(total);
        let mut index = 0;
        while left >= shares[index] {
            left -= shares[index];
            index += 1;
        }
        let task = &file.tasks[index];
        let drawn = Drawn::of(file, task, &mut rng);
        let mut segments = vec![(drawn.prompt, task.weights[0])];
        segments.extend(drawn.answer.map(|answer| (answer, task.weights[1])));
        documents.push(Document { task: task.name.clone(), segments });
    }
    Ok(documents)
}

fn prompt(file: &File, task: &Task, rng: &mut Rng) -> Prompt {
    let drawn = Drawn::of(file, task, rng);
    let expected = drawn.expected.filter(|_| !task.open);
    let mut checks: Vec<Check> = Vec::new();
    checks.extend(expected.iter().map(|text| Check::BeginsWith { text: text.clone() }));
    for (check, templates) in task.checks.iter().zip(&parsed(task).checks) {
        let texts = || templates.iter().map(|template| template.fill(&drawn.values)).collect();
        let text = || templates.iter().map(|template| template.fill(&drawn.values)).collect();
        checks.push(match check {
            CheckFile::ContainsAny { .. } => Check::ContainsAny { texts: texts() },
            CheckFile::ContainsNone { .. } => Check::ContainsNone { texts: texts() },
            CheckFile::Number { .. } => Check::Number { text: text() },
            CheckFile::ContainsOneOf { slot } => {
                Check::ContainsAny { texts: drawn.values.get(slot).map_or(vec![], |v| v.items.clone()) }
            }
            CheckFile::Words { min, max } => Check::Words { min: *min, max: *max },
            CheckFile::Lines { min, max } => Check::Lines { min: *min, max: *max },
            CheckFile::NoLoop { words, times } => Check::NoLoop { words: *words, times: *times },
        });
    }
    Prompt {
        task: task.name.clone(),
        family: task.family.clone(),
        context: task.context,
        text: drawn.prompt,
        expected,
        length: drawn.answer.filter(|_| task.max_new.is_none()),
        max_new: task.max_new,
        checks,
    }
}

/// Every task that a parsed file holds has its templates parsed.
fn parsed(task: &Task) -> &Parsed {
    task.parsed.as_ref().expect("a file is prepared when it is parsed")
}

struct Drawn {
    prompt: String,
    /// What follows the prompt, to its last character.
    answer: Option<String>,
    /// As much of it as the prompt determines.
    expected: Option<String>,
    values: Values,
}

impl Drawn {
    fn of(file: &File, task: &Task, rng: &mut Rng) -> Drawn {
        let parsed = parsed(task);
        let mut values = record(file, &task.slots, rng);
        let mut pairs: Vec<(String, String)> = Vec::new();
        if let Some(story) = &task.story {
            pairs = tell(file, story, parsed, rng, &mut values);
        } else if let Some((query, answer)) = &parsed.item {
            let records = match (&task.facts, &task.items) {
                (Some(facts), _) => {
                    let records = distinct(file, &facts.fields, rng.count(facts.count), rng);
                    let fact = parsed.fact.iter().flat_map(|fact| records.iter().map(|r| fact.fill(r)));
                    values.insert("facts".into(), Value { items: fact.collect(), join: facts.join.clone() });
                    records
                }
                (None, Some(items)) => distinct(file, &items.fields, rng.count(items.count), rng),
                (None, None) => Vec::new(),
            };
            pairs = records.iter().map(|record| (query.fill(record), answer.fill(record))).collect();
        }
        if let Some(items) = &task.items {
            ask(items, task.facts.is_some() || task.story.is_some(), pairs, rng, &mut values);
        }
        let mut answer = parsed.answer.as_ref().map(|answer| answer.fill(&values));
        let mut prompt = parsed.prompt.fill(&values);
        if let (Some(begun), Some(whole)) = (&task.begun, &answer) {
            let list = file.words.get(&begun.from).map_or(&[][..], Vec::as_slice);
            let (given, rest) = spoil::begin(whole, begun, list, rng);
            prompt.push_str(&given);
            answer = Some(rest);
        }
        let mut expected = answer.clone();
        if let Some(broken) = &task.broken {
            let count = rng.count(broken.words);
            let (spoilt, gone) = spoil::replace(&prompt, count, &file.words[&broken.from], rng);
            prompt = spoilt;
            expected = expected.map(|text| spoil::until(&text, &gone).to_string());
        }
        if let (Some(then), Some(text)) = (&parsed.then, &mut answer) {
            text.push_str(&then.fill(&values));
        }
        Drawn { prompt, answer, expected, values }
    }
}

/// Fills the slots `queries` and `answers`, in the same order.
fn ask(items: &Items, choose: bool, mut pairs: Vec<(String, String)>, rng: &mut Rng, values: &mut Values) {
    if choose {
        let count = rng.count(items.count);
        rng.shuffle(&mut pairs, count);
        pairs.truncate(count);
    }
    let (queries, answers) = pairs.into_iter().unzip();
    values.insert("queries".into(), Value { items: queries, join: items.query_join.clone() });
    values.insert("answers".into(), Value { items: answers, join: items.answer_join.clone() });
}

/// `count` records, no two alike in all their unique fields; fewer where there are not so many.
fn distinct(file: &File, fields: &BTreeMap<String, Field>, count: usize, rng: &mut Rng) -> Vec<Values> {
    let mut records = Vec::new();
    let mut seen = BTreeSet::new();
    for _ in 0..TRIES.max(20 * count) {
        if records.len() == count {
            break;
        }
        let record = record(file, fields, rng);
        let unique = fields.iter().filter(|(_, field)| field.unique);
        let key: Vec<String> = unique.filter_map(|(name, _)| record.get(name)).map(Value::text).collect();
        if key.is_empty() || seen.insert(key) {
            records.push(record);
        }
    }
    records
}

/// One value for each field.
fn record(file: &File, fields: &BTreeMap<String, Field>, rng: &mut Rng) -> Values {
    let mut values = Values::new();
    for (name, field) in fields {
        if let Some(rows) = field.row.as_ref().and_then(|table| file.rows.get(table)) {
            for (column, cell) in rng.choose(rows) {
                let value = Value { items: cell.items(), join: ", ".into() };
                values.insert(format!("{name}.{column}"), value);
            }
            continue;
        }
        let count = field.count.map_or(1, |count| rng.count(count));
        let items = match (&field.words, field.number) {
            (Some(list), _) => several(&file.words[list], count, field.repeats, rng),
            (None, Some([low, high])) => {
                let all = (high - low) as usize + 1;
                numbers(low, all, count, field.repeats || count > all, rng)
            }
            (None, None) => Vec::new(),
        };
        values.insert(name.clone(), Value { items, join: field.join.clone() });
    }
    values
}

fn several(list: &[String], count: usize, repeats: bool, rng: &mut Rng) -> Vec<String> {
    if repeats || count == 1 {
        return (0..count).map(|_| rng.choose(list).clone()).collect();
    }
    let mut order: Vec<usize> = (0..list.len()).collect();
    rng.shuffle(&mut order, count);
    order.into_iter().take(count).map(|index| list[index].clone()).collect()
}

fn numbers(low: i64, all: usize, count: usize, repeats: bool, rng: &mut Rng) -> Vec<String> {
    let mut drawn = Vec::new();
    while drawn.len() < count {
        let number = low + rng.below(all) as i64;
        if repeats || !drawn.contains(&number) {
            drawn.push(number);
        }
    }
    drawn.iter().map(i64::to_string).collect()
}

/// Lets events happen; fills `story`, `retold` and the cast's slots; a query and an answer for each state.
fn tell(
    file: &File,
    story: &Story,
    parsed: &Parsed,
    rng: &mut Rng,
    values: &mut Values,
) -> Vec<(String, String)> {
    let cast = record(file, &story.cast, rng);
    // In the order in which a key first got a value.
    let mut state: Vec<((&str, String), String)> = Vec::new();
    let (mut told, mut retold) = (Vec::new(), Vec::new());
    let count = rng.count(story.count);
    for _ in 0..TRIES.max(20 * count) {
        if told.len() == count {
            break;
        }
        let index = rng.below(story.events.len());
        let event = &story.events[index];
        let Some((slots, place)) = happen(event, &cast, &state, rng) else { continue };
        let value = slots[&event.value].text();
        match place {
            Some(place) => state[place].1 = value,
            None => state.push(((&event.relation, slots[&event.key].text()), value)),
        }
        told.push(parsed.events[index].0.fill(&slots));
        retold.push(parsed.events[index].1.fill(&slots));
    }
    values.insert("story".into(), Value { items: told, join: story.join.clone() });
    values.insert("retold".into(), Value { items: retold, join: story.join.clone() });
    values.extend(cast);
    let pair = |((relation, key), value): ((&str, String), String)| {
        let slots = Values::from([("key".into(), Value::one(key)), ("value".into(), Value::one(value))]);
        let (query, answer): &(Template, Template) = &parsed.relations[relation];
        (query.fill(&slots), answer.fill(&slots))
    };
    state.into_iter().map(pair).collect()
}

/// The slots of an event, and where its key stands in the state; `None` where it cannot happen now.
fn happen(
    event: &Event,
    cast: &Values,
    state: &[((&str, String), String)],
    rng: &mut Rng,
) -> Option<(Values, Option<usize>)> {
    let mut slots = Values::new();
    for (slot, list) in &event.slots {
        slots.insert(slot.clone(), Value::one(rng.choose(&cast[list].items).clone()));
    }
    let key = slots.get(&event.key)?.text();
    let place = state.iter().position(|((relation, of), _)| *relation == event.relation && *of == key);
    if event.fresh && place.is_some() {
        return None;
    }
    if let Some(from) = &event.from {
        slots.insert(from.clone(), Value::one(state[place?].1.clone()));
    }
    let filled: BTreeSet<String> = slots.values().map(Value::text).collect();
    let changes = place.is_none_or(|place| state[place].1 != slots[&event.value].text());
    (filled.len() == slots.len() && changes).then_some((slots, place))
}
