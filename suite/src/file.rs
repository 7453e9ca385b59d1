//! The data file: what may stand in it, and that it makes sense.
//!
//! A task may say `like = "other"`: it is then the other task with what it states itself laid over it, table
//! by table. A file may `include` another: its words, its rows and its tasks to be `like`, but not those
//! tasks themselves. So the training corpus is the suite with wider counts, not a second copy of its templates.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use toml::{Table, Value as Toml};

use crate::spoil::{Begun, Broken};
use crate::template::{Kind, Template};
use crate::{Context, Error};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub name: String,
    /// For the reader.
    #[serde(default, rename = "about")]
    _about: String,
    #[serde(default)]
    pub words: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub rows: BTreeMap<String, Vec<BTreeMap<String, OneOrMany>>>,
    #[serde(default, rename = "task")]
    pub tasks: Vec<Task>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub fn items(&self) -> Vec<String> {
        match self {
            OneOrMany::One(text) => vec![text.clone()],
            OneOrMany::Many(texts) => texts.clone(),
        }
    }
}

/// How many: a number, or from one number to another, both included.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
pub(crate) enum Count {
    Just(u32),
    Between([u32; 2]),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Task {
    pub name: String,
    pub family: String,
    pub context: Context,
    /// Prompts in a sample.
    #[serde(default = "one")]
    pub count: u32,
    /// Share of the training documents, one number a stage.
    #[serde(default)]
    pub share: Vec<f64>,
    /// Weight in the loss of a token of the prompt and of one of the answer.
    #[serde(default = "usual_weights")]
    pub weights: [f64; 2],
    /// Tokens to ask for; as many as the answer has where it is not given.
    pub max_new: Option<u32>,
    /// The answer in the file is good to learn from or to count by, not to check against.
    #[serde(default)]
    pub open: bool,
    pub prompt: String,
    pub answer: Option<String>,
    /// Drawn once a prompt.
    #[serde(default)]
    pub slots: BTreeMap<String, Field>,
    pub facts: Option<Facts>,
    pub story: Option<Story>,
    pub items: Option<Items>,
    /// What is asked for after the answer: nobody can know it, so it only says how long it may be.
    pub then: Option<String>,
    pub begun: Option<Begun>,
    pub broken: Option<Broken>,
    #[serde(default, rename = "check")]
    pub checks: Vec<CheckFile>,
    #[serde(skip)]
    pub parsed: Option<Parsed>,
}

fn one() -> u32 {
    1
}

fn usual_weights() -> [f64; 2] {
    [0.1, 1.0]
}

/// What fills a slot: exactly one of `words`, `number` and `row`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Field {
    /// Words of this list.
    pub words: Option<String>,
    /// Whole numbers from the first to the second, both included.
    pub number: Option<[i64; 2]>,
    /// A row of this table: its columns become the slots `slot.column`.
    pub row: Option<String>,
    /// How many; one where it is not given.
    pub count: Option<Count>,
    /// What stands between several.
    #[serde(default = "space")]
    pub join: String,
    /// The several may repeat one another.
    #[serde(default)]
    pub repeats: bool,
    /// No two records are alike in all their unique fields.
    #[serde(default)]
    pub unique: bool,
}

fn space() -> String {
    " ".into()
}

/// Records that the prompt states.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Facts {
    pub count: Count,
    pub fields: BTreeMap<String, Field>,
    pub text: String,
    #[serde(default = "comma")]
    pub join: String,
}

fn comma() -> String {
    ", ".into()
}

/// Records that the prompt asks for: some of the facts or of the story's states, else fresh ones.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Items {
    pub count: Count,
    #[serde(default)]
    pub fields: BTreeMap<String, Field>,
    /// Templates of a query and its answer. A story has its own, by relation.
    #[serde(default)]
    pub query: String,
    #[serde(default)]
    pub answer: String,
    #[serde(default = "comma")]
    pub query_join: String,
    #[serde(default = "comma")]
    pub answer_join: String,
}

/// Events that change a hidden state, which the prompt then asks for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Story {
    /// How many events.
    pub count: Count,
    /// Who and what is in it, by the name that the events use.
    pub cast: BTreeMap<String, Field>,
    pub relations: BTreeMap<String, Relation>,
    pub events: Vec<Event>,
    #[serde(default = "space")]
    pub join: String,
}

