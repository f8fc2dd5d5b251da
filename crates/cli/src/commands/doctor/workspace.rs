//! The folders that agents work in.

use moltbot_tools::keeps_marks;

use super::check::Check;
use crate::app::{App, agent_ids};

/// One finding for each agent's folder: whether what outside text may have written into its files can be told later.
pub(super) fn check(app: &App) -> Vec<Check> {
    let snapshot = &app.snapshot;
    let folders = agent_ids(snapshot).into_iter().map(|id| {
        let folder = snapshot.workspace(&id);
        (id, folder)
    });
    folders
        // What is not there yet is made at the first turn.
        .filter(|(_, folder)| folder.is_dir())
        .map(|(id, folder)| {
            let shown = snapshot.environment.shown(&folder);
            match keeps_marks(&folder) {
                true => Check::ok("workspace", &id, shown),
                false => Check::warn(
                    "workspace",
                    &id,
                    format!("the file system of {shown} keeps no extended attributes: files written after text from outside was read cannot be told from your own"),
                )
                .remedy("Move the workspace to a local disk, such as ext4, btrfs, xfs or APFS."),
            }
        })
        .collect()
}
