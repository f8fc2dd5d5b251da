//! `apply_patch`: changes in several files, all or none.

mod fit;
mod parse;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use moltbot_agent::{Arguments, Effect, Plan, Scene, Tool, ToolError, ToolOutput, read_arguments};
use moltbot_llm::{Provenance, ToolSpec};
use serde::Deserialize;
use serde_json::{Value, json};

use super::closest::Closest;
use super::disk::{DiskError, Expected, Spot, Staged, Version};
use super::place::{Place, shown};
use super::places::{Folders, PathError};
use super::refusal::Refusal;
use super::text::FileText;
use super::{EDIT_LIMIT, on_disk, still_decided};
use fit::Misfit;
use parse::{Action, Section, parse};

/// Adds, changes, moves and deletes files by one patch.
#[derive(Debug, Clone)]
pub struct ApplyPatch {
    folders: Arc<Folders>,
}

impl ApplyPatch {
    /// A tool that knows these folders.
    pub fn new(folders: Arc<Folders>) -> Self {
        Self { folders }
    }

    /// Reads the patch of a call and finds the places that it names. Nothing else is touched.
    fn survey(&self, arguments: &Arguments, scene: &Scene<'_>) -> Result<Vec<Step>, Refusal> {
        let input = arguments.get("input").and_then(Value::as_str);
        let sections = parse(input.unwrap_or_default())?;
        let step = |section: Section| {
            let place = self.folders.find_in(scene, &section.path)?;
            let target = match &section.action {
                Action::Update {
                    move_to: Some(path),
                    ..
                } => Some(self.folders.find_in(scene, path)?),
                _ => None,
            };
            Ok(Step {
                place,
                target,
                action: section.action,
            })
        };
        let steps: Result<Vec<Step>, PathError> = sections.into_iter().map(step).collect();
        Ok(steps?)
    }
}

/// A section of a patch whose places are found.
struct Step {
    place: Place,
    /// Where the file goes, where it moves.
    target: Option<Place>,
    action: Action,
}

impl Step {
    /// As the plan and the result name it: added, modified or deleted, and where.
    fn shown(&self) -> String {
        let place = self.place.shown();
        match (&self.action, &self.target) {
            (Action::Add { .. }, _) => format!("A {place}"),
            (Action::Delete, _) => format!("D {place}"),
            (Action::Update { .. }, None) => format!("M {place}"),
            (Action::Update { .. }, Some(target)) => format!("M {place} -> {}", target.shown()),
        }
    }
}

fn plan(steps: &Result<Vec<Step>, Refusal>) -> Plan {
    let steps = match steps {
        Ok(steps) => steps,
        // Such a call ends in the same error, so it needs no decision.
        Err(_) => return Plan::new(Effect::ReadsOwn, "nothing: the patch cannot be applied"),
    };
    let places = steps
        .iter()
        .flat_map(|step| [Some(&step.place), step.target.as_ref()]);
    let places: Vec<&Place> = places.flatten().collect();
    // There is no patch without a section.
    let effect = places.iter().map(|place| place.changes()).max();
    let shown: Vec<String> = steps.iter().map(Step::shown).collect();
    let mut plan = Plan::new(effect.unwrap_or(Effect::ChangesWorkspace), shown.join(", "));
    plan.targets = places.iter().map(|place| place.target()).collect();
    plan
}

#[derive(Deserialize)]
struct PatchArguments {
    #[serde(rename = "input")]
    _input: String,
}

#[async_trait]
impl Tool for ApplyPatch {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "apply_patch".to_owned(),
            description: "Change several files at once by a patch:\n\
                *** Begin Patch\n*** Add File: new.txt\n+line\n*** Update File: a.py\n*** Move to: b.py\n\
                @@ def f():\n context\n-old line\n+new line\n*** Delete File: c.txt\n*** End Patch"
                .to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "input": {"type": "string", "description": "The whole patch"},
                },
                "required": ["input"],
            }),
        }
    }

    fn plan(&self, arguments: &Arguments, scene: &Scene<'_>) -> Plan {
        plan(&self.survey(arguments, scene))
    }

    fn is_parallel(&self) -> bool {
        false
    }

    async fn call(&self, arguments: Arguments, scene: &Scene<'_>) -> Result<ToolOutput, ToolError> {
        let steps = self.survey(&arguments, scene);
        let decided = still_decided(&plan(&steps), scene.decided);
        let PatchArguments { .. } = read_arguments(arguments)?;
        let label = scene.label;
        on_disk(move || {
            let steps = steps?;
            decided?;
            let mut changes = Changes::default();
            for step in &steps {
                changes.take(step)?;
            }
            // What the owner was asked about was shown whole.
            let is_foreign = steps.iter().all(|step| step.place.takes_foreign(label));
            changes.write(is_foreign)?;
            let lines: Vec<String> = steps.iter().map(Step::shown).collect();
            let text = format!(
                "Success. Updated the following files:\n{}",
                lines.join("\n")
            );
            Ok(ToolOutput::text(text, Provenance::Program))
        })
        .await
    }
}

/// What a patch makes of the files it names: worked out in memory first, so that a hunk that does not fit changes
/// nothing.
#[derive(Default)]
struct Changes {
    files: BTreeMap<PathBuf, Change>,
}

/// A file before and after.
struct Change {
    before: Option<(Vec<u8>, Version)>,
    after: Option<Vec<u8>>,
    /// Whose mode a new file gets.
    like: Option<Version>,
}

