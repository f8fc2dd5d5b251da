//! A place that a file tool reaches: whose it is, where what it says comes from, and what reading or changing it means.

use std::path::{Path, PathBuf};

use moltbot_agent::{Effect, Target, TargetKind};
use moltbot_guard::Label;
use moltbot_guard::invisible::{is_invisible, written_out};
use moltbot_llm::Provenance;

use super::disk::Version;
use super::origin;
use super::places::PathError;

/// A real place: a path without links, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    pub(super) zone: Zone,
    /// The path as the model wrote it.
    pub(super) written: String,
    /// Whether the agent takes what it says for its own knowledge or instructions.
    pub(super) shapes_the_agent: bool,
}

/// Whose a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zone {
    Workspace,
    Readable,
    Results,
    /// Where browsers put what they fetch.
    Downloads,
    Elsewhere,
    Protected,
}

impl Place {
    /// Where what the regular file there says comes from, in this version of it.
    pub(crate) fn provenance_of(&self, version: Version) -> Provenance {
        match version.is_foreign() {
            true => Provenance::Outside,
            false => self.provenance(),
        }
    }

    /// Where these names in the folder there come from: whoever writes a file names it.
    pub(crate) fn provenance_of_names<'a>(
        &self,
        names: impl IntoIterator<Item = &'a String>,
    ) -> Provenance {
        self.provenance_of_named(&self.path, names)
    }

    /// The same for names beside it.
    pub(crate) fn provenance_of_siblings<'a>(
        &self,
        names: impl IntoIterator<Item = &'a String>,
    ) -> Provenance {
        let folder = self.path.parent().unwrap_or(&self.path);
        self.provenance_of_named(folder, names)
    }

    fn provenance_of_named<'a>(
        &self,
        folder: &Path,
        names: impl IntoIterator<Item = &'a String>,
    ) -> Provenance {
        let is_foreign = |name: &String| origin::is_foreign_at(&folder.join(name));
        match names.into_iter().any(is_foreign) {
            true => Provenance::Outside,
            false => self.provenance(),
        }
    }

    /// Where the names there come from, and what files without a mark of their own say.
    pub(crate) fn provenance(&self) -> Provenance {
        match self.zone {
            Zone::Results | Zone::Downloads => Provenance::Outside,
            Zone::Workspace | Zone::Readable | Zone::Elsewhere | Zone::Protected => {
                Provenance::OwnFiles
            }
        }
    }

    /// Whether what a conversation with this label writes there may come from outside without the owner's knowing. What
    /// shapes the agent was shown to the owner, who said yes to it.
    pub(crate) fn takes_foreign(&self, label: Label) -> bool {
        label.is_tainted() && !self.shapes_the_agent
    }

    /// What reading it would be.
    pub(crate) fn reads(&self) -> Effect {
        match self.zone {
            Zone::Workspace | Zone::Readable | Zone::Results => Effect::ReadsOwn,
            Zone::Downloads | Zone::Elsewhere | Zone::Protected => Effect::ReadsPrivate,
        }
    }

    /// What changing it would be.
    pub(crate) fn changes(&self) -> Effect {
        match self.zone {
            Zone::Workspace => Effect::ChangesWorkspace,
            Zone::Downloads | Zone::Elsewhere => Effect::ChangesOutside,
            Zone::Readable | Zone::Results | Zone::Protected => Effect::ChangesItself,
        }
    }

    /// Refuses where nothing is read, so that no credential becomes part of a conversation.
    pub(crate) fn may_be_read(&self) -> Result<(), PathError> {
        match self.zone {
            Zone::Protected => Err(PathError::Private {
                path: self.path.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// As a plan names it.
    pub(crate) fn target(&self) -> Target {
        let kind = match self.shapes_the_agent {
            true => TargetKind::Memory,
            false => TargetKind::Path,
        };
        Target::new(kind, &self.written)
    }

    /// As a person and a model are shown it, see [`shown`].
    pub(crate) fn shown(&self) -> String {
        shown(&self.path)
    }
}

/// What a prompt is made of, what is found by searching notes, and skills: whoever writes there speaks to every later
/// conversation.
pub(super) fn shapes_the_agent(workspace: &Path, path: &Path) -> bool {
    const FOLDERS: [&str; 2] = ["memory", "skills"];
    const FILES: [&str; 8] = [
        "agents.md",
        "soul.md",
        "tools.md",
        "identity.md",
        "user.md",
        "heartbeat.md",
        "bootstrap.md",
        "memory.md",
    ];
    let Ok(inner) = path.strip_prefix(workspace) else {
        return false;
    };
    // Programs that are started there take their settings from it, this one its keys.
    if path.file_name().is_some_and(|name| name == ".env") {
        return true;
    }
    let mut names = inner
        .iter()
        .map(|name| name.to_string_lossy().to_lowercase());
    match (names.next(), names.next()) {
        (Some(folder), Some(_)) => FOLDERS.contains(&folder.as_str()),
        (Some(file), None) => FILES.contains(&file.as_str()),
        (None, _) => false,
    }
}

/// A path as it is shown: quoted where a name in it could be taken for something else.
pub(crate) fn shown(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| !c.is_control() && !is_invisible(c) && !matches!(c, '"' | ',');
    match text.chars().all(is_plain) {
        true => text,
        false => written_out(&format!("{text:?}")),
    }
}
