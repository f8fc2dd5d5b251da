//! Many tools, of which a model is told on demand.
//!
//! A prompt and its tools stay as they were when the session began, so that a server can keep what it has read. A tool that
//! is found later can therefore not be added to them: where the tools of other programs (MCP servers) would take too much
//! of the model's window, two tools stand in for them from the beginning, `tool_search` and `tool_call`. What a model calls
//! through the second goes the same way as any call (see `calls`).

mod ranking;
mod search;
mod wrapped;

use std::collections::BTreeMap;

use moltbot_llm::{Model, Request, ToolSpec, estimate_tokens};

use crate::prompt::safe_window;
use crate::toolbox::Toolbox;
pub(crate) use search::TOOL_SEARCH;
use search::ToolSearch;
pub(crate) use wrapped::asked;

/// No more tools of other programs than this are told one by one: models choose worse among many.
const MOST_LISTED: usize = 20;

/// All tools together take no more of the context window than one part in so many.
const WINDOW_PARTS: u64 = 10;

/// A tool that a model finds only by searching.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HiddenTool {
    /// Where it comes from: the name of an MCP server, say.
    pub(crate) source: String,
    /// How it would be offered.
    pub(crate) spec: ToolSpec,
}

/// The tools of a conversation, and the two ways in which its model may be told of them.
pub(crate) struct Offer {
    all: Toolbox,
    all_specs: Vec<ToolSpec>,
    /// `None` where there is nothing to hide.
    folded: Option<Folded>,
}

/// The tools with two of them in place of those of other programs.
struct Folded {
    /// All that can be called, the search among them.
    tools: Toolbox,
    /// What is told.
    specs: Vec<ToolSpec>,
    hidden: Vec<HiddenTool>,
}

impl Offer {
    /// These tools.
    pub(crate) fn new(all: Toolbox) -> Self {
        Self {
            all_specs: all.specs(),
            folded: Folded::new(&all),
            all,
        }
    }

    /// All tools.
    pub(crate) fn into_toolbox(self) -> Toolbox {
        self.all
    }

    /// What a model is told where a conversation begins with it.
    pub(crate) fn specs(&self, model: &Model) -> Vec<ToolSpec> {
        match &self.folded {
            Some(folded) if self.is_too_much(folded, model) => folded.specs.clone(),
            _ => self.all_specs.clone(),
        }
    }

    /// Whether a prompt with these tools tells of the tools here, in one way or the other: which one was decided when the
    /// conversation began, and another model does not change it.
    pub(crate) fn is_told_by(&self, specs: &[ToolSpec]) -> bool {
        self.all_specs == specs || self.folding(specs).is_some()
    }

    /// What a model may call that was told of these tools.
    pub(crate) fn tools(&self, specs: &[ToolSpec]) -> &Toolbox {
        match self.folding(specs) {
            Some(folded) => &folded.tools,
            None => &self.all,
        }
    }

    /// What a model must search for that was told of these tools, sorted by name.
    pub(crate) fn hidden(&self, specs: &[ToolSpec]) -> &[HiddenTool] {
        self.folding(specs)
            .map_or(&[], |folded| folded.hidden.as_slice())
    }

    fn folding(&self, specs: &[ToolSpec]) -> Option<&Folded> {
        self.folded.as_ref().filter(|folded| folded.specs == specs)
    }

    fn is_too_much(&self, folded: &Folded, model: &Model) -> bool {
        if folded.hidden.len() > MOST_LISTED {
            return true;
        }
        let (all, less) = (cost(model, &self.all_specs), cost(model, &folded.specs));
        all > safe_window(model) / WINDOW_PARTS && less < all
    }
}

impl Folded {
    fn new(all: &Toolbox) -> Option<Self> {
        let mut hidden = Vec::new();
        let mut specs = Vec::new();
        for tool in all.iter() {
            match tool.source() {
                Some(source) => hidden.push(HiddenTool {
                    source: source.to_owned(),
                    spec: tool.spec(),
                }),
                None => specs.push(tool.spec()),
            }
        }
        if hidden.is_empty() {
            return None;
        }
        let mut tools = all.clone();
        tools.add(ToolSearch::new(hidden.clone(), of_what(&hidden)));
        specs.extend(tools.get(TOOL_SEARCH).map(|tool| tool.spec()));
        specs.push(wrapped::spec());
        specs.sort_by(|a, b| a.name.cmp(&b.name));
        Some(Self {
            tools,
            specs,
            hidden,
        })
    }
}

/// The tokens of these tools, as far as their text tells: what is decided by it must not change with what was learned.
fn cost(model: &Model, tools: &[ToolSpec]) -> u64 {
    let request = Request {
        tools: tools.to_vec(),
        ..Request::default()
    };
    estimate_tokens(model, &request)
}

/// How many tools there are of each source: `57 more tools: github (40), jira (17)`.
fn of_what(hidden: &[HiddenTool]) -> String {
    /// More sources are not named.
    const MOST_SOURCES: usize = 8;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for tool in hidden {
        *counts.entry(&tool.source).or_default() += 1;
    }
    let named = counts.iter().take(MOST_SOURCES);
    let mut names: Vec<String> = named
        .map(|(source, count)| format!("{source} ({count})"))
        .collect();
    if counts.len() > MOST_SOURCES {
        names.push("others".to_owned());
    }
    let tools = match hidden.len() {
        1 => "tool",
        _ => "tools",
    };
    format!("{} more {tools}: {}", hidden.len(), names.join(", "))
}