/// How the value of a key is asked and answered, with the slots `key` and `value`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Relation {
    pub query: String,
    pub answer: String,
}

/// `relation(key)` becomes `value`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Event {
    pub relation: String,
    /// Slots of the event, each with the cast that fills it. No member fills two slots.
    pub slots: BTreeMap<String, String>,
    /// The slot that is the key, and the one that is the new value.
    pub key: String,
    pub value: String,
    /// The slot that holds the value until now. Where it is given, the event needs a value; it is not drawn.
    pub from: Option<String>,
    /// The event needs a key without a value.
    #[serde(default)]
    pub fresh: bool,
    pub text: String,
    /// The same, told later.
    #[serde(default)]
    pub retold: String,
}

/// A check as written; its texts are templates.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "snake_case")]
pub(crate) enum CheckFile {
    ContainsAny {
        texts: Vec<String>,
    },
    Number {
        text: String,
    },
    /// The items of a slot, one of which is enough.
    ContainsOneOf {
        slot: String,
    },
    ContainsNone {
        texts: Vec<String>,
    },
    Words {
        min: usize,
        max: usize,
    },
    Lines {
        min: usize,
        max: usize,
    },
    NoLoop {
        words: usize,
        times: usize,
    },
}

/// The templates of a task, parsed.
#[derive(Debug, Clone)]
pub(crate) struct Parsed {
    pub prompt: Template,
    pub answer: Option<Template>,
    pub then: Option<Template>,
    pub fact: Option<Template>,
    pub item: Option<(Template, Template)>,
    pub relations: BTreeMap<String, (Template, Template)>,
    pub events: Vec<(Template, Template)>,
    pub checks: Vec<Vec<Template>>,
}

/// The most of anything that a count may ask for: a file is data, and must not be able to ask for a night.
const MOST: u32 = 1000;
/// Numbers lie between this and its negative, so that a thousand of them have a sum.
const GREATEST: i64 = 1_000_000_000_000;
/// Files that include one another in a row, at most.
const DEPTH: usize = 8;

/// Reads a file and what it includes.
pub(crate) fn load(path: &Path) -> Result<File, Error> {
    parse(&read(path)?, path.parent())
}

fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|cause| Error::new(path.display().to_string(), cause.to_string()))
}

/// Parses a file; `folder` is where its `include` is looked for. Without one, it may include nothing.
pub(crate) fn parse(text: &str, folder: Option<&Path>) -> Result<File, Error> {
    let table = resolve(text, folder, DEPTH)?;
    let mut file: File =
        Toml::Table(table).try_into().map_err(|cause: toml::de::Error| Error::new("", cause.message()))?;
    let mut tasks = std::mem::take(&mut file.tasks);
    for task in &mut tasks {
        task.parsed = Some(prepare(&file, task)?);
    }
    file.tasks = tasks;
    Ok(file)
}

/// The file as one table, with its `include` and every `like` replaced by what they stand for.
fn resolve(text: &str, folder: Option<&Path>, depth: usize) -> Result<Table, Error> {
    let mut table: Table =
        text.parse().map_err(|cause: toml::de::Error| Error::new("", cause.to_string()))?;
    let mut models: BTreeMap<String, Table> = BTreeMap::new();
    if let Some(include) = table.remove("include") {
        let name = include.as_str().ok_or_else(|| Error::new("include", "a path is wanted"))?;
        let folder = folder.ok_or_else(|| Error::new("include", "this text was not read from a folder"))?;
        let path = folder.join(name);
        let depth = depth.checked_sub(1).ok_or_else(|| Error::new("include", "files include one another"))?;
        let other = resolve(&read(&path)?, path.parent(), depth)?;
        for part in ["words", "rows"] {
            if let Some(theirs) = other.get(part) {
                let ours = table.remove(part).unwrap_or_else(|| Toml::Table(Table::new()));
                table.insert(part.into(), overlay(theirs.clone(), ours));
            }
        }
        for task in other.get("task").and_then(Toml::as_array).into_iter().flatten() {
            remember(&mut models, task);
        }
    }
    if let Some(Toml::Array(tasks)) = table.get_mut("task") {
        for task in tasks {
            let like = task.as_table_mut().and_then(|fields| fields.remove("like"));
            if let Some(like) = like {
                let name = like.as_str().unwrap_or_default();
                let model = models
                    .get(name)
                    .ok_or_else(|| Error::new("like", format!("no task above is called `{name}`")))?;
                *task = overlay(Toml::Table(model.clone()), task.clone());
            }
            remember(&mut models, task);
        }
    }
    Ok(table)
}

