//! The names that tools of servers are offered under: `<server>__<tool>`.
//!
//! Two underscores, because no tool of the program's own has them: a server cannot take the place of `web_fetch` by
//! calling itself `web`, and rules can tell where the server's name ends. The `mcp__` that some programs put before it
//! would cost a token for each tool and say nothing.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::settings::hex;

/// Characters of a name, at most: what every server takes.
const LONGEST: usize = 64;
/// Characters of a server's part of it, at most.
const LONGEST_SERVER: usize = 24;
/// Hexadecimal digits that tell apart what would be called the same.
const MARK: usize = 6;

/// The names for tools, each given as server and tool. All different, and always the same for the same tools.
pub(super) fn offered<'a>(tools: &[(&'a str, &'a str)]) -> Vec<String> {
    let plain: Vec<Plain> = tools.iter().map(|(s, t)| Plain::new(s, t)).collect();
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for one in &plain {
        // Rules do not tell upper case from lower case.
        *count.entry(one.name.to_lowercase()).or_default() += 1;
    }
    plain
        .iter()
        .zip(tools)
        .map(|(one, (server, tool))| {
            let is_alone = count.get(&one.name.to_lowercase()) == Some(&1);
            match is_alone && !one.is_cut {
                true => one.name.clone(),
                false => marked(&one.name, server, tool),
            }
        })
        .collect()
}

/// A name before it is compared with others.
struct Plain {
    name: String,
    /// Something of it is missing.
    is_cut: bool,
}

impl Plain {
    fn new(server: &str, tool: &str) -> Self {
        let mut server = clean(server);
        while server.contains("__") {
            server = server.replace("__", "_");
        }
        let server = match server.trim_matches('_') {
            "" => "server",
            name => name,
        };
        let tool = clean(tool);
        let mut name: String = server.chars().take(LONGEST_SERVER).collect();
        // The end of the server's part is where the first two underscores are.
        name.truncate(name.trim_end_matches('_').len());
        let mut is_cut = name.len() < server.len() || tool.is_empty();
        name.push_str("__");
        name.push_str(&tool);
        is_cut |= name.len() > LONGEST;
        name.truncate(LONGEST);
        Self { name, is_cut }
    }
}

/// ASCII letters, digits, `_` and `-`; anything else is `_`.
fn clean(name: &str) -> String {
    name.chars()
        .map(|c| match c {
            c if c.is_ascii_alphanumeric() || c == '-' => c,
            _ => '_',
        })
        .collect()
}

fn marked(name: &str, server: &str, tool: &str) -> String {
    let mark = hex(&Sha256::digest(format!("{server}\0{tool}")), MARK);
    let mut name = name.to_owned();
    name.truncate(LONGEST - MARK - 1);
    format!("{name}_{mark}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_say_server_and_tool() {
        let names = offered(&[
            ("github", "create_issue"),
            ("My Files", "read.file"),
            ("a__b_", "x"),
            ("web", "fetch"),
            ("é", "ü"),
        ]);
        assert_eq!(
            names,
            [
                "github__create_issue",
                "My_Files__read_file",
                "a_b__x",
                "web__fetch",
                "server___"
            ]
        );
    }

    #[test]
    fn what_would_be_called_the_same_is_told_apart_whatever_the_order() {
        let long = "x".repeat(80);
        let tools = [
            ("a", "b.c"),
            ("a", "b c"),
            ("a", "d"),
            ("a", long.as_str()),
            ("A", "D"),
        ];
        let names = offered(&tools);
        assert!(names[0].starts_with("a__b_c_") && names[1].starts_with("a__b_c_"));
        assert_eq!(names[3].len(), LONGEST);
        let mut turned = tools;
        turned.reverse();
        let mut other = offered(&turned);
        other.reverse();
        assert_eq!(names, other);
    }

    proptest! {
        #[test]
        fn every_name_is_one_that_every_server_takes(tools in prop::collection::btree_set((any::<String>(), any::<String>()), 0..8)) {
            let tools: Vec<(&str, &str)> = tools.iter().map(|(s, t)| (s.as_str(), t.as_str())).collect();
            let names = offered(&tools);
            prop_assert_eq!(names.iter().map(|n| n.to_lowercase()).collect::<BTreeSet<_>>().len(), tools.len());
            for name in names {
                prop_assert!(name.len() <= LONGEST);
                prop_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'), "{}", name);
                let (server, _) = name.split_once("__").unwrap();
                prop_assert!(!server.is_empty());
            }
        }
    }
}
