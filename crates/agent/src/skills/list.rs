//! The skills as a prompt lists them: what each is for, and where to read it.

use std::path::Path;

use super::Skill;
use crate::shown_path::shown_path;

/// Most characters of a description in a list.
const DESCRIPTION: usize = 1_024;

/// Most characters of a description in a short list.
const SHORT_DESCRIPTION: usize = 120;

const INTRODUCTION: &str = "Before you answer, look through these descriptions. If one clearly fits, read its file \
with `read` and follow it; if several do, take the closest. Read one at most, and none if none fits. `{baseDir}` in a \
skill is its folder.";

/// All skills that models are told of, as the tags that models know; `None` where there are none.
pub(crate) fn full_list(skills: &[Skill]) -> Option<String> {
    let mut listed = skills.iter().filter(|skill| skill.is_listed).peekable();
    listed.peek()?;
    let mut text = format!("{INTRODUCTION}\n<available_skills>\n");
    for skill in listed {
        text.push_str(&format!(
            "  <skill>\n    <name>{}</name>\n    <description>{}</description>\n    <location>{}</location>\n  </skill>\n",
            escaped(&skill.name),
            escaped(&shortened(&skill.description, DESCRIPTION)),
            escaped(&shown_path(&skill.file)),
        ));
    }
    text.push_str("</available_skills>");
    Some(text)
}

/// The skills of such a list, in either form, each with the characters that it takes there.
pub(crate) fn listed_blocks(list: &str) -> Vec<(String, usize)> {
    let lines = list.split_inclusive('\n');
    let mut blocks: Vec<(String, usize)> = Vec::new();
    let mut is_open = false;
    for line in lines {
        let text = line.trim();
        if text == "<skill>" {
            is_open = true;
            blocks.push((String::new(), 0));
        } else if let Some((name, _)) = text.strip_prefix("- ").and_then(|l| l.split_once(": "))
            && !is_open
        {
            blocks.push((name.to_owned(), text.chars().count()));
        }
        let Some((name, chars)) = blocks.last_mut().filter(|_| is_open) else {
            continue;
        };
        *chars += line.chars().count();
        if let Some(text) = text.strip_prefix("<name>") {
            *name = text.trim_end_matches("</name>").to_owned();
        }
        is_open = text != "</skill>";
    }
    blocks
}

/// The same in few words: a line for each, no more than `room` characters. Paths in the workspace are relative to it.
pub(crate) fn brief_list(skills: &[Skill], workspace: &Path, room: usize) -> Option<String> {
    let mut listed = skills.iter().filter(|skill| skill.is_listed).peekable();
    listed.peek()?;
    let mut text = "Skills: if one fits, read its file first and follow it.".to_owned();
    let mut left = room.saturating_sub(text.len());
    let mut left_out = 0;
    for skill in listed {
        let path = skill.file.strip_prefix(workspace).unwrap_or(&skill.file);
        let description = shortened(&skill.description, SHORT_DESCRIPTION);
        let line = format!("\n- {}: {description} ({})", skill.name, shown_path(path));
        // What is behind one that did not fit is left out too: the list must not depend on lengths by chance.
        match left
            .checked_sub(line.chars().count())
            .filter(|_| left_out == 0)
        {
            Some(rest) => {
                left = rest;
                text.push_str(&line);
            }
            None => left_out += 1,
        }
    }
    if left_out > 0 {
        text.push_str(&format!("\n({left_out} more have no room here.)"));
    }
    Some(text)
}

fn shortened(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some(_) => {
            let kept: String = text.chars().take(limit - 1).collect();
            format!("{}…", kept.trim_end())
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&apos;")
}
