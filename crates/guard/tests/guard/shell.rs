//! What this crate makes of a command, against what the machine's own shell makes of it.
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use moltbot_guard::shell::take_apart;
use proptest::prelude::*;

/// A program that writes down what it was called with, each argument behind a letter and in front of a NUL.
const PROBE: &str = "#!/bin/sh\n{ printf 'c\\0'; for a in \"$@\"; do printf 'a%s\\0' \"$a\"; done; } >> \"$PROBE_LOG\"\n";

/// The argument lists with which the shell starts `probe`.
fn by_shell(command: &str) -> Vec<Vec<String>> {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("probe");
    // Written by another process: what this one has open to write, a child that another test starts at this moment would
    // hold open as well, and a file that is open to write cannot be run.
    let mut writer = Command::new("/bin/sh")
        .args(["-c", "cat > \"$0\" && chmod 755 \"$0\""])
        .arg(&program)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    writer
        .stdin
        .take()
        .unwrap()
        .write_all(PROBE.as_bytes())
        .unwrap();
    assert!(writer.wait().unwrap().success());
    let log = dir.path().join("log");
    std::fs::write(&log, "").unwrap();
    let empty = dir.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    Command::new("/bin/sh")
        .args(["-c", command])
        .env_clear()
        .env("PATH", dir.path())
        .env("PROBE_LOG", &log)
        .current_dir(&empty)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(is_empty(&empty), "{command:?} made a file");
    let mut calls: Vec<Vec<String>> = Vec::new();
    for part in std::fs::read_to_string(&log)
        .unwrap()
        .split_terminator('\0')
    {
        match part.split_at(1) {
            ("c", _) => calls.push(Vec::new()),
            (_, argument) => calls.last_mut().unwrap().push(argument.to_owned()),
        }
    }
    calls
}

fn is_empty(folder: &Path) -> bool {
    folder.read_dir().unwrap().next().is_none()
}

/// Pieces that mean something to a shell, and some that do not.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => Just(" probe ".to_owned()),
        3 => "[a-z0-9=:,.%+@^_-]{1,4}",
        2 => prop::sample::select(vec![" ", "\t", " && ", " ; ", "\n", " | ", " || ", "'", "\"", "\\", "''", "\"\""]).prop_map(str::to_owned),
        1 => prop::sample::select(vec!["$", "`", "*", "?", "[", "]", "~", "#", "<", ">", "&", "(", ")", "{", "}", "!", "=", "$(", "é", "好", "\u{a0}"])
            .prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Where a command is taken apart at all, the shell starts just that, with just these arguments. After `||` it may
    /// start less.
    #[test]
    fn the_shell_does_what_was_understood(pieces in prop::collection::vec(piece(), 1..12)) {
        let command = format!("probe {}", pieces.concat());
        let Ok(segments) = take_apart(&command) else { return Ok(()) };
        let understood: Vec<Vec<String>> = segments
            .iter()
            .filter(|segment| segment.argv[0] == "probe")
            .map(|segment| segment.argv[1..].to_vec())
            .collect();
        let started = by_shell(&command);
        // Programs of a pipe write at the same time, in any order.
        let mut left = understood.clone();
        for call in &started {
            let known = left.iter().position(|one| one == call);
            prop_assert!(known.is_some(), "{command:?}: the shell started {call:?}, understood were {understood:?}");
            left.remove(known.unwrap_or_default());
        }
        if !command.contains("||") && !command.contains("&&") {
            prop_assert!(left.is_empty(), "{command:?}: the shell did not start {left:?}");
        }
    }
}

#[test]
fn quotes_mean_what_they_mean_to_the_shell() {
    for command in [
        r#"probe 'a b' "c 'd'" e\ f '' "" g"#,
        r#"probe "a\"b\\c" 'd\e'"#,
        "probe a=b -x=y 'two\nlines'",
        "probe one; probe two | probe three && probe four",
    ] {
        let mut understood: Vec<Vec<String>> = take_apart(command)
            .unwrap()
            .into_iter()
            .map(|segment| segment.argv[1..].to_vec())
            .collect();
        let mut started = by_shell(command);
        understood.sort();
        started.sort();
        assert_eq!(started, understood, "{command}");
    }
}
