//! The files that a name which leads nowhere may mean.

use super::disk::{DiskError, Spot};
use super::place::Place;
use super::refusal::Refusal;

/// How alike names must be, from 0 to 1.
const ALIKE: f64 = 0.88;
/// The most names that are offered.
const OFFERED: usize = 3;

/// What a model is told of a file that is not there.
pub(crate) fn no_such_file(place: &Place) -> Refusal {
    let names = similar(place);
    let missing = DiskError::Missing {
        path: place.path.clone(),
    };
    match names.is_empty() {
        true => missing.into(),
        false => Refusal::new(format!("{missing} Similar names in its folder:"))
            .quoting(names.join("\n"), place.provenance_of_siblings(&names)),
    }
}

/// The names in its folder that are most like its own; none in a folder that is not read.
fn similar(place: &Place) -> Vec<String> {
    let name = place.path.file_name().and_then(|name| name.to_str());
    let (Some(name), Some(folder)) = (name, place.path.parent()) else {
        return Vec::new();
    };
    if place.may_be_read().is_err() {
        return Vec::new();
    }
    // A folder that cannot be listed has no names to offer.
    let there = Spot::at(folder).and_then(|spot| spot.list());
    let mut scored: Vec<(f64, String)> = there
        .unwrap_or_default()
        .into_iter()
        .filter(|name| !name.contains(char::is_control))
        .map(|there| {
            let (a, b) = (there.to_lowercase(), name.to_lowercase());
            (strsim::jaro_winkler(a.trim_end_matches('/'), &b), there)
        })
        .filter(|(score, _)| *score >= ALIKE)
        .collect();
    scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    scored.truncate(OFFERED);
    scored.into_iter().map(|(_, name)| name).collect()
}
