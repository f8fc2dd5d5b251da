//! The tools of an agent.

use std::collections::BTreeMap;
use std::sync::Arc;

use moltbot_llm::ToolSpec;

use crate::disclosure::TOOL_SEARCH;
use crate::tool::Tool;

/// Tools by name. Always in the same order, so that a server can keep what it has read of them.
#[derive(Clone, Default)]
pub struct Toolbox {
    tools: BTreeMap<String, Arc<dyn Tool>>,
}

impl Toolbox {
    /// No tools.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tool, in place of one of the same name.
    pub fn add(&mut self, tool: impl Tool + 'static) {
        self.insert(Arc::new(tool));
    }

    /// Adds a tool that others hold too.
    pub fn insert(&mut self, tool: Arc<dyn Tool>) {
        self.tools.insert(tool.spec().name, tool);
    }

    /// The same box with only these tools in it.
    #[must_use]
    pub fn filter(mut self, keep: impl Fn(&str) -> bool) -> Self {
        self.tools.retain(|name, _| keep(name));
        self
    }

    /// A tool by its exact name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Tool>> {
        self.tools.get(name)
    }

    /// Whether models are not told of a tool by itself, but search for it.
    pub(crate) fn is_hidden(&self, tool: &dyn Tool) -> bool {
        tool.source().is_some() && self.tools.contains_key(TOOL_SEARCH)
    }

    /// The tools, sorted by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<dyn Tool>> {
        self.tools.values()
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tools.keys().map(String::as_str)
    }

    /// How the tools are offered, sorted by name.
    pub fn specs(&self) -> Vec<ToolSpec> {
        self.tools.values().map(|tool| tool.spec()).collect()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }
}

impl std::fmt::Debug for Toolbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.tools.keys()).finish()
    }
}
