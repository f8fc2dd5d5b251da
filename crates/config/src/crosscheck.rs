//! Rules between keys, which no schema of single keys can hold.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::agent_id::{MAIN_AGENT, normalize_agent_id};
use crate::environment::{Environment, normalized};
use crate::issue::Issue;
use crate::key_path::KeyPath;
use crate::nearest::nearest;
use crate::paths::Paths;
use crate::spanned::{Node, Origin};

mod channels;
mod mcp;
mod services;

/// What the rules found.
#[derive(Default)]
pub(crate) struct Findings {
    /// What makes the configuration invalid.
    pub(crate) issues: Vec<Issue>,
    /// What the owner should know.
    pub(crate) warnings: Vec<String>,
}

/// Checks the resolved configuration `root`.
pub(crate) fn check(root: &Node, environment: &Environment, paths: &Paths) -> Findings {
    let mut findings = Findings::default();
    let agents = Agents::read(root);
    agents.check_ids(&mut findings);
    agents.check_directories(root, environment, paths, &mut findings.issues);
    agents.check_avatars(root, environment, paths, &mut findings.issues);
    agents.check_broadcast(root, &mut findings.issues);
    check_tool_lists(root, &mut KeyPath::root(), false, &mut findings.issues);
    channels::check(root, &mut findings.issues);
    services::check(root, &mut findings.issues);
    mcp::check(root, &mut findings.issues);
    check_browser_profiles(root, &mut findings.issues);
    check_main_key(root, &mut findings.warnings);
    findings
}

/// An entry of `agents.list`.
struct Agent<'a> {
    entry: &'a Node,
    path: KeyPath,
    /// The id as written; `None` when it is missing or no string, which the schema reports.
    id: Option<&'a str>,
}

struct Agents<'a> {
    list: Vec<Agent<'a>>,
}

impl<'a> Agents<'a> {
    fn read(root: &'a Node) -> Self {
        let list_path = KeyPath::root().with_key("agents").with_key("list");
        let items = root.at(&["agents", "list"]).map_or(&[][..], Node::items);
        let list = items
            .iter()
            .enumerate()
            .map(|(index, entry)| Agent {
                entry,
                path: list_path.with_index(index),
                id: entry.get("id").and_then(Node::as_str),
            })
            .collect();
        Self { list }
    }

    /// The agent that answers where no rule names one.
    fn default_id(&self) -> String {
        let chosen = self
            .list
            .iter()
            .find(|agent| is_default(agent.entry))
            .or(self.list.first());
        normalize_agent_id(chosen.and_then(|agent| agent.id).unwrap_or(MAIN_AGENT))
    }

    fn check_ids(&self, findings: &mut Findings) {
        let mut seen: BTreeMap<String, &Agent<'_>> = BTreeMap::new();
        for agent in &self.list {
            let Some((node, id)) = agent.entry.get("id").zip(agent.id) else {
                continue;
            };
            let path = agent.path.with_key("id");
            if id.trim().is_empty() {
                findings.issues.push(Issue::at(
                    &node.origin,
                    &path,
                    "an agent id must not be empty; give a name such as \"work\"",
                ));
                continue;
            }
            let normal = normalize_agent_id(id);
            if normal != id.trim().to_lowercase() {
                findings.warnings.push(format!(
                    "{}: {path}: the agent id \"{id}\" is used as \"{normal}\".",
                    node.origin.shown()
                ));
            }
            match seen.get(&normal) {
                Some(first) => findings.issues.push(Issue::at(
                    &node.origin,
                    &path,
                    format!(
                        "the agent id \"{normal}\" is used twice; the first is {}",
                        first.path
                    ),
                )),
                None => {
                    seen.insert(normal, agent);
                }
            }
        }
        let defaults: Vec<&Agent<'_>> = self
            .list
            .iter()
            .filter(|agent| is_default(agent.entry))
            .collect();
        if let [first, _, ..] = defaults.as_slice() {
            findings.warnings.push(format!(
                "agents.list: {} agents have default: true; {} is used.",
                defaults.len(),
                first.path
            ));
        }
    }

