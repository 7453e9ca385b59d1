//! Do the gates tell the harmless from the harmful? Builds variants of the candidate whose quality is known
//! beforehand, measures each on the same prompts, and says which gate catches what, and by what margin.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::noise::Bare;
use crate::replacement::Replacement;
use piton_climb::build::Built;
use piton_climb::context::World;
use piton_climb::sample::Sampled;
use piton_core::base::error::{Error, Result, exit};
use piton_core::base::metric::Values;
use piton_core::base::stats;
use piton_core::report::tables::Discrimination;
use piton_core::rule::gate;
use piton_core::trial::record::medians;
use piton_core::trial::scope::FILE;
use piton_system::config::{self, Config};
use piton_system::git::{Id, TreeEntry};
use piton_system::process;

/// A file of variants.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Variants {
    variant: Vec<Variant>,
}

/// The candidate with some text replaced.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    name: String,
    should: Should,
    #[serde(default)]
    edits: Vec<Replacement>,
    /// Without edits: HEAD built a second time in another place, so that it is laid out anew.
    #[serde(default)]
    rebuilt: bool,
    /// The variant that a rehearsal holds it against; HEAD where absent.
    against: Option<String>,
}

/// What a sound gate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Should {
    Pass,
    Fail,
}

/// Measures every variant in `file` whose name contains `only`, `samples` samples each, with the seeds 1, 2, ...
///
/// # Errors
/// A file that cannot be used, an edit that does not apply, a harness that does not build.
pub fn run(world: &World, file: &Path, only: Option<&str>, samples: u32) -> Result<Vec<Discrimination>> {
    let what = "the gates were not tried";
    let variants = variants(file, what)?;
    let Bare { head, config, harness, locked_repo: _entered } = Bare::begin(world, "piton lab discriminate")?;
    let mut rows = vec![];
    let mut exact_speed = None;
    let wanted = variants.iter().filter(|v| only.is_none_or(|only| v.name.contains(only)));
    for variant in wanted {
        world.progress.doing(&format!("{}: building", variant.name));
        let commit = variant.commit(world, &config, head)?.unwrap_or(head);
        let end = world.build_store().challenger(commit, &[], &config, rows.is_empty())?;
        let built = end.built(what, &variant.name)?;
        let MeasuredVariant { values: measured, outcome, unmeasured } =
            measure(world, &config, &harness, &built, samples, &variant.name)?;
        let gates = gate::read(&config.gates, &measured);
        let alone =
            |sample: &Values| gate::read(&config.gates, std::slice::from_ref(sample)).iter().any(|g| !g.pass);
        let speeds: Vec<f64> = measured.iter().filter_map(|s| s.get(&config.metric.name).copied()).collect();
        let speed = stats::median(&speeds);
        exact_speed = exact_speed.or(speed);
        rows.push(Discrimination {
            name: variant.name.clone(),
            should_pass: variant.should == Should::Pass,
            samples_caught: unmeasured + measured.iter().filter(|s| alone(s)).count(),
            samples: unmeasured + measured.len(),
            outcome,
            metrics: medians(&measured).unwrap_or_default(),
            gates,
            speed: speed.zip(exact_speed).map(|(speed, exact)| speed / exact),
        });
    }
    world.progress.idle();
    Ok(rows)
}

/// The variants in a file.
///
/// # Errors
/// A file that cannot be read, or holds something else.
pub fn variants(file: &Path, what: &str) -> Result<Vec<Variant>> {
    let unread = |e| Error::usage(format!("{what}: {} was not read", file.display())).cause(e);
    let text = fs::read_to_string(file).map_err(unread)?;
    let variants: Variants = config::toml_as(&text).map_err(|e| Error::usage(what).cause(e))?;
    Ok(variants.variant)
}

impl Variant {
    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is HEAD, built a second time.
    pub(crate) fn rebuilt(&self) -> bool {
        self.rebuilt
    }

    /// The variant that a rehearsal holds it against; `None` for HEAD.
    pub fn against(&self) -> Option<&str> {
        self.against.as_deref()
    }

    /// Its commit on top of `head`; `None` where it changes nothing.
    ///
    /// # Errors
    /// An edit that does not apply.
    pub fn commit(&self, world: &World, config: &Config, head: Id) -> Result<Option<Id>> {
        if self.edits.is_empty() {
            return Ok(None);
        }
        edited(world, config, head, self).map(Some)
    }
}

/// The exit status of a table: whether every gate said what it should.
pub fn status(rows: &[Discrimination]) -> u8 {
    if rows.iter().all(Discrimination::right) { exit::DONE } else { exit::FAILED }
}

fn edited(world: &World, config: &Config, head: Id, variant: &Variant) -> Result<Id> {
    let mut sources = world.repo.sources(head, &config.scope)?;
    for edit in &variant.edits {
        let found = sources.iter_mut().find(|(path, _)| path.ends_with(&format!("/{}", edit.file)));
        let wrong = |why: String| {
            Error::usage(format!("{}: an edit of {} does not apply", variant.name, edit.file)).cause(why)
        };
        let (_, text) =
            found.ok_or_else(|| wrong("there is no such file below the editable paths".to_owned()))?;
        match text.matches(&edit.find).count() {
            1 => *text = text.replacen(&edit.find, &edit.replace, 1),
            n => return Err(wrong(format!("`{}` occurs {n} times", edit.find.trim()))),
        }
    }
    let entries: Vec<TreeEntry> =
        sources.into_iter().map(|(path, text)| TreeEntry::whole(path, FILE, text.into_bytes())).collect();
    let tree = world.repo.write_tree(head, &config.scope, &entries, &[])?;
    world.repo.commit(tree, head, &format!("variant: {}\n", variant.name))
}

/// The samples of a variant.
struct MeasuredVariant {
    values: Vec<Values>,
    /// How the first that gave no values ended.
    outcome: Option<String>,
    /// Samples that gave no values.
    unmeasured: usize,
}

fn measure(
    world: &World,
    config: &Config,
    harness: &Built,
    built: &Built,
    samples: u32,
    name: &str,
) -> Result<MeasuredVariant> {
    let sampler = world.sampler(config, harness);
    let mut measured = MeasuredVariant { values: vec![], outcome: None, unmeasured: 0 };
    for seed in 1..=samples {
        world.progress.doing(&format!("{name}: sample {seed} of {samples}"));
        match sampler.sample(built, u64::from(seed), 0)? {
            Sampled::Measured(values) => measured.values.push(values),
            Sampled::Interrupted => {
                return Err(Error::new("the gates were not tried").cause(process::STOPPED).status(130));
            }
            Sampled::Changed(why) => return Err(Error::new("the gates were not tried").cause(why)),
            Sampled::TimedOut => {
                measured.unmeasured += 1;
                measured.outcome.get_or_insert_with(|| "timed_out".to_owned());
            }
            Sampled::Failed { how, .. } => {
                measured.unmeasured += 1;
                measured.outcome.get_or_insert(how);
            }
        }
    }
    Ok(measured)
}