fn remember(models: &mut BTreeMap<String, Table>, task: &Toml) {
    if let Some(fields) = task.as_table()
        && let Some(name) = fields.get("name").and_then(Toml::as_str)
    {
        models.insert(name.into(), fields.clone());
    }
}

/// `above` laid over `below`: tables are merged, everything else is replaced.
fn overlay(below: Toml, above: Toml) -> Toml {
    match (below, above) {
        (Toml::Table(mut below), Toml::Table(above)) => {
            for (key, value) in above {
                let value = match below.remove(&key) {
                    Some(old) => overlay(old, value),
                    None => value,
                };
                below.insert(key, value);
            }
            Toml::Table(below)
        }
        (_, above) => above,
    }
}

/// Checks a task and parses its templates.
fn prepare(file: &File, task: &Task) -> Result<Parsed, Error> {
    let place = task.name.as_str();
    let refuse = |cause: String| Err(Error::new(place, cause));
    if task.facts.is_some() && task.story.is_some() {
        return refuse("a task has facts or a story, not both".into());
    }
    if !task.prompt.ends_with('\n') {
        return refuse("the prompt must end with a line break".into());
    }
    if task.max_new.is_none() && task.answer.is_none() {
        return refuse("where there is no answer, max_new must be given".into());
    }
    if task.count > MOST {
        return refuse(format!("{} prompts are wanted; {MOST} are the most", task.count));
    }
    if let Some(share) = task.share.iter().find(|share| !(0.0..=1e6).contains(*share)) {
        return refuse(format!("a share is {share}; it lies between 0 and 1000000"));
    }
    let counts = [task.facts.as_ref().map(|f| f.count), task.story.as_ref().map(|s| s.count)];
    for count in counts.into_iter().chain([task.items.as_ref().map(|items| items.count)]).flatten() {
        check_count(place, count)?;
    }
    if task.then.is_some() && task.answer.is_none() {
        return refuse("`then` goes on from an answer, and there is none".into());
    }
    let replaces = |begun: &Begun| !matches!(begun.wrong, Count::Just(0));
    let begun = task.begun.iter().filter(|begun| replaces(begun)).map(|begun| &begun.from);
    for list in begun.chain(task.broken.iter().map(|broken| &broken.from)) {
        if file.words.get(list).is_none_or(|list| list.len() < 2) {
            return refuse(format!("words are replaced by others of `{list}`, and it has not two"));
        }
    }
    for count in task.begun.iter().flat_map(|begun| [begun.words, begun.wrong]) {
        check_count(place, count)?;
    }
    task.broken.iter().try_for_each(|broken| check_count(place, broken.words))?;
    let mut known = kinds(file, place, &task.slots)?;
    let mut words = |name: &str| known.insert(name.into(), Kind::Words);
    words("queries");
    words("answers");
    let fact = match &task.facts {
        Some(facts) => {
            words("facts");
            Some(Template::parse(place, &facts.text, &kinds(file, place, &facts.fields)?)?)
        }
        None => None,
    };
    let mut relations = BTreeMap::new();
    let mut events = Vec::new();
    if let Some(story) = &task.story {
        words("story");
        words("retold");
        known.extend(kinds(file, place, &story.cast)?);
        (relations, events) = prepare_story(place, story)?;
    }
    let item = match &task.items {
        Some(items) if task.story.is_none() => {
            let fields = task.facts.as_ref().map_or(&items.fields, |facts| &facts.fields);
            let kinds = kinds(file, place, fields)?;
            Some((
                Template::parse(place, &items.query, &kinds)?,
                Template::parse(place, &items.answer, &kinds)?,
            ))
        }
        _ => None,
    };
    let parse = |text: &String| Template::parse(place, text, &known);
    let mut checks = Vec::new();
    for check in &task.checks {
        checks.push(match check {
            CheckFile::ContainsAny { texts } | CheckFile::ContainsNone { texts } => {
                texts.iter().map(parse).collect::<Result<_, _>>()?
            }
            CheckFile::Number { text } => vec![parse(text)?],
            CheckFile::ContainsOneOf { slot } => vec![parse(&format!("{{{slot}}}"))?],
            _ => Vec::new(),
        });
    }
    Ok(Parsed {
        prompt: parse(&task.prompt)?,
        answer: task.answer.as_ref().map(parse).transpose()?,
        then: task.then.as_ref().map(parse).transpose()?,
        fact,
        item,
        relations,
        events,
        checks,
    })
}