    /// No two agents may share a directory: each would overwrite the other's credentials and models.
    fn check_directories(
        &self,
        root: &Node,
        environment: &Environment,
        paths: &Paths,
        issues: &mut Vec<Issue>,
    ) {
        let mut users: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
        let mut places: BTreeMap<String, (&Origin, KeyPath)> = BTreeMap::new();
        let mut add = |id: String, dir: PathBuf, origin, path| {
            places.entry(id.clone()).or_insert((origin, path));
            let ids = users.entry(dir).or_default();
            if !ids.contains(&id) {
                ids.push(id);
            }
        };
        let mut listed = Vec::new();
        for agent in &self.list {
            let Some(id) = agent.id.map(normalize_agent_id) else {
                continue;
            };
            let own = agent.entry.get("agentDir");
            let dir = match own.and_then(Node::as_str) {
                Some(dir) if !dir.trim().is_empty() => environment.absolute(dir),
                _ => paths.agent_dir(&id),
            };
            let (origin, path) = match own {
                Some(node) => (&node.origin, agent.path.with_key("agentDir")),
                None => (&agent.entry.origin, agent.path.clone()),
            };
            listed.push(id.clone());
            add(id, dir, origin, path);
        }
        let bindings = root.get("bindings").map_or(&[][..], Node::items);
        let bindings_path = KeyPath::root().with_key("bindings");
        let bound = bindings.iter().enumerate().filter_map(|(index, binding)| {
            let node = binding.get("agentId")?;
            let path = bindings_path.with_index(index).with_key("agentId");
            Some((normalize_agent_id(node.as_str()?), &node.origin, path))
        });
        let default = (self.default_id(), &root.origin, KeyPath::root());
        for (id, origin, path) in bound.chain([default]) {
            if !listed.contains(&id) {
                let dir = paths.agent_dir(&id);
                add(id, dir, origin, path);
            }
        }
        for (dir, ids) in users.into_iter().filter(|(_, ids)| ids.len() > 1) {
            // The last agent with the directory is the one that came to a place already taken.
            let Some((origin, path)) = ids.last().and_then(|id| places.get(id)) else {
                continue;
            };
            issues.push(Issue::at(
                origin,
                path,
                format!(
                    "Duplicate agentDir detected (multi-agent config). The agents {} share {}; give each its own agentDir",
                    ids.join(", "),
                    environment.shown(&dir)
                ),
            ));
        }
    }

    fn check_avatars(
        &self,
        root: &Node,
        environment: &Environment,
        paths: &Paths,
        issues: &mut Vec<Issue>,
    ) {
        for agent in &self.list {
            let Some(node) = agent.entry.at(&["identity", "avatar"]) else {
                continue;
            };
            let avatar = node.as_str().unwrap_or_default().trim();
            let lower = avatar.to_lowercase();
            let is_url = ["data:", "http://", "https://"]
                .iter()
                .any(|scheme| lower.starts_with(scheme));
            if avatar.is_empty() || is_url {
                continue;
            }
            let path = agent.path.with_key("identity").with_key("avatar");
            if avatar.starts_with('~') || has_scheme(avatar) {
                issues.push(Issue::at(
                    &node.origin,
                    &path,
                    "identity.avatar must be a workspace-relative path, http(s) URL, or data URI.",
                ));
                continue;
            }
            let workspace = self.workspace(agent, root, environment, paths);
            if !normalized(&workspace.join(avatar)).starts_with(&workspace) {
                issues.push(Issue::at(
                    &node.origin,
                    &path,
                    "identity.avatar must stay within the agent workspace.",
                ));
            }
        }
    }

    fn workspace(
        &self,
        agent: &Agent<'_>,
        root: &Node,
        environment: &Environment,
        paths: &Paths,
    ) -> PathBuf {
        let own = agent.entry.get("workspace").and_then(Node::as_str);
        if let Some(own) = own.filter(|own| !own.trim().is_empty()) {
            return environment.absolute(own);
        }
        let id = normalize_agent_id(agent.id.unwrap_or(MAIN_AGENT));
        if id != self.default_id() {
            return paths.agent_workspace(&id);
        }
        root.at(&["agents", "defaults", "workspace"])
            .and_then(Node::as_str)
            .filter(|workspace| !workspace.trim().is_empty())
            .map_or_else(
                || paths.default_workspace().to_owned(),
                |workspace| environment.absolute(workspace),
            )
    }

