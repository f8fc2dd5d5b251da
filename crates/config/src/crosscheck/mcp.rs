//! Rules of `mcp.servers.<name>`: what can be started or reached.

use crate::issue::Issue;
use crate::key_path::KeyPath;
use crate::spanned::Node;

/// Checks the resolved configuration `root`. Wrong types are the schema's to report.
pub(super) fn check(root: &Node, issues: &mut Vec<Issue>) {
    let servers = root.at(&["mcp", "servers"]).map_or(&[][..], Node::members);
    let servers_path = KeyPath::root().with_key("mcp").with_key("servers");
    for server in servers {
        let path = servers_path.with_key(&server.key);
        let node = &server.value;
        let mut report = |key: &str, node: &Node, message: &str| {
            let path = match key {
                "" => path.clone(),
                key => path.with_key(key),
            };
            issues.push(Issue::at(&node.origin, &path, message));
        };
        let (command, url) = (node.get("command"), node.get("url"));
        match (command, url) {
            (None, None) => report(
                "",
                node,
                "a server needs \"command\" (a program to start) or \"url\" (an address); add one of them",
            ),
            (Some(_), Some(url)) => report(
                "url",
                url,
                "a server has either \"command\" or \"url\"; remove one of them",
            ),
            _ => {}
        }
        if let Some((node, text)) = text(command)
            && text.trim().is_empty()
        {
            report(
                "command",
                node,
                "a command must not be empty; write the program that is the server, such as \"npx\"",
            );
        }
        if let Some((node, text)) = text(url)
            && !["http://", "https://"]
                .iter()
                .any(|scheme| text.trim().to_ascii_lowercase().starts_with(scheme))
        {
            report(
                "url",
                node,
                "this is no address of a server; write one that starts with http:// or https://",
            );
        }
        if let Some((node, kind)) = text(node.get("type")) {
            let wants = if kind == "stdio" { "command" } else { "url" };
            let has = if wants == "command" { command } else { url };
            if has.is_none() && (command.is_some() || url.is_some()) {
                report(
                    "type",
                    node,
                    &format!(
                        "a server of type \"{kind}\" has \"{wants}\"; leave \"type\" out to go by what is there"
                    ),
                );
            }
        }
        for member in node.get("env").map_or(&[][..], Node::members) {
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

fn text(node: Option<&Node>) -> Option<(&Node, &str)> {
    let node = node?;
    Some((node, node.as_str()?))
}
