//! The workspace files as a prompt holds them: in order, cut to size.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use super::templates::is_blank_form;

/// The files that a prompt holds, in order. The last two are one file where the file system knows no case.
const ORDER: [&str; 9] = [
    "AGENTS.md",
    "SOUL.md",
    "TOOLS.md",
    "IDENTITY.md",
    "USER.md",
    "HEARTBEAT.md",
    "BOOTSTRAP.md",
    "MEMORY.md",
    "memory.md",
];

/// Those whose absence is told: the others come and go.
const EXPECTED: usize = 6;

/// The files that a sub-agent is given.
const FOR_SUB_AGENTS: [&str; 2] = ["AGENTS.md", "TOOLS.md"];

/// No file is read beyond this.
const MOST_BYTES: u64 = 8 * 1024 * 1024;

/// A rest of room that is smaller than this holds nothing worth reading.
const LEAST_CHARS: usize = 200;

/// Stands in for a file that is not there, before its path.
const MISSING: &str = "[MISSING] Expected at:";

/// How much of the files a prompt has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    /// Most characters of one file.
    pub(crate) each: usize,
    /// Most characters of all; `None` where that does not matter.
    pub(crate) all: Option<usize>,
    /// Whether to leave out what says nothing: absent files, forms that nobody has filled in, and what only a heartbeat
    /// reads.
    pub(crate) is_scarce: bool,
    /// Whether only what a sub-agent needs is read.
    pub(crate) for_sub_agent: bool,
}

/// How a file stands in a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Whole.
    Whole,
    /// Cut.
    Cut,
    /// It does not exist.
    Missing,
    /// There was no room left.
    LeftOut,
}

/// A file of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WorkspaceFile {
    /// Its name.
    pub(crate) name: &'static str,
    /// How it stands in the prompt.
    pub(crate) standing: Standing,
    /// What the prompt holds of it; empty where it was left out.
    pub(crate) text: String,
}

/// Reads the files of a workspace. Blank ones say nothing and are left out.
pub(crate) fn read_files(dir: &Path, room: Room) -> Vec<WorkspaceFile> {
    let mut left = room.all.unwrap_or(usize::MAX);
    let mut files = Vec::new();
    let mut memory = None;
    for (place, name) in ORDER.into_iter().enumerate() {
        let wanted = match room.for_sub_agent {
            true => FOR_SUB_AGENTS.contains(&name),
            false => !(room.is_scarce && name == "HEARTBEAT.md"),
        };
        if !wanted {
            continue;
        }
        let path = dir.join(name);
        if name.eq_ignore_ascii_case("memory.md") {
            let real = fs::canonicalize(&path).ok();
            if real.is_some() && real == memory {
                continue;
            }
            memory = real.or(memory);
        }
        let Some(text) = read(&path) else {
            if place < EXPECTED && !room.is_scarce {
                files.push(WorkspaceFile {
                    name,
                    standing: Standing::Missing,
                    text: format!("{MISSING} {}", path.display()),
                });
            }
            continue;
        };
        let text = text.trim_end();
        if text.trim().is_empty() || room.is_scarce && is_blank_form(name, text) {
            continue;
        }
        let length = text.chars().count();
        let limit = room.each.min(left);
        let (standing, text) = if length <= limit {
            (Standing::Whole, text.to_owned())
        } else if limit < room.each && limit < LEAST_CHARS {
            (Standing::LeftOut, String::new())
        } else {
            (Standing::Cut, cut(name, text, length, limit))
        };
        left = left.saturating_sub(length.min(limit));
        files.push(WorkspaceFile {
            name,
            standing,
            text,
        });
    }
    files
}

/// How a workspace file stands in a prompt that holds this text of it; `None` where it is none of them.
pub(crate) fn standing_of(name: &str, text: &str) -> Option<Standing> {
    ORDER.contains(&name).then(|| {
        if text.starts_with(MISSING) {
            Standing::Missing
        } else if text.contains(&cut_mark(name)) {
            Standing::Cut
        } else {
            Standing::Whole
        }
    })
}

/// The characters of a workspace file as it is now; 0 where there is none.
pub(crate) fn file_length(path: &Path) -> usize {
    read(path).map_or(0, |text| text.trim_end().chars().count())
}

/// The text of a file; `None` where there is no such file, or it cannot be read.
fn read(path: &Path) -> Option<String> {
    // A pipe or a device would never end.
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let read = File::open(path).and_then(|file| {
        let mut bytes = Vec::new();
        file.take(MOST_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    });
    match read {
        Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) => {
            tracing::warn!(file = %path.display(), %error, "a workspace file cannot be read");
            None
        }
    }
}

/// The first 70 % and the last 20 % of what there is room for, and what was left out between them.
fn cut(name: &str, text: &str, length: usize, limit: usize) -> String {
    let (head, tail) = (limit * 7 / 10, limit / 5);
    let first: String = text.chars().take(head).collect();
    let last: String = text.chars().skip(length - tail).collect();
    format!(
        "{first}\n{}\n(kept {head}+{tail} of {length} characters)\n{last}",
        cut_mark(name)
    )
}