    /// Every agent that a broadcast names must be in the list, where there is one.
    fn check_broadcast(&self, root: &Node, issues: &mut Vec<Issue>) {
        let known: Vec<String> = self
            .list
            .iter()
            .filter_map(|agent| agent.id.map(normalize_agent_id))
            .collect();
        if known.is_empty() {
            return;
        }
        let broadcast = root.get("broadcast").map_or(&[][..], Node::members);
        let broadcast_path = KeyPath::root().with_key("broadcast");
        for member in broadcast {
            for (index, item) in member.value.items().iter().enumerate() {
                let Some(id) = item.as_str() else { continue };
                if known.contains(&normalize_agent_id(id)) {
                    continue;
                }
                let path = broadcast_path.with_key(&member.key).with_index(index);
                let suggestion = nearest(id, known.iter().map(String::as_str));
                issues.push(
                    Issue::at(
                        &item.origin,
                        &path,
                        format!("Unknown agent id \"{id}\" (not in agents.list)."),
                    )
                    .expecting(format!("one of the agents {}", known.join(", ")))
                    .suggesting(suggestion),
                );
            }
        }
    }
}

fn is_default(entry: &Node) -> bool {
    entry.get("default").and_then(Node::as_bool) == Some(true)
}

/// Whether `text` starts as a URL with a scheme; `C:\…` is a path.
fn has_scheme(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, _)| {
        scheme.len() > 1
            && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-'))
    })
}

/// `allow` names all tools there are, `alsoAllow` adds to a profile; both together contradict each other. Looks in
/// every object under a key named `tools`.
fn check_tool_lists(node: &Node, path: &mut KeyPath, in_tools: bool, issues: &mut Vec<Issue>) {
    let is_filled = |key: &str| node.get(key).is_some_and(|list| !list.items().is_empty());
    if in_tools
        && is_filled("allow")
        && is_filled("alsoAllow")
        && let Some(member) = node.member("alsoAllow")
    {
        issues.push(Issue::at(
            &member.key_origin,
            &path.with_key("alsoAllow"),
            "allow and alsoAllow cannot both be set in the same place; merge alsoAllow into allow, or use a profile with alsoAllow",
        ));
    }
    for (index, item) in node.items().iter().enumerate() {
        path.push_index(index);
        check_tool_lists(item, path, in_tools, issues);
        path.pop();
    }
    for member in node.members() {
        // The keys of a plugin's or skill's own config mean what the plugin says.
        if member.key == "config" {
            continue;
        }
        path.push_key(&member.key);
        check_tool_lists(
            &member.value,
            path,
            in_tools || member.key == "tools",
            issues,
        );
        path.pop();
    }
}

fn check_browser_profiles(root: &Node, issues: &mut Vec<Issue>) {
    let profiles = root
        .at(&["browser", "profiles"])
        .map_or(&[][..], Node::members);
    let path = KeyPath::root().with_key("browser").with_key("profiles");
    for member in profiles {
        let has = |key| member.value.get(key).is_some();
        if !has("cdpPort") && !has("cdpUrl") {
            issues.push(Issue::at(
                &member.value.origin,
                &path.with_key(&member.key),
                "Profile must set cdpPort or cdpUrl",
            ));
        }
    }
}

fn check_main_key(root: &Node, warnings: &mut Vec<String>) {
    let key = root.at(&["session", "mainKey"]);
    if let Some(node) = key
        && let Some(name) = node.as_str().filter(|name| name.trim() != "main")
    {
        warnings.push(format!(
            "{}: session.mainKey: \"{name}\" is ignored; the main session is always \"main\".",
            node.origin.shown()
        ));
    }
}
