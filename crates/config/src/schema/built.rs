//! Which keys of the file this program acts on today, for telling the owner about the others.

use serde_json::Value;

/// Key paths that this program acts on, each with everything below it.
///
/// `*` stands for any map key and any list item. `path=word` counts for that one value only.
const BUILT: &[&str] = &[
    "agents.defaults.bootstrapMaxChars",
    "agents.defaults.compaction.maxHistoryShare",
    "agents.defaults.compaction.memoryFlush",
    "agents.defaults.compaction.mode",
    "agents.defaults.compaction.reserveTokensFloor",
    "agents.defaults.contextPruning.hardClear",
    "agents.defaults.contextPruning.keepLastAssistants",
    "agents.defaults.contextPruning.softTrim",
    "agents.defaults.contextPruning.tools",
    "agents.defaults.contextTokens",
    "agents.defaults.elevatedDefault",
    "agents.defaults.envelopeTimestamp",
    "agents.defaults.envelopeTimezone",
    "agents.defaults.imageModel",
    "agents.defaults.limits",
    "agents.defaults.memorySearch.cache",
    "agents.defaults.memorySearch.chunking",
    "agents.defaults.memorySearch.enabled",
    "agents.defaults.memorySearch.extraPaths",
    "agents.defaults.memorySearch.fallback=none",
    "agents.defaults.memorySearch.local.modelPath",
    "agents.defaults.memorySearch.model",
    "agents.defaults.memorySearch.provider=auto",
    "agents.defaults.memorySearch.provider=local",
    "agents.defaults.memorySearch.provider=openai",
    "agents.defaults.memorySearch.query",
    "agents.defaults.memorySearch.remote.apiKey",
    "agents.defaults.memorySearch.remote.baseUrl",
    "agents.defaults.memorySearch.remote.headers",
    "agents.defaults.memorySearch.sources.*=memory",
    "agents.defaults.memorySearch.store.driver",
    "agents.defaults.memorySearch.store.path",
    "agents.defaults.memorySearch.sync.onSearch",
    "agents.defaults.model",
    "agents.defaults.models.*.alias",
    "agents.defaults.models.*.params.cacheControlTtl",
    "agents.defaults.models.*.params.maxTokens",
    "agents.defaults.models.*.params.provider",
    "agents.defaults.models.*.params.temperature",
    "agents.defaults.places",
    "agents.defaults.promptProfile",
    "agents.defaults.sandbox.backend",
    "agents.defaults.sandbox.browser",
    "agents.defaults.sandbox.docker",
    "agents.defaults.sandbox.mode",
    "agents.defaults.sandbox.perSession",
    "agents.defaults.sandbox.prune",
    "agents.defaults.sandbox.readable",
    "agents.defaults.sandbox.scope",
    "agents.defaults.sandbox.sessionToolsVisibility",
    "agents.defaults.sandbox.workspaceAccess",
    "agents.defaults.sandbox.workspaceRoot",
    "agents.defaults.skipBootstrap",
    "agents.defaults.subagents.archiveAfterMinutes",
    "agents.defaults.subagents.maxConcurrent",
    "agents.defaults.subagents.model",
    "agents.defaults.thinkingDefault",
    "agents.defaults.timeoutSeconds",
    "agents.defaults.userTimezone",
    "agents.defaults.workspace",
    "agents.list.*.default",
    "agents.list.*.id",
    "agents.list.*.limits",
    "agents.list.*.memorySearch.cache",
    "agents.list.*.memorySearch.chunking",
    "agents.list.*.memorySearch.enabled",
    "agents.list.*.memorySearch.extraPaths",
    "agents.list.*.memorySearch.fallback=none",
    "agents.list.*.memorySearch.local.modelPath",
    "agents.list.*.memorySearch.model",
    "agents.list.*.memorySearch.provider=auto",
    "agents.list.*.memorySearch.provider=local",
    "agents.list.*.memorySearch.provider=openai",
    "agents.list.*.memorySearch.query",
    "agents.list.*.memorySearch.remote.apiKey",
    "agents.list.*.memorySearch.remote.baseUrl",
    "agents.list.*.memorySearch.remote.headers",
    "agents.list.*.memorySearch.sources.*=memory",
    "agents.list.*.memorySearch.store.driver",
    "agents.list.*.memorySearch.store.path",
    "agents.list.*.memorySearch.sync.onSearch",
    "agents.list.*.model",
    "agents.list.*.places",
    "agents.list.*.promptProfile",
    "agents.list.*.sandbox.backend",
    "agents.list.*.sandbox.browser",
    "agents.list.*.sandbox.docker",
    "agents.list.*.sandbox.mode",
    "agents.list.*.sandbox.perSession",
    "agents.list.*.sandbox.prune",
    "agents.list.*.sandbox.readable",
    "agents.list.*.sandbox.scope",
    "agents.list.*.sandbox.sessionToolsVisibility",
    "agents.list.*.sandbox.workspaceAccess",
    "agents.list.*.sandbox.workspaceRoot",
    "agents.list.*.subagents",
    "agents.list.*.tools.allow",
    "agents.list.*.tools.alsoAllow",
    "agents.list.*.tools.byProvider",
    "agents.list.*.tools.deny",
    "agents.list.*.tools.elevated",
    "agents.list.*.tools.exec.ask",
    "agents.list.*.tools.exec.backgroundMs",
    "agents.list.*.tools.exec.cleanupMs",
    "agents.list.*.tools.exec.pathPrepend",
    "agents.list.*.tools.exec.safeBins",
    "agents.list.*.tools.exec.security",
    "agents.list.*.tools.exec.timeoutSec",
    "agents.list.*.tools.profile",
    "agents.list.*.tools.sandbox",
    "agents.list.*.workspace",
    "auth.cooldowns",
    "auth.order",
    "auth.profiles",
    "env",
    "logging.consoleLevel",
    "logging.file",
    "logging.level",
    "logging.redactPatterns",
    "logging.redactSensitive",
    "mcp",
    "meta",
    "models.mode",
    "models.providers.*.api=anthropic-messages",
    "models.providers.*.api=google-generative-ai",
    "models.providers.*.api=ollama",
    "models.providers.*.api=openai-completions",
    "models.providers.*.api=openai-responses",
    "models.providers.*.apiKey",
    "models.providers.*.auth=api-key",
    "models.providers.*.authHeader",
    "models.providers.*.baseUrl",
    "models.providers.*.baseUrls",
    "models.providers.*.headers",
    "models.providers.*.keepAlive",
    "models.providers.*.models.*.api=anthropic-messages",
    "models.providers.*.models.*.api=google-generative-ai",
    "models.providers.*.models.*.api=ollama",
    "models.providers.*.models.*.api=openai-completions",
    "models.providers.*.models.*.api=openai-responses",
    "models.providers.*.models.*.compat",
    "models.providers.*.models.*.contextWindow",
    "models.providers.*.models.*.cost",
    "models.providers.*.models.*.headers",
    "models.providers.*.models.*.id",
    "models.providers.*.models.*.input",
    "models.providers.*.models.*.maxTokens",
    "models.providers.*.models.*.name",
    "models.providers.*.models.*.reasoning",
    "models.providers.*.models.*.region",
    "models.providers.*.params.provider",
    "models.providers.*.region",
    "models.providers.*.service",
    "models.providers.*.slots",
    "models.providers.*.timeoutSeconds",
    "skills.allowBundled",
    "skills.entries",
    "skills.entries.*.apiKey",
    "skills.entries.*.enabled",
    "skills.entries.*.env",
    "skills.load.extraDirs",
    "tools.allow",
    "tools.agentToAgent",
    "tools.alsoAllow",
    "tools.byProvider",
    "tools.deny",
    "tools.elevated",
    "tools.exec.applyPatch.enabled",
    "tools.exec.ask",
    "tools.exec.backgroundMs",
    "tools.exec.cleanupMs",
    "tools.exec.pathPrepend",
    "tools.exec.safeBins",
    "tools.exec.security",
    "tools.exec.timeoutSec",
    "tools.guard.preset",
    "tools.profile",
    "tools.sandbox",
    "tools.subagents",
    "tools.web.fetch.cacheTtlMinutes",
    "tools.web.fetch.enabled",
    "tools.web.fetch.maxChars",
    "tools.web.fetch.maxRedirects",
    "tools.web.fetch.readability",
    "tools.web.fetch.timeoutSeconds",
    "tools.web.fetch.userAgent",
    "tools.web.search",
    "wizard",
];

