//! The config's own `env` block: variables that the owner sets in the file.

use std::collections::BTreeMap;

use crate::environment::Environment;
use crate::spanned::Node;
use crate::substitute::expand;

/// Keys of `env` that are not variables themselves.
const NOT_VARIABLES: [&str; 2] = ["shellEnv", "vars"];

/// Fills variables from the `env` block of the configuration `root`, leaving those that have a value.
///
/// A key directly under `env` wins over the same name under `env.vars`. A value may use other variables, also
/// those of the block itself; one whose variables are not set stays out, and substitution reports it later.
pub(crate) fn fill_from(root: &Node, environment: &mut Environment) {
    let Some(block) = root.get("env") else {
        return;
    };
    let vars = block.get("vars").map_or(&[][..], Node::members);
    let direct = block
        .members()
        .iter()
        .filter(|member| !NOT_VARIABLES.contains(&member.key.as_str()));
    let mut waiting: BTreeMap<&str, &str> = vars
        .iter()
        .chain(direct)
        .filter_map(|member| Some((member.key.as_str(), member.value.as_str()?)))
        .collect();
    // Each round settles at least one variable, or is the last.
    loop {
        let before = waiting.len();
        waiting.retain(|name, value| match expand(value, environment) {
            Ok(expanded) => {
                environment.fill(name, &expanded);
                false
            }
            Err(_) => true,
        });
        if waiting.len() == before {
            break;
        }
    }
    environment.copy_old_names();
}