/// Stands where something was left out.
fn cut_mark(name: &str) -> String {
    format!("[...truncated, read {name} for full content...]")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    const PLENTY: Room = Room {
        each: 20_000,
        all: None,
        is_scarce: false,
        for_sub_agent: false,
    };

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        dir
    }

    fn names(files: &[WorkspaceFile]) -> Vec<(&str, Standing)> {
        files
            .iter()
            .map(|file| (file.name, file.standing))
            .collect()
    }

    #[test]
    fn files_come_in_order_absent_ones_are_named_and_blank_ones_skipped() {
        let dir = folder(&[
            ("memory.md", "m"),
            ("SOUL.md", " \n"),
            ("AGENTS.md", "rules\n"),
            ("USER.md", "Ada"),
        ]);
        let files = read_files(dir.path(), PLENTY);
        assert_eq!(
            names(&files),
            [
                ("AGENTS.md", Standing::Whole),
                ("TOOLS.md", Standing::Missing),
                ("IDENTITY.md", Standing::Missing),
                ("USER.md", Standing::Whole),
                ("HEARTBEAT.md", Standing::Missing),
                ("memory.md", Standing::Whole),
            ]
        );
        assert_eq!(files[0].text, "rules");
        let expected = format!(
            "[MISSING] Expected at: {}",
            dir.path().join("TOOLS.md").display()
        );
        assert_eq!(files[1].text, expected);
    }

    #[test]
    fn a_small_prompt_holds_only_what_says_something() {
        let dir = folder(&[]);
        super::super::prepare(dir.path(), true).unwrap();
        let scarce = Room {
            is_scarce: true,
            ..PLENTY
        };
        let files = read_files(dir.path(), scarce);
        assert_eq!(
            names(&files),
            [
                ("AGENTS.md", Standing::Whole),
                ("SOUL.md", Standing::Whole),
                ("BOOTSTRAP.md", Standing::Whole),
            ]
        );
        fs::write(dir.path().join("USER.md"), "- Name: Ada").unwrap();
        assert_eq!(read_files(dir.path(), scarce).len(), 4);
    }

    #[test]
    fn a_sub_agent_is_given_rules_and_notes_about_tools() {
        let dir = folder(&[("AGENTS.md", "a"), ("SOUL.md", "s"), ("TOOLS.md", "t")]);
        let room = Room {
            for_sub_agent: true,
            ..PLENTY
        };
        assert_eq!(
            names(&read_files(dir.path(), room)),
            [
                ("AGENTS.md", Standing::Whole),
                ("TOOLS.md", Standing::Whole)
            ]
        );
    }

    #[test]
    fn a_long_file_keeps_its_beginning_and_its_end() {
        let dir = folder(&[(
            "AGENTS.md",
            &format!("{}{}", "a".repeat(150), "z".repeat(50)),
        )]);
        let room = Room {
            each: 100,
            ..PLENTY
        };
        let file = read_files(dir.path(), room).remove(0);
        assert_eq!(file.standing, Standing::Cut);
        assert_eq!(
            file.text,
            format!(
                "{}\n[...truncated, read AGENTS.md for full content...]\n(kept 70+20 of 200 characters)\n{}",
                "a".repeat(70),
                "z".repeat(20)
            )
        );
    }

    #[test]
    fn what_the_room_of_all_does_not_hold_is_left_out_by_name() {
        let long = "x".repeat(900);
        let dir = folder(&[
            ("AGENTS.md", &long),
            ("SOUL.md", &long),
            ("TOOLS.md", &long),
        ]);
        let room = Room {
            each: 1_000,
            all: Some(1_300),
            is_scarce: true,
            for_sub_agent: false,
        };
        let files = read_files(dir.path(), room);
        assert_eq!(
            names(&files),
            [
                ("AGENTS.md", Standing::Whole),
                ("SOUL.md", Standing::Cut),
                ("TOOLS.md", Standing::LeftOut),
            ]
        );
        assert!(files[2].text.is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn one_memory_under_two_names_is_read_once() {
        let dir = folder(&[("MEMORY.md", "m")]);
        std::os::unix::fs::symlink(dir.path().join("MEMORY.md"), dir.path().join("memory.md"))
            .unwrap();
        let room = Room {
            is_scarce: true,
            ..PLENTY
        };
        assert_eq!(
            names(&read_files(dir.path(), room)),
            [("MEMORY.md", Standing::Whole)]
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_no_file() {
        let dir = folder(&[]);
        let made = std::process::Command::new("mkfifo")
            .arg(dir.path().join("AGENTS.md"))
            .status()
            .unwrap();
        assert!(made.success());
        let room = Room {
            is_scarce: true,
            ..PLENTY
        };
        assert_eq!(read_files(dir.path(), room), []);
    }

    proptest! {
        #[test]
        fn no_file_takes_more_than_its_room(text in any::<String>(), each in 1usize..300, all in 0usize..600) {
            let dir = folder(&[("AGENTS.md", &text), ("SOUL.md", &text)]);
            let room = Room { each, all: Some(all), is_scarce: true, for_sub_agent: false };
            let files = read_files(dir.path(), room);
            // A mark is around 110 characters.
            let total: usize = files.iter().map(|file| file.text.chars().count()).sum();
            let marks = 120 * files.len();
            prop_assert!(total <= all.min(2 * each) + marks, "{total} of {all}");
        }
    }
}
