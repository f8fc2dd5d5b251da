//! Model files on disk: pulling them from real servers, finding them, choosing one.
#![allow(clippy::unwrap_used)]

#[path = "models/choice.rs"]
mod choice;
#[path = "models/folder.rs"]
mod folder;
#[path = "models/hub.rs"]
mod hub;
#[path = "models/local.rs"]
mod local;
#[path = "models/package.rs"]
mod package;
#[path = "models/pulls.rs"]
mod pulls;
#[path = "models/resume.rs"]
mod resume;
