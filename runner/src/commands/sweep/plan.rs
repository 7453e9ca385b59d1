//! What a sweep is going to do: everything that can be wrong with it is found here, before anything starts.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::exports::{MEDIAN, PAIRS};
use crate::commands::args::SweepArgs;
use piton_climb::context;
use piton_core::base::error::{Context, Error, Result};
use piton_core::run::recipes::Order;
use piton_core::trial::scope::{self, FILE};
use piton_server::agreement::Answers;
use piton_server::prompts::PromptSource;
use piton_server::recipe::TrialRecipe;
use piton_server::stage1::{self, ModelRow};
use piton_system::config::sweep::{self, ANSWERS, Load, Model, RECIPE, Sweep, SweepRule};
use piton_system::config::{self, Config};
use piton_system::git::{Id, Repo, TreeEntry};
use piton_system::{clock, sandbox, terminal};

/// What stage 1 came to, in the directory of the experiment.
const STAGE1: &str = "stage1.json";

/// A sweep that may begin.
pub(super) struct Plan {
    /// The repository.
    pub repo: Repo,
    /// The commit that holds the experiment.
    pub head: Id,
    /// The text of the experiment, with what the command line changes.
    pub text: String,
    /// The same, read.
    pub config: Config,
    /// Its directory in the checkout.
    pub dir: PathBuf,
    /// The models, in order.
    pub models: Vec<Model>,
    /// The run's name.
    pub run: String,
    /// When it began.
    pub began: String,
    /// Limit by the clock on the wall.
    pub limit: Option<Duration>,
    /// Where stage 1's servers have their own directories, and leave their logs.
    pub work: PathBuf,
}

const WHAT: &str = "the sweep did not start";

fn refused(cause: impl std::fmt::Display) -> Error {
    Error::usage(WHAT).cause(cause).note("nothing was started and nothing was changed")
}

impl Plan {
    /// What the command line and the experiment come to.
    ///
    /// # Errors
    /// What is wrong, by name.
    pub fn of(dir: &Path, args: &SweepArgs) -> Result<Self> {
        let repo = Repo::open(dir)?;
        let head = repo.head()?.commit;
        let (text, config) = context::experiment(&repo, head)?;
        if !config.is_sweep() {
            return Err(refused("piton.toml has no [server]").hint("docs/sweeps.md shows the smallest one"));
        }
        let within = config.within.clone();
        let (text, config) = match args.axes.is_empty() && args.target_context.is_none() {
            true => (text, config),
            false => {
                let text = sweep::with_overrides(&text, &args.axes, args.target_context).map_err(refused)?;
                let config = Config::parse(&text)?.rooted(&within);
                (text, config)
            }
        };
        let bounds = [args.min_model_size.as_deref(), args.max_model_size.as_deref()];
        let (models, ignored) =
            stage1::candidates(&config.models, &args.candidate_models, bounds).map_err(refused)?;
        if ignored {
            terminal::tell(
                "--candidate-models names the models: --min-model-size and --max-model-size do not count",
            );
        }
        let began = clock::now();
        let run = args
            .run
            .clone()
            .unwrap_or_else(|| format!("sweep-{}", began.replace([':', 'Z'], "").replace('T', "-")));
        let settings = config.sweep.clone().unwrap_or_default();
        let limit = args.max_duration.or(settings.max_duration_s.map(Duration::from_secs));
        let work = repo.state_dir().join("sweeps").join("work");
        let dir = repo.root().join(&within);
        let plan = Self { repo, head, text, config, dir, models, run, began, limit, work };
        plan.check(args)?;
        Ok(plan)
    }

    fn check(&self, args: &SweepArgs) -> Result<()> {
        if let Some(gone) = self.models.iter().find(|model| !Path::new(&model.path).exists()) {
            return Err(refused(format!("the model {} is not there: {}", gone.name, gone.path)).hint(
                "piton fetches no models: put its path right, or leave it out with --candidate-models",
            ));
        }
        let program = piton_system::process::absolute(&self.server().command[0]);
        if !Path::new(&program).is_file() {
            return Err(refused(format!("`{program}` is not installed")));
        }
        PromptSource::open(&self.load().prompts, &self.dir)?;
        // A file of prompts that no commit has would be there for stage 1 alone.
        let prompts = &self.load().prompts;
        let built_in = prompts.starts_with("suite") || prompts.starts_with("synthetic:");
        if !built_in && self.repo.file(self.head, &scope::join(&self.config.within, prompts)).is_none() {
            return Err(refused(format!("{prompts} is not committed"))
                .hint(format!("git add {prompts} && git commit")));
        }
        match (&self.config.apply, args.apply) {
            (None, true) => Err(refused("--apply needs [apply] in piton.toml: file, keys")),
            (Some(apply), true) if !self.dir.join(&apply.file).is_file() => {
                Err(refused(format!("the file of [apply] is not there: {}", apply.file)))
            }
            _ => Ok(()),
        }
    }

