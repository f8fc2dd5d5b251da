//! The thread that reads requests, so that a cancellation is heard while the model computes.

use std::io::BufRead;
use std::sync::mpsc::Sender;

use super::cancellation::Cancellation;
use super::reports::Reports;
use crate::protocol::{Embed, ErrorKind, Generate, Load, LoadEmbedder, ToWorker};

/// A request that takes time.
#[derive(Debug)]
pub(super) enum Work {
    Load(Load),
    Generate(Box<Generate>),
    LoadEmbedder(LoadEmbedder),
    Embed(Embed),
}

/// Reads to the end of the input and then stops everything.
pub(super) fn read(
    input: impl BufRead,
    work: Sender<Work>,
    cancellation: &Cancellation,
    reports: &Reports,
) {
    for line in input.lines() {
        let Ok(line) = line else {
            break;
        };
        if line.trim().is_empty() {
            continue;
        }
        let handed_on = match serde_json::from_str(&line) {
            Ok(ToWorker::Load(load)) => work.send(Work::Load(load)),
            Ok(ToWorker::Generate(generate)) => work.send(Work::Generate(generate)),
            Ok(ToWorker::LoadEmbedder(load)) => work.send(Work::LoadEmbedder(load)),
            Ok(ToWorker::Embed(embed)) => work.send(Work::Embed(embed)),
            Ok(ToWorker::Cancel { id }) => {
                cancellation.cancel(id);
                Ok(())
            }
            Err(error) => {
                reports.send(super::error(
                    None,
                    ErrorKind::BadRequest,
                    format!("A request could not be read: {error}."),
                ));
                Ok(())
            }
        };
        if handed_on.is_err() {
            break;
        }
    }
    cancellation.close();
}
