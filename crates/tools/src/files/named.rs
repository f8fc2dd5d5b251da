//! A file that is named in a call of a tool whose business is not files.

use std::path::PathBuf;

use moltbot_agent::{Effect, Plan, Scene};

use super::disk::{Kind, Spot};
use super::place::Place;
use super::places::{Folders, PathError, plan};
use super::refusal::Refusal;
use super::similar::no_such_file;

/// Where it really lies, if anywhere. Looked for when a call is planned, and anew when it is done.
#[derive(Debug)]
pub(crate) struct NamedFile(Result<Place, PathError>);

impl NamedFile {
    /// Looks for the file that a model named, seen from where the call happens.
    pub(crate) fn find(folders: &Folders, scene: &Scene<'_>, text: &str) -> Self {
        Self(folders.find_to_read(scene, text))
    }

    /// What a call would do that reads it.
    pub(crate) fn plan(&self) -> Plan {
        plan(&self.0, Place::reads)
    }

    /// What reading it is.
    pub(crate) fn effect(&self) -> Effect {
        self.plan().effect
    }

    /// All bytes of it, at most `limit`.
    pub(crate) fn bytes(self, limit: u64) -> Result<Vec<u8>, Refusal> {
        let (_, spot) = self.spot()?;
        Ok(spot.read(limit)?.0)
    }

    /// Its real path.
    pub(crate) fn path(self) -> Result<PathBuf, Refusal> {
        let (place, spot) = self.spot()?;
        // Told of what is no regular file.
        spot.open()?;
        Ok(place.path)
    }

    fn spot(self) -> Result<(Place, Spot), Refusal> {
        let place = self.0?;
        place.may_be_read()?;
        let spot = Spot::at(&place.path)?;
        match spot.kind()? {
            Some(Kind::File | Kind::Folder) => Ok((place, spot)),
            None => Err(no_such_file(&place)),
        }
    }
}