    /// The server's settings.
    pub fn server(&self) -> &sweep::Server {
        self.config.server.as_ref().expect("it was asked when the plan was made")
    }

    /// What is asked of it.
    pub fn load(&self) -> Load {
        self.config.load.clone().unwrap_or_default()
    }

    /// How recipes are tried.
    pub fn sweep(&self) -> Sweep {
        self.config.sweep.clone().unwrap_or_default()
    }

    /// Whether medians decide.
    pub fn is_median(&self) -> bool {
        self.sweep().rule == SweepRule::Median
    }

    /// The commit that the run begins at: the experiment's, with recipe 0, what it answers, and how its model was found. No branch moves.
    ///
    /// # Errors
    /// When git refuses an object.
    pub fn commit(&self, recipe: &TrialRecipe, answers: &Answers, rows: &[ModelRow]) -> Result<Id> {
        let what = "recipe 0 was not committed";
        let files = [
            (config::FILE, self.text.clone()),
            (RECIPE, recipe.text()),
            (ANSWERS, serde_json::to_string_pretty(answers).context(what)?),
            (STAGE1, serde_json::to_string_pretty(rows).context(what)?),
        ];
        let entry = |(name, text): (&str, String)| {
            TreeEntry::whole(scope::join(&self.config.within, name), FILE, text.into_bytes())
        };
        let entries: Vec<TreeEntry> = files.into_iter().map(entry).collect();
        let tree = self.repo.write_tree(self.head, &self.config.scope, &entries, &[])?;
        self.repo.commit(
            tree,
            self.head,
            &format!(
                "Recipe 0: {}\n\nThe first model of the sweep {} that can be served here.\n",
                recipe.model, self.run
            ),
        )
    }

    /// Recipes that one pass over the knobs would try.
    fn recipes(&self) -> usize {
        let values = self.config.knobs.iter().map(|knob| knob.values.len());
        match self.sweep().proposer {
            Order::OneAtATime => values.map(|n| n - 1).sum(),
            Order::Grid | Order::Random => values.fold(1usize, usize::saturating_mul) - 1,
        }
    }

    /// What it is going to do, for people.
    pub fn words(&self) -> String {
        let mut text = format!(
            "sweep {}, nothing is started\n\nmodels, in this order; the first that can be served is the one:\n",
            self.run
        );
        for (n, model) in self.models.iter().enumerate() {
            text.push_str(&format!("  {}. {}  {}\n", n + 1, model.name, model.path));
        }
        text.push_str("\nknobs, each from its first value:\n");
        for knob in &self.config.knobs {
            text.push_str(&format!(
                "  {} ({}): {}\n",
                knob.name,
                knob.flag.as_deref().unwrap_or_default(),
                knob.values.join(", ")
            ));
        }
        let first = TrialRecipe::first(&self.config, &self.models[0].name);
        text.push_str(&format!(
            "\n{} recipes at first, {}; {}\nstarts as: {}",
            self.recipes(),
            match self.sweep().proposer {
                Order::OneAtATime => "one knob at a time",
                Order::Grid => "every combination",
                Order::Random => "combinations at random",
            },
            if self.is_median() { MEDIAN } else { PAIRS },
            first.command(&self.config, 0).join(" ").replace(" 0 ", " PORT ")
        ));
        text
    }

    /// The same as JSON.
    pub fn json(&self) -> Value {
        json!({
            "run_id": self.run,
            "dry_run": true,
            "candidate_models": self.models.iter().map(|model| &model.name).collect::<Vec<_>>(),
            "target_context": self.load().context,
            "knobs": self.config.knobs.iter().map(|knob| json!({ "name": knob.name, "flag": knob.flag, "values": knob.values })).collect::<Vec<_>>(),
            "recipes": self.recipes(),
            "rule": self.sweep().rule,
            "max_duration_s": self.limit.map(|limit| limit.as_secs()),
        })
    }

    /// A directory for servers that piton starts by itself, made anew.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn make_work(&self) -> Result<()> {
        sandbox::private(&self.work)
    }
}