/// Blocks whose keys are features of their own, each worth naming.
const GROUPS: &[&str] = &["channels", "messages", "session", "tools"];

/// Key paths that this program acts on, each with everything below it.
///
/// `*` stands for any map key and any list item. `path=word` counts for that one value only.
pub fn built_keys() -> &'static [&'static str] {
    BUILT
}

/// The keys of a resolved config that are valid but that this program does not act on yet.
///
/// One short path for each feature, in the order of the file: `channels.telegram`, not every key
/// below it. List items are written `*`, map keys that hold a dot in brackets. A block with
/// `enabled: false` is left out: what is switched off is not missed.
pub fn unbuilt(config: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(config, &mut Vec::new(), &mut found);
    found
}

/// How a path stands to the built keys.
enum Standing {
    /// The program acts on it and on everything below.
    Built,
    /// Some keys below it are built, or it is a group: look at each.
    Mixed,
    /// Nothing at or below it is built.
    Unbuilt,
}

fn collect<'a>(value: &'a Value, path: &mut Vec<&'a str>, found: &mut Vec<String>) {
    match standing(path, value) {
        Standing::Built => {}
        Standing::Unbuilt => {
            let switched_off = value.get("enabled") == Some(&Value::Bool(false));
            let written = write_path(path);
            if !switched_off && !found.contains(&written) {
                found.push(written);
            }
        }
        Standing::Mixed => match value {
            Value::Object(keys) => {
                for (key, value) in keys {
                    path.push(key);
                    collect(value, path, found);
                    path.pop();
                }
            }
            Value::Array(items) => {
                for item in items {
                    path.push("*");
                    collect(item, path, found);
                    path.pop();
                }
            }
            // A single value where a block belongs: validation has said so already.
            _ => {}
        },
    }
}

fn standing(path: &[&str], value: &Value) -> Standing {
    if path.is_empty() {
        return Standing::Mixed;
    }
    let mut standing = Standing::Unbuilt;
    for built in BUILT {
        let (key, wanted) = match built.split_once('=') {
            Some((key, word)) => (key, Some(word)),
            None => (*built, None),
        };
        let segments: Vec<&str> = key.split('.').collect();
        let agree = segments
            .iter()
            .zip(path)
            .all(|(segment, name)| *segment == "*" || segment == name);
        if !agree {
            continue;
        }
        if path.len() < segments.len() {
            standing = Standing::Mixed;
        } else if wanted.is_none() || value.as_str() == wanted {
            return Standing::Built;
        }
    }
    match (standing, path) {
        (Standing::Unbuilt, [top]) if GROUPS.contains(top) => Standing::Mixed,
        (standing, _) => standing,
    }
}

fn write_path(path: &[&str]) -> String {
    let mut written = String::new();
    for name in path {
        if name.contains('.') {
            written.push('[');
            written.push_str(name);
            written.push(']');
        } else {
            if !written.is_empty() {
                written.push('.');
            }
            written.push_str(name);
        }
    }
    written
}
