//! `moltbot models pull`: fetching a model that runs inside this program.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use moltbot_engine::models::{InstalledModel, PullOptions, PullPhase, PullProgress};
use moltbot_llm::ModelRef;

use crate::app::App;
use crate::exit::Exit;
use crate::interrupt::interrupt;
use crate::output;

/// What a shell reports of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Fetches a model and says how to use it. Ctrl-C keeps what has arrived.
pub(super) async fn run(app: &App, what: &str) -> Result<(), Exit> {
    if !cfg!(feature = "engine") {
        return Err(Exit::failed(
            "This build of moltbot has no engine to run model files with: build it with the feature \"engine\", or \
             add a model server under models.providers.",
        ));
    }
    let options = options(app)?;
    let dir = &app.paths().models_dir;
    let mut progress = Progress::new(what);
    let pulled = {
        let mut hear = |step: PullProgress| progress.hear(&step);
        let pull = moltbot_engine::models::pull(what, dir, &options, &mut hear);
        tokio::select! {
            // The ear for Ctrl-C is there before the first byte is.
            biased;
            () = interrupt() => None,
            pulled = pull => Some(pulled),
        }
    };
    progress.clear();
    match pulled {
        Some(Ok(model)) => {
            progress.end(&model);
            tell(app, &model)
        }
        Some(Err(error)) => Err(error.into()),
        None => {
            output::note(format_args!(
                "Stopped. What has arrived is kept; to go on from there: moltbot models pull {what}"
            ));
            Err(Exit::silent(INTERRUPTED))
        }
    }
}

fn options(app: &App) -> Result<PullOptions, Exit> {
    let environment = &app.snapshot.environment;
    let mut options = PullOptions {
        token: environment
            .get("HF_TOKEN")
            .map(|token| token.trim().to_owned()),
        ..PullOptions::default()
    };
    if let Some(hub) = environment.get("HF_ENDPOINT") {
        options.hub = hub.trim().parse().map_err(|error| {
            Exit::failed(format!(
                "HF_ENDPOINT is \"{hub}\", which is no address ({error}): set one such as {}.",
                moltbot_engine::models::DEFAULT_HUB
            ))
        })?;
    }
    Ok(options)
}

fn tell(app: &App, model: &InstalledModel) -> Result<(), Exit> {
    output::line(model.path.display())?;
    let reference = ModelRef::new("local", model.id.clone());
    let catalog = app.catalog()?;
    match catalog.allowed() {
        Some(allowed) if !allowed.contains(&reference) => output::line(format_args!(
            "agents.defaults.models does not list it; to add it and make it the default: moltbot models set {reference}"
        )),
        _ => output::line(format_args!("Use it: moltbot chat --model {reference}")),
    }
}

/// Shows how far a pull is: a bar for a person at a terminal, a line at the start and one at the end for a log.
struct Progress {
    what: String,
    bar: Option<ProgressBar>,
    /// What the bar shows: whether the total is known decides its form.
    shown: Option<(PullPhase, bool)>,
    /// Whether the line at the start is out.
    begun: bool,
}

impl Progress {
    fn new(what: &str) -> Self {
        // The style before the first drawing, which would else be a bar of nothing.
        let bar = std::io::stderr()
            .is_terminal()
            .then(|| ProgressBar::no_length().with_style(looks("{spinner} {msg}")));
        Self {
            what: what.to_owned(),
            bar,
            shown: None,
            begun: false,
        }
    }

    fn hear(&mut self, step: &PullProgress) {
        if step.phase == PullPhase::Done {
            return;
        }
        let Some(bar) = &self.bar else {
            if !self.begun {
                self.begun = true;
                let from = match step.source == self.what {
                    true => String::new(),
                    false => format!(" from {}", step.source),
                };
                output::note(format_args!("Pulling {}{from} …", self.what));
            }
            return;
        };
        if let Some(total) = step.total
            && bar.length() != Some(total)
        {
            bar.set_length(total);
        }
        let form = (step.phase, step.total.is_some());
        if self.shown != Some(form) {
            self.shown = Some(form);
            bar.set_style(style(step));
            bar.set_message(doing(step.phase));
            // Speed and time left are those of this phase.
            bar.reset();
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        bar.set_position(step.received);
    }

    fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn end(&self, model: &InstalledModel) {
        if self.bar.is_none() {
            output::note(format_args!(
                "local/{} is here, {}.",
                model.id,
                output::bytes(model.bytes)
            ));
        }
    }
}

fn style(step: &PullProgress) -> ProgressStyle {
    let template = match (step.phase, step.total) {
        (PullPhase::Downloading, Some(_)) => {
            "{msg} [{bar:30}] {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left"
        }
        (PullPhase::Checking | PullPhase::Copying | PullPhase::Verifying, Some(_)) => {
            "{msg} [{bar:30}] {bytes}/{total_bytes}"
        }
        (PullPhase::Downloading, None) => "{spinner} {msg} {bytes}  {bytes_per_sec}",
        _ => "{spinner} {msg}",
    };
    looks(template)
}

fn looks(template: &str) -> ProgressStyle {
    // A template that indicatif cannot read would only cost the looks.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

fn doing(phase: PullPhase) -> &'static str {
    match phase {
        PullPhase::Checking => "Checking",
        PullPhase::Connecting => "Connecting",
        PullPhase::Downloading => "Downloading",
        PullPhase::Package => "Fetching the package",
        PullPhase::Copying => "Copying",
        PullPhase::Verifying => "Verifying",
        _ => "Finishing",
    }
}
