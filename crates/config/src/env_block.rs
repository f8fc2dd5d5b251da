//! The config's own `env` block: variables that the owner sets in the file.

use std::collections::BTreeMap;

use crate::environment::Environment;
use crate::references::{Resolver, SecretSource};
use crate::spanned::Node;
use crate::substitute::{Expanded, expand, folder_of};
use crate::template::{Piece, pieces};

/// Keys of `env` that are not variables themselves.
const NOT_VARIABLES: [&str; 2] = ["shellEnv", "vars"];

/// Fills variables from the `env` block of the configuration `root`, leaving those that have a value.
///
/// A key directly under `env` wins over the same name under `env.vars`. A value may use other variables, also
/// those of the block itself; one whose variables are not set stays out, and substitution reports it later. Those that
/// run a program are last, so that it has the others; one whose program is not to be run is set to what is written.
pub(crate) fn fill_from(root: &Node, environment: &mut Environment, resolver: &mut Resolver) {
    let Some(block) = root.get("env") else {
        return;
    };
    let vars = block.get("vars").map_or(&[][..], Node::members);
    let direct = block
        .members()
        .iter()
        .filter(|member| !NOT_VARIABLES.contains(&member.key.as_str()));
    let mut waiting: BTreeMap<&str, &Node> = vars
        .iter()
        .chain(direct)
        .filter(|member| member.value.as_str().is_some())
        .map(|member| (member.key.as_str(), &member.value))
        .collect();
    for with_programs in [false, true] {
        // Each round settles at least one variable, or is the last.
        loop {
            let before = waiting.len();
            waiting.retain(|name, node| {
                let text = node.as_str().unwrap_or_default();
                if !with_programs && runs_programs(text) {
                    return true;
                }
                let folder = folder_of(&node.origin.file.path);
                let Expanded {
                    text: new,
                    problems,
                    ..
                } = expand(text, folder, environment, resolver);
                if problems.is_empty() {
                    environment.fill(name, new.as_deref().unwrap_or(text));
                }
                !problems.is_empty()
            });
            if waiting.len() == before {
                break;
            }
        }
    }
    environment.copy_old_names();
}

fn runs_programs(text: &str) -> bool {
    let runs = |piece: &Piece<'_>| match piece {
        Piece::Secret(source) => !matches!(source, SecretSource::File(_)),
        Piece::Text(_) | Piece::Variable(_) | Piece::Malformed(_) => false,
    };
    pieces(text).iter().any(runs)
}
