//! What people see: quiet, aligned, coloured only where colour is wanted, and JSON for programs.

use std::io::Write;

use anstream::ColorChoice;
use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::exit::Exit;

/// For what matters less: reasoning, hints, footnotes.
pub(crate) const DIM: Style = Style::new().dimmed();
/// For headings and names.
pub(crate) const BOLD: Style = Style::new().bold();
/// For what works.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// For what needs attention.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
/// For what failed.
pub(crate) const BAD: Style = AnsiColor::Red.on_default();

/// Decides once whether to colour: `--no-color` and `NO_COLOR` forbid it, `FORCE_COLOR` demands it, else a terminal
/// gets it and a pipe does not.
pub(crate) fn choose_colour(no_color: bool) {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if no_color || set("NO_COLOR") {
        ColorChoice::Never.write_global();
    } else if set("FORCE_COLOR") {
        ColorChoice::Always.write_global();
    }
}

/// A line on standard output. A reader that went away ends the program quietly, as in any pipe.
pub(crate) fn line(text: impl std::fmt::Display) -> Result<(), Exit> {
    write(format_args!("{text}\n"))
}

/// Text on standard output, at once.
pub(crate) fn write(text: impl std::fmt::Display) -> Result<(), Exit> {
    let mut out = anstream::stdout().lock();
    write!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(|_| Exit::silent(1))
}

/// A line on standard error: notices, progress, everything that is not the result. Where nobody reads it any more (a
/// terminal that is gone), it is lost.
pub(crate) fn note(text: impl std::fmt::Display) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// A value as indented JSON on standard output. Control characters that JSON lets stand are escaped: people look at it, too.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Exit> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Exit::failed(format!("The result cannot be written as JSON: {error}.")))?;
    line(without_controls(&text))
}

/// JSON with every control character in its texts escaped; line ends between them stay.
fn without_controls(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        match c.is_control() && c != '\n' {
            true => escaped.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => escaped.push(c),
        }
    }
    escaped
}

/// Text in a style.
pub(crate) fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Text of a model or server as it may be shown: its control characters would steer the terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect()
}

/// Rows under headings, columns aligned, nothing cut. Cells hold no styles: widths are counted in characters, and what would
/// steer the terminal is left out.
pub(crate) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| plain(cell)).collect())
        .collect();
    let mut widths: Vec<usize> = headings.iter().map(|h| h.chars().count()).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let render = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for (cell, width) in cells.zip(&widths) {
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', width - cell.chars().count() + 2));
        }
        text.trim_end().to_owned()
    };
    let mut lines = vec![styled(BOLD, render(&mut headings.iter().copied()))];
    for row in &rows {
        lines.push(render(&mut row.iter().map(String::as_str)));
    }
    lines.join("\n")
}

pub(crate) use moltbot_agent::short_tokens as tokens;

/// A number of bytes, short: `98 MB`, `2.5 GB`.
pub(crate) fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{:.0} kB", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.0} MB", count as f64 / 1e6),
        _ => format!("{:.1} GB", count as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_nothing_is_cut() {
        let table = table(
            &["Model", "Ctx"],
            &[
                vec!["a".into(), "8192".into()],
                vec!["a-long-one".into(), "1".into()],
            ],
        );
        let plain = anstream::adapter::strip_str(&table).to_string();
        assert_eq!(plain, "Model       Ctx\na           8192\na-long-one  1");
    }

    #[test]
    fn json_cannot_steer_the_terminal_and_says_the_same() {
        let value = serde_json::json!({"a": "b\u{9b}2J\u{7f}\u{1b}c\nd"});
        let text = without_controls(&serde_json::to_string_pretty(&value).unwrap_or_default());
        assert_eq!(text, "{\n  \"a\": \"b\\u009b2J\\u007f\\u001bc\\nd\"\n}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).ok(),
            Some(value)
        );
    }

    #[test]
    fn a_cell_cannot_steer_the_terminal() {
        let table = table(&["Model"], &[vec!["a\x1b[2Jb".into()]]);
        assert!(table.ends_with("\na[2Jb"), "{table:?}");
    }

    #[test]
    fn a_model_cannot_steer_the_terminal() {
        assert_eq!(
            plain("\x1b]0;pwned\x07\x1b[2J a\u{9b}1m\tb\r\nc"),
            "]0;pwned[2J a1m\tb\nc"
        );
    }

    #[test]
    fn counts_are_short() {
        assert_eq!(
            [tokens(950), tokens(1234), tokens(12_345), tokens(1_200_000)],
            ["950", "1.2k", "12k", "1.2m"]
        );
        assert_eq!(
            [bytes(98_362_432), bytes(2_500_000_000)],
            ["98 MB", "2.5 GB"]
        );
    }
}