type Pairs<K> = (BTreeMap<K, (Template, Template)>, Vec<(Template, Template)>);

fn prepare_story(place: &str, story: &Story) -> Result<Pairs<String>, Error> {
    let state: BTreeMap<String, Kind> = ["key", "value"].map(|name| (name.into(), Kind::Words)).into();
    let mut relations = BTreeMap::new();
    for (name, relation) in &story.relations {
        let query = Template::parse(place, &relation.query, &state)?;
        relations.insert(name.clone(), (query, Template::parse(place, &relation.answer, &state)?));
    }
    if story.events.is_empty() {
        return Err(Error::new(place, "a story has no events"));
    }
    for (name, cast) in &story.cast {
        let none = matches!(cast.count, Some(Count::Just(0) | Count::Between([0, _])));
        if cast.row.is_some() || none {
            return Err(Error::new(place, format!("the cast `{name}` wants at least one word or number")));
        }
    }
    let mut events = Vec::new();
    for event in &story.events {
        let mut slots: Vec<&String> = event.slots.keys().collect();
        slots.extend(&event.from);
        for slot in [&event.key, &event.value] {
            if !slots.contains(&slot) {
                return Err(Error::new(place, format!("the event `{}` has no slot `{slot}`", event.text)));
            }
        }
        if !relations.contains_key(&event.relation) {
            return Err(Error::new(place, format!("no relation is called `{}`", event.relation)));
        }
        if let Some(cast) = event.slots.values().find(|&cast| !story.cast.contains_key(cast)) {
            return Err(Error::new(place, format!("no cast is called `{cast}`")));
        }
        let known = slots.into_iter().map(|slot| (slot.clone(), Kind::Words)).collect();
        events.push((
            Template::parse(place, &event.text, &known)?,
            Template::parse(place, &event.retold, &known)?,
        ));
    }
    Ok((relations, events))
}

fn check_count(place: &str, count: Count) -> Result<(), Error> {
    let (Count::Just(most) | Count::Between([_, most])) = count;
    let least = if let Count::Between([least, _]) = count { least } else { most };
    let refuse = || Err(Error::new(place, format!("{} are wanted; {MOST} are the most", most.max(least))));
    if most.max(least) > MOST { refuse() } else { Ok(()) }
}

/// The slots that `fields` make, each with its kind.
fn kinds(
    file: &File,
    place: &str,
    fields: &BTreeMap<String, Field>,
) -> Result<BTreeMap<String, Kind>, Error> {
    let mut kinds = BTreeMap::new();
    for (name, field) in fields {
        let refuse = |cause: String| Err(Error::new(place, format!("slot `{name}`: {cause}")));
        field.count.map_or(Ok(()), |count| check_count(place, count))?;
        match (&field.words, field.number, &field.row) {
            (Some(list), None, None) => {
                let Some(list) = file.words.get(list).filter(|list| !list.is_empty()) else {
                    return refuse(format!("no words are called `{list}`"));
                };
                if let Some(Count::Just(most) | Count::Between([_, most])) = field.count
                    && !field.repeats
                    && most as usize > list.len()
                {
                    return refuse(format!("{most} different words are wanted of {}", list.len()));
                }
                kinds.insert(name.clone(), Kind::Words);
            }
            (None, Some([low, high]), None) if -GREATEST <= low && low <= high && high <= GREATEST => {
                kinds.insert(name.clone(), Kind::Number);
            }
            (None, None, Some(table)) => {
                let Some(rows) = file.rows.get(table).filter(|rows| !rows.is_empty()) else {
                    return refuse(format!("no rows are called `{table}`"));
                };
                for column in rows[0].keys() {
                    if rows.iter().any(|row| !row.contains_key(column)) {
                        return refuse(format!("a row of `{table}` lacks `{column}`"));
                    }
                    kinds.insert(format!("{name}.{column}"), Kind::Words);
                }
            }
            _ => return refuse("exactly one of words, number (low to high) and row is wanted".into()),
        }
    }
    Ok(kinds)
}