impl Changes {
    /// Works out a step on what the steps before it left.
    fn take(&mut self, step: &Step) -> Result<(), Refusal> {
        let path = &step.place.path;
        match &step.action {
            Action::Add { content } => {
                self.absent(path)?.after = Some(content.clone().into_bytes());
            }
            Action::Delete => {
                self.present(path)?;
                self.file(path)?.after = None;
            }
            Action::Update { hunks, .. } => {
                let (bytes, like) = self.present(path)?;
                let text = FileText::decode(bytes, path)?;
                let body = fit::apply(&text.body, hunks)
                    .map_err(|misfit| refusal(&misfit, &step.place, like))?;
                let bytes = text.encode(&body);
                match &step.target {
                    Some(target) if target.path != *path => {
                        let new = self.absent(&target.path)?;
                        new.after = Some(bytes);
                        new.like = like;
                        self.file(path)?.after = None;
                    }
                    _ => self.file(path)?.after = Some(bytes),
                }
            }
        }
        Ok(())
    }

    /// A file as the steps before left it.
    fn file(&mut self, path: &Path) -> Result<&mut Change, DiskError> {
        if !self.files.contains_key(path) {
            let before = match Spot::at(path).and_then(|spot| spot.read(EDIT_LIMIT)) {
                Ok(read) => Some(read),
                Err(DiskError::Missing { .. }) => None,
                Err(error) => return Err(error),
            };
            let change = Change {
                after: before.as_ref().map(|(bytes, _)| bytes.clone()),
                like: before.as_ref().map(|(_, version)| *version),
                before,
            };
            self.files.insert(path.to_owned(), change);
        }
        self.files.get_mut(path).ok_or_else(|| DiskError::Missing {
            path: path.to_owned(),
        })
    }

    /// The content of a file that must be there.
    fn present(&mut self, path: &Path) -> Result<(Vec<u8>, Option<Version>), DiskError> {
        let file = self.file(path)?;
        match &file.after {
            Some(bytes) => Ok((bytes.clone(), file.like)),
            None => Err(DiskError::Missing {
                path: path.to_owned(),
            }),
        }
    }

    /// A file that must not be there.
    fn absent(&mut self, path: &Path) -> Result<&mut Change, DiskError> {
        let file = self.file(path)?;
        match &file.after {
            Some(_) => Err(DiskError::Exists {
                path: path.to_owned(),
            }),
            None => Ok(file),
        }
    }

    /// Writes everything: all new content beside its place first, then each into its place. What cannot be done undoes
    /// what was.
    fn write(self, is_foreign: bool) -> Result<(), Refusal> {
        let mut ready: Vec<(PathBuf, Change, Option<Staged>)> = Vec::new();
        for (path, change) in self.files {
            let was = change.before.as_ref().map(|(bytes, _)| bytes);
            if was == change.after.as_ref() {
                continue;
            }
            let staged = match &change.after {
                Some(bytes) => {
                    let spot = Spot::make(&path, is_foreign)?;
                    Some(spot.stage(bytes, change.expected(), change.like, is_foreign)?)
                }
                None => None,
            };
            ready.push((path, change, staged));
        }
        let mut done: Vec<(PathBuf, Change)> = Vec::new();
        for (path, change, staged) in ready {
            let written = match staged {
                Some(staged) => staged.commit(),
                None => Spot::at(&path).and_then(|spot| spot.remove(change.expected())),
            };
            if let Err(error) = written {
                return Err(undo(done, &error));
            }
            done.push((path, change));
        }
        Ok(())
    }
}

impl Change {
    fn expected(&self) -> Expected {
        match &self.before {
            Some((_, version)) => Expected::Version(*version),
            None => Expected::Nothing,
        }
    }

    /// Puts a file back as it was.
    fn revert(&self, path: &Path) -> Result<(), DiskError> {
        let spot = Spot::at(path)?;
        match &self.before {
            Some((bytes, version)) => spot
                .stage(bytes, Expected::Any, Some(*version), false)?
                .commit(),
            None => spot.remove(Expected::Any),
        }
    }
}

/// Puts back what was done before `error`, and says what the state of things is.
fn undo(done: Vec<(PathBuf, Change)>, error: &DiskError) -> Refusal {
    let left: Vec<String> = done
        .iter()
        .rev()
        .filter(|(path, change)| change.revert(path).is_err())
        .map(|(path, _)| shown(path))
        .collect();
    match left.is_empty() {
        true => Refusal::new(format!("{error} No file was changed.")),
        false => Refusal::new(format!(
            "{error} The patch is applied in part; these files are changed and could not be put back: {}.",
            left.join(", ")
        )),
    }
}

fn refusal(misfit: &Misfit, place: &Place, like: Option<Version>) -> Refusal {
    let reason = format!("{}: {misfit} No file was changed.", place.shown());
    // A file that is not read is not quoted either.
    let closest = match (misfit, place.may_be_read()) {
        (Misfit::Missing { closest, .. }, Ok(())) => closest.as_ref(),
        _ => None,
    };
    match closest {
        Some(Closest { line, text }) => Refusal::new(format!(
            "{reason} They come closest at line {line}, where the file reads differently:"
        ))
        .quoting(
            text.clone(),
            like.map_or(Provenance::Outside, |like| place.provenance_of(like)),
        ),
        None => Refusal::new(reason),
    }
}
