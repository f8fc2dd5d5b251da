//! Parsing HTML within bounds.
//!
//! The rules for broken HTML let a short page become a huge tree (elements that were left open are opened again in each
//! paragraph), or take time that grows with the square of its length. A page that does either is given up.

use std::borrow::Cow;
use std::cell::Cell;
use std::time::{Duration, Instant};

use html5ever::interface::{ElementFlags, NodeOrText, QuirksMode, TokenizerResult, TreeSink};
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{
    BufferQueue, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use html5ever::tree_builder::{TreeBuilder, TreeBuilderOpts};
use html5ever::{Attribute, QualName};
use markup5ever_rcdom::{Handle, RcDom};
use thiserror::Error;

/// A tree has no more nodes than this. The largest pages that people read have a third of it.
const MOST_NODES: usize = 400_000;

/// No page that is meant to be read takes this long.
const LONGEST: Duration = Duration::from_secs(5);

/// The clock is looked at after this many bytes.
const STEP: usize = 4 * 1024;

/// The page takes too long to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("The page's HTML is too tangled to be read. Try another page.")]
pub(crate) struct Tangled;

/// Parses HTML.
pub(crate) fn parse(html: &str) -> Result<RcDom, Tangled> {
    let options = TreeBuilderOpts {
        scripting_enabled: false,
        ..TreeBuilderOpts::default()
    };
    let sink = Counted {
        dom: RcDom::default(),
        nodes: Cell::new(0),
    };
    let bounded = Bounded {
        builder: TreeBuilder::new(sink, options),
    };
    let tokenizer = Tokenizer::new(bounded, TokenizerOpts::default());
    let started = Instant::now();
    let buffer = BufferQueue::default();
    let mut rest = html;
    while !rest.is_empty() {
        let (step, behind) = rest.split_at(rest.floor_char_boundary(STEP));
        rest = behind;
        buffer.push_back(StrTendril::from_slice(step));
        // It stops at each script, for a browser to run it.
        while !matches!(tokenizer.feed(&buffer), TokenizerResult::Done) {}
        if tokenizer.sink.is_full() || started.elapsed() > LONGEST {
            return Err(Tangled);
        }
    }
    tokenizer.end();
    match tokenizer.sink.is_full() {
        true => Err(Tangled),
        false => Ok(tokenizer.sink.builder.sink.dom),
    }
}

/// Passes tokens on until the tree is full.
struct Bounded {
    builder: TreeBuilder<Handle, Counted>,
}

impl Bounded {
    fn is_full(&self) -> bool {
        self.builder.sink.nodes.get() > MOST_NODES
    }
}

impl TokenSink for Bounded {
    type Handle = Handle;

    fn process_token(&self, token: Token, line_number: u64) -> TokenSinkResult<Handle> {
        match self.is_full() {
            true => TokenSinkResult::Continue,
            false => self.builder.process_token(token, line_number),
        }
    }

    fn end(&self) {
        if !self.is_full() {
            self.builder.end();
        }
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&self) -> bool {
        self.builder
            .adjusted_current_node_present_but_not_in_html_namespace()
    }
}

/// A tree that knows how many nodes were made for it.
struct Counted {
    dom: RcDom,
    nodes: Cell<usize>,
}

impl Counted {
    fn count<T>(&self, node: T) -> T {
        self.nodes.set(self.nodes.get() + 1);
        node
    }

    /// A text becomes a node where it is put; other nodes were counted when they were made.
    fn count_text(&self, child: &NodeOrText<Handle>) {
        if let NodeOrText::AppendText(_) = child {
            self.count(());
        }
    }
}

impl TreeSink for Counted {
    type Handle = Handle;
    type Output = RcDom;
    type ElemName<'a> = <RcDom as TreeSink>::ElemName<'a>;

    fn finish(self) -> RcDom {
        self.dom
    }

    fn parse_error(&self, _message: Cow<'static, str>) {}

    fn get_document(&self) -> Handle {
        self.dom.get_document()
    }

    fn elem_name<'a>(&'a self, target: &'a Handle) -> Self::ElemName<'a> {
        self.dom.elem_name(target)
    }

    fn create_element(&self, name: QualName, attrs: Vec<Attribute>, flags: ElementFlags) -> Handle {
        self.count(self.dom.create_element(name, attrs, flags))
    }

    fn create_comment(&self, text: StrTendril) -> Handle {
        self.count(self.dom.create_comment(text))
    }

    fn create_pi(&self, target: StrTendril, data: StrTendril) -> Handle {
        self.count(self.dom.create_pi(target, data))
    }

    fn append(&self, parent: &Handle, child: NodeOrText<Handle>) {
        self.count_text(&child);
        self.dom.append(parent, child);
    }

    fn append_based_on_parent_node(
        &self,
        element: &Handle,
        previous: &Handle,
        child: NodeOrText<Handle>,
    ) {
        self.count_text(&child);
        self.dom
            .append_based_on_parent_node(element, previous, child);
    }

    fn append_before_sibling(&self, sibling: &Handle, child: NodeOrText<Handle>) {
        self.count_text(&child);
        self.dom.append_before_sibling(sibling, child);
    }

    fn append_doctype_to_document(&self, name: StrTendril, public: StrTendril, system: StrTendril) {
        self.dom.append_doctype_to_document(name, public, system);
    }

    fn get_template_contents(&self, target: &Handle) -> Handle {
        self.dom.get_template_contents(target)
    }

    fn same_node(&self, x: &Handle, y: &Handle) -> bool {
        self.dom.same_node(x, y)
    }

    fn set_quirks_mode(&self, mode: QuirksMode) {
        self.dom.set_quirks_mode(mode);
    }

    fn add_attrs_if_missing(&self, target: &Handle, attrs: Vec<Attribute>) {
        self.dom.add_attrs_if_missing(target, attrs);
    }

    fn remove_from_parent(&self, target: &Handle) {
        self.dom.remove_from_parent(target);
    }

    fn reparent_children(&self, node: &Handle, new_parent: &Handle) {
        self.dom.reparent_children(node, new_parent);
    }

    fn is_mathml_annotation_xml_integration_point(&self, target: &Handle) -> bool {
        self.dom.is_mathml_annotation_xml_integration_point(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_grows_when_it_is_read_is_given_up() {
        // Each paragraph opens all of the elements again that were left open before it.
        let html: String = (0..5000).map(|n| format!("<p><b a={n}>x")).collect();
        assert_eq!(parse(&html).err(), Some(Tangled));
        // The last step alone, and one tag of that, would do it.
        let open: String = (0..1000).map(|n| format!("<b a={n}>")).collect();
        assert_eq!(
            parse(&format!("<p>{open}{}", "<p>x".repeat(1000))).err(),
            Some(Tangled)
        );
        assert!(parse(&open).is_ok());
    }

    #[test]
    fn scripts_do_not_stop_it() {
        let html = "<p>a</p><script>b</script>".repeat(3);
        assert!(parse(&html).is_ok());
    }
}
