//! Rules of `models.providers.<id>.service`: what can be run, asked and measured.

use crate::issue::Issue;
use crate::key_path::KeyPath;
use crate::schema::MemorySize;
use crate::spanned::Node;

/// Checks the resolved configuration `root`. Wrong types are the schema's to report.
pub(super) fn check(root: &Node, issues: &mut Vec<Issue>) {
    let providers = root
        .at(&["models", "providers"])
        .map_or(&[][..], Node::members);
    let providers_path = KeyPath::root().with_key("models").with_key("providers");
    for provider in providers {
        let Some(service) = provider.value.get("service") else {
            continue;
        };
        let path = providers_path.with_key(&provider.key).with_key("service");
        let mut report = |key: &str, node: &Node, message: String| {
            issues.push(Issue::at(&node.origin, &path.with_key(key), message));
        };
        if let Some((node, command)) = text(service, "command")
            && command.trim().is_empty()
        {
            report("command", node, "a command must not be empty; write the program that serves the model, such as \"llama-server\"".to_owned());
        }
        if let Some((node, url)) = text(service, "ready")
            && !["http://", "https://"]
                .iter()
                .any(|scheme| url.trim().to_ascii_lowercase().starts_with(scheme))
        {
            report(
                "ready",
                node,
                format!(
                    "\"{url}\" is no URL; write one that starts with http:// or https://, or leave the key out to ask for the list of models"
                ),
            );
        }
        if let Some((node, size)) = text(service, "memory")
            && MemorySize::Text(size.to_owned()).bytes().is_none()
        {
            report(
                "memory",
                node,
                format!(
                    "\"{size}\" is no amount of memory; write a number with a unit, such as \"24GB\" or \"512m\""
                ),
            );
        }
        if let Some(node) = service.get("stop")
            && node
                .items()
                .first()
                .and_then(Node::as_str)
                .is_some_and(|program| program.trim().is_empty())
        {
            report("stop", node, "the first item must be a program; write the command that stops the server as a list, such as [\"lms\", \"server\", \"stop\"]".to_owned());
        }
        for member in service.get("env").map_or(&[][..], Node::members) {
            if member.key.is_empty() || member.key.contains(['=', '\0']) {
                issues.push(Issue::at(
                    &member.key_origin,
                    &path.with_key("env").with_key(&member.key),
                    "the name of an environment variable must not be empty or hold \"=\"",
                ));
            }
        }
    }
}

fn text<'a>(service: &'a Node, key: &str) -> Option<(&'a Node, &'a str)> {
    let node = service.get(key)?;
    Some((node, node.as_str()?))
}
