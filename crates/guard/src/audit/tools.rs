//! `tools`, `guard`, `mcp` and allowed commands: what agents can do unasked.

use std::collections::BTreeSet;

use moltbot_config::MAIN_AGENT;
use moltbot_config::schema::{Elevated, GuardPreset, McpServer, McpTrust, SandboxMode};
use url::Url;

use super::agents::sandbox_mode;
use super::browser::is_loopback;
use super::facts::{Facts, SandboxFacts};
use super::finding::Finding;
use crate::shell::{Ask, Security, Terms};

/// More entries than anybody keeps in mind.
const LARGE_LIST: usize = 25;

/// What agents can do unasked.
pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let mut found = elevated(facts);
    let tools = facts.config.tools.as_ref();
    let preset = tools.and_then(|tools| tools.guard.as_ref()?.preset);
    if preset == Some(GuardPreset::Relaxed) {
        let finding = Finding::warn(
            "guard.preset_relaxed",
            "The guard is relaxed",
            "tools.guard.preset is relaxed: links in outside text are followed, and whom you name may be sent anything that was read.",
        );
        found.push(finding.fix("moltbot config set tools.guard.preset standard"));
    }
    let servers = facts.config.mcp_servers().iter();
    found.extend(servers.flat_map(|(name, server)| mcp(name, server)));
    found.extend(sandbox(facts));
    found.extend(commands(facts));
    found
}

/// Whether commands may run outside the sandbox.
pub(super) fn is_elevated_on(facts: &Facts) -> bool {
    let tools = facts.config.tools.as_ref();
    let elevated = tools.and_then(|tools| tools.elevated.as_ref());
    elevated.and_then(|elevated| elevated.enabled) != Some(false)
}

fn elevated(facts: &Facts) -> Vec<Finding> {
    let tools = facts.config.tools.as_ref();
    let lists = tools
        .and_then(|tools| tools.elevated.as_ref())
        .filter(|_| is_elevated_on(facts))
        .and_then(|Elevated { allow_from, .. }| allow_from.as_ref());
    let lists = lists.into_iter().flatten();
    let found = lists.filter_map(|(provider, list)| {
        let key = format!("tools.elevated.allowFrom.{provider}");
        if list.iter().any(|id| id.to_string().trim() == "*") {
            let finding = Finding::critical(
                format!("{key}.wildcard"),
                "Everybody may run commands outside the sandbox",
                format!("{key} holds \"*\"."),
            );
            return Some(finding.fix(format!("name the people in {key}")));
        }
        (list.len() > LARGE_LIST).then(|| {
            let finding = Finding::warn(
                format!("{key}.large"),
                "Many may run commands outside the sandbox",
                format!("{key} has {} entries.", list.len()),
            );
            finding.fix("keep only those who need it")
        })
    });
    found.collect()
}

fn mcp(name: &str, server: &McpServer) -> Vec<Finding> {
    let mut found = Vec::new();
    if !server.enabled() {
        return found;
    }
    let key = format!("mcp.servers.{name}");
    if server.trust() == McpTrust::ReadOnly {
        let finding = Finding::warn(
            format!("{key}.trust_read_only"),
            "An MCP server's calls are never asked about",
            format!("{key}.trust is readOnly: whatever its tools do, they are taken to only read."),
        );
        found.push(finding.fix(format!(
            "if any of its tools changes or sends something: moltbot config set {key}.trust hints"
        )));
    }
    let url = server
        .url
        .as_deref()
        .and_then(|url| Url::parse(url.trim()).ok());
    if let Some(url) = url
        && url.scheme() == "http"
        && !is_loopback(&url)
    {
        let with_keys = match server
            .headers
            .as_ref()
            .is_some_and(|headers| !headers.is_empty())
        {
            true => ", its headers too",
            false => "",
        };
        let finding = Finding::warn(
            format!("{key}.http"),
            "An MCP server is spoken to over an unencrypted connection",
            format!(
                "{key}.url is http://{}: whoever is on the way reads and changes what is said{with_keys}.",
                url.host_str().unwrap_or_default()
            ),
        );
        found.push(finding.fix("use https, or reach it over a private network such as a tailnet"));
    }
    found
}

/// A sandbox that was asked for and is less than that.
fn sandbox(facts: &Facts) -> Option<Finding> {
    let missing = match &facts.sandbox {
        SandboxFacts::Present => return None,
        SandboxFacts::Weaker(missing) => missing.join("; "),
        SandboxFacts::Absent(reason) => reason.clone(),
    };
    let asking: Vec<&str> = facts
        .agents
        .iter()
        .filter(|agent| sandbox_mode(&facts.config, &agent.id) != SandboxMode::Off)
        .map(|agent| agent.id.as_str())
        .collect();
    if asking.is_empty() {
        return None;
    }
    let finding = Finding::warn(
        "sandbox.weaker_than_asked",
        "The sandbox is weaker than you asked for",
        format!(
            "sandbox.mode is on for {}, but: {missing}.",
            asking.join(", ")
        ),
    );
    Some(finding.fix("mend what is missing (moltbot sandbox explain tries it out), or take exec from these agents (tools.deny)"))
}

/// What the owner allowed commands for good.
fn commands(facts: &Facts) -> Vec<Finding> {
    if let Err(reason) = &facts.approvals {
        let finding = Finding::warn(
            "exec.approvals_unusable",
            "The list of allowed commands cannot be used",
            reason.clone(),
        );
        let fix = "mend or move exec-approvals.json; nothing in it counts until then";
        return vec![finding.fix(fix)];
    }
    let mut found = Vec::new();
    let ids = facts.agents.iter().map(|agent| agent.id.as_str());
    let ids = BTreeSet::from_iter(ids.chain([MAIN_AGENT]));
    let full: Vec<&str> = ids
        .into_iter()
        .filter(|id| runs_anything(facts, id))
        .collect();
    if !full.is_empty() {
        let finding = Finding::critical(
            "exec.full_without_asking",
            "Commands of any kind are allowed without asking",
            format!(
                "for {}: security is full and ask is not always (exec-approvals.json, tools.exec).",
                full.join(", ")
            ),
        );
        found.push(finding.fix("set security to allowlist, or ask to always"));
    }
    if !facts.broad_patterns.is_empty() {
        let finding = Finding::warn(
            "exec.approvals_can_do_anything",
            "Allowed commands can do anything",
            format!(
                "exec-approvals.json lists {}: what such a program does depends on its arguments alone. This program asks about interpreters and the like each time all the same; others that read the file do not.",
                facts.broad_patterns.join(", ")
            ),
        );
        found.push(finding.fix("remove these entries; allow programs that do one thing"));
    }
    found
}

/// Whether an agent's commands run without a list and without a question.
fn runs_anything(facts: &Facts, agent_id: &str) -> bool {
    let mut terms = Terms::of_config(&facts.config.exec(agent_id));
    if let Ok(file) = &facts.approvals {
        terms = terms.and(file.terms(agent_id));
    }
    terms.security == Some(Security::Full) && terms.ask != Some(Ask::Always)
}
