//! An HTML page made into text for a model.

use htmd::HtmlToMarkdown;
use htmd::options::{BulletListMarker, HrStyle, Options};
use markup5ever_rcdom::{Handle, NodeData};
use url::Url;

use super::dom::{Tangled, parse};
use super::html::{Visible, visible};
use moltbot_guard::invisible;

/// Pages with more elements than this are not searched for an article.
const MOST_ELEMENTS: usize = 50_000;

/// An article this long is what the page is about, however much stands around it.
const LONG_ARTICLE: usize = 1500;

/// What a page is made into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Markdown, with links and headings.
    Markdown,
    /// Words only.
    Text,
}

/// A page as a model reads it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Readable {
    pub(crate) title: Option<String>,
    pub(crate) text: String,
    /// Whether this is the article on the page, not all of the page.
    pub(crate) is_article: bool,
}

/// Reads a page that stood at `url`: the article on it where there is one and `only_article`, else all that is seen.
/// Takes time; nothing to do on a thread that others wait for.
pub(crate) fn read(
    html: &str,
    url: &Url,
    mode: Mode,
    only_article: bool,
) -> Result<Readable, Tangled> {
    let page = visible(html, url)?;
    let article = if only_article {
        article(&page, url)
    } else {
        None
    };
    let html = article.as_deref().unwrap_or(&page.html);
    let text = match mode {
        Mode::Markdown => markdown(html),
        Mode::Text => words(html)?,
    };
    Ok(Readable {
        title: page.title,
        text: tidy(&text),
        is_article: article.is_some(),
    })
}

/// The HTML of the article on a page. Front pages and lists have none.
fn article(page: &Visible, url: &Url) -> Option<String> {
    let document = legible::Document::new(&page.html);
    if !document.is_probably_readerable(None) {
        return None;
    }
    let options = legible::Options::new()
        .max_elems_to_parse(MOST_ELEMENTS)
        .disable_json_ld(true);
    let article = document.parse(Some(url.as_str()), Some(options)).ok()?;
    let is_most = article.length >= LONG_ARTICLE || article.length * 10 >= page.length;
    is_most.then_some(article.content)
}

fn markdown(html: &str) -> String {
    let options = Options {
        hr_style: HrStyle::Dashes,
        bullet_list_marker: BulletListMarker::Dash,
        ul_bullet_spacing: 1,
        ol_number_spacing: 1,
        ..Options::default()
    };
    let converter = HtmlToMarkdown::builder()
        .options(options)
        .skip_tags(vec!["title"])
        .build();
    // It reads from memory, which does not fail.
    converter.convert(html).unwrap_or_default()
}

/// The words of a page, blocks on lines of their own.
fn words(html: &str) -> Result<String, Tangled> {
    let dom = parse(html)?;
    let mut words = Words::default();
    words.walk(&dom.document);
    Ok(words.out)
}

/// The words of a short piece of HTML, on one line.
pub(crate) fn plain(html: &str) -> String {
    let words = words(html).unwrap_or_default();
    let words: Vec<&str> = words.split_whitespace().collect();
    invisible::strip(&words.join(" "))
}

enum Next {
    Node(Handle, bool),
    Break(&'static str),
}

#[derive(Default)]
struct Words {
    out: String,
    /// Whether the last thing written is the sign of a list's item.
    at_item: bool,
}

impl Words {
    fn walk(&mut self, document: &Handle) {
        let mut open = vec![Next::Node(document.clone(), false)];
        while let Some(next) = open.pop() {
            let (node, in_pre) = match next {
                Next::Node(node, in_pre) => (node, in_pre),
                Next::Break(end) => {
                    self.end_with(end);
                    continue;
                }
            };
            let mut in_pre = in_pre;
            match &node.data {
                NodeData::Text { contents } if in_pre => {
                    self.out.push_str(&contents.borrow());
                    self.at_item = false;
                }
                NodeData::Text { contents } => self.push(&contents.borrow()),
                NodeData::Element { name, .. } => {
                    let tag = &*name.local;
                    in_pre |= tag == "pre";
                    let around = around(tag);
                    self.end_with(around);
                    if tag == "li" {
                        self.out.push_str("- ");
                        self.at_item = true;
                    }
                    open.push(Next::Break(around));
                }
                _ => {}
            }
            let children = node.children.borrow();
            open.extend(
                children
                    .iter()
                    .rev()
                    .map(|child| Next::Node(child.clone(), in_pre)),
            );
        }
    }

    /// Text outside of `pre`: white space means one space.
    fn push(&mut self, text: &str) {
        let is_space = |c: char| c.is_ascii_whitespace();
        if text.starts_with(is_space) {
            self.space();
        }
        for (at, word) in text.split_ascii_whitespace().enumerate() {
            if at > 0 {
                self.space();
            }
            self.out.push_str(word);
            self.at_item = false;
        }
        if text.ends_with(is_space) {
            self.space();
        }
    }

    fn space(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with(char::is_whitespace) {
            self.out.push(' ');
        }
    }

    /// Sees to it that what comes next stands behind this white space.
    fn end_with(&mut self, end: &str) {
        if end.is_empty() || self.out.is_empty() || self.at_item {
            return;
        }
        let end_of = |text: &str, white: &[char]| text.trim_end_matches(white).len();
        let text = end_of(&self.out, &[' ']);
        self.out.truncate(text);
        if end == "\t" {
            if !self.out.ends_with(['\n', '\t']) {
                self.out.push('\t');
            }
            return;
        }
        let text = end_of(&self.out, &['\t']);
        self.out.truncate(text);
        let has = self.out.len() - end_of(&self.out, &['\n']);
        self.out.push_str(end.get(has..).unwrap_or_default());
    }
}

/// What stands before and behind an element.
fn around(tag: &str) -> &'static str {
    match tag {
        "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "blockquote" | "pre" | "table" | "hr"
        | "article" | "section" | "header" | "footer" | "main" | "nav" | "figure" => "\n\n",
        "div" | "li" | "ul" | "ol" | "dl" | "dt" | "dd" | "tr" | "br" | "address" | "aside"
        | "caption" | "details" | "summary" | "fieldset" | "figcaption" | "form" | "title" => "\n",
        "td" | "th" => "\t",
        _ => "",
    }
}

/// At most one empty line in a row, and no white space at the end of lines.
fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut empty = 0;
    for line in text.lines() {
        let line = line.trim_end();
        empty = if line.is_empty() { empty + 1 } else { 0 };
        if empty < 2 {
            tidy.push_str(line);
            tidy.push('\n');
        }
    }
    tidy.trim().to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn page(html: &str, mode: Mode, only_article: bool) -> Readable {
        let url = Url::parse("https://example.com/a/page").unwrap();
        read(html, &url, mode, only_article).unwrap()
    }

    fn news() -> String {
        let paragraph = "<p>The committee met on Tuesday, and talked about the new bridge, its cost, and who would pay for it in the end.</p>".repeat(6);
        format!(
            "<title>Bridge talks</title><nav><ul><li><a href=/a>Home</a><li><a href=/b>Sport</a></ul></nav>
             <article><h2>Who pays</h2>{paragraph}<p>See <a href='plan.html'>the plan</a>.</p></article>
             <aside class=sidebar><a href=/ad>Buy now</a></aside><footer>Imprint</footer>"
        )
    }

    #[test]
    fn an_article_is_told_from_what_is_around_it() {
        let found = page(&news(), Mode::Markdown, true);
        assert!(found.is_article);
        assert_eq!(found.title.as_deref(), Some("Bridge talks"));
        assert!(found.text.contains("## Who pays"), "{}", found.text);
        assert!(
            found
                .text
                .contains("[the plan](https://example.com/a/plan.html)"),
            "{}",
            found.text
        );
        for around in ["Sport", "Buy now", "Imprint"] {
            assert!(!found.text.contains(around), "{}", found.text);
        }
    }

    #[test]
    fn all_of_a_page_is_read_where_that_is_asked() {
        let found = page(&news(), Mode::Text, false);
        assert!(!found.is_article);
        for around in [
            "- Home\n- Sport",
            "Who pays\n\nThe committee",
            "See the plan.",
            "Imprint",
        ] {
            assert!(found.text.contains(around), "{around:?} in {}", found.text);
        }
        assert!(
            !found.text.contains("Bridge talks"),
            "the title stands by itself"
        );
    }

    #[test]
    fn a_list_has_no_article() {
        let rows: String = (0..30)
            .map(|n| format!("<tr><td>{n}.<td><a href=/{n}>Story {n}</a>"))
            .collect();
        let found = page(&format!("<table>{rows}</table>"), Mode::Markdown, true);
        assert!(!found.is_article);
        assert!(
            found.text.contains("[Story 29](https://example.com/29)"),
            "{}",
            found.text
        );
    }

    #[test]
    fn words_are_set_apart_as_they_are_seen() {
        for (html, text) in [
            ("<p>a\n  b</p><p>c<br>d</p>", "a b\n\nc\nd"),
            (
                "<ul><li><p>one</p><li>two <b>bold</b>er</ul>end",
                "- one\n\n- two bolder\nend",
            ),
            ("<table><tr><th>k<th>v<tr><td>1<td>2</table>", "k\tv\n1\t2"),
            ("<pre>  x\n    y</pre>", "x\n    y"),
            ("", ""),
        ] {
            assert_eq!(page(html, Mode::Text, false).text, text, "{html}");
        }
        assert_eq!(
            plain("a <strong>b</strong> &amp; c\u{200b}d\n<!-- e -->"),
            "a b & cd"
        );
    }

    #[test]
    fn markdown_has_no_runs_of_empty_lines() {
        let html = "<h1>H</h1><div><div><p>a</p></div></div><ul><li>x<li>y</ul><ol><li>z</ol><pre><code>let a;\n</code></pre>";
        let text = page(html, Mode::Markdown, false).text;
        assert_eq!(text, "# H\n\na\n\n- x\n- y\n\n1. z\n\n```\nlet a;\n```");
    }

    #[test]
    fn a_tower_of_elements_is_read() {
        for tag in ["div", "ul><li", "blockquote", "b", "table><tr><td", "span"] {
            let html = format!(
                "{}{}",
                format!("<{tag}>").repeat(2000),
                "The top of it. ".repeat(40)
            );
            for mode in [Mode::Markdown, Mode::Text] {
                assert!(page(&html, mode, true).text.contains("The top"), "{tag}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_page_is_read(html in "(<[a-z]{1,4}[ a-z='/]{0,6}>|[a-z &;<]{0,9}|</[a-z]{1,3}>|\\PC){0,30}") {
            for mode in [Mode::Markdown, Mode::Text] {
                page(&html, mode, true);
            }
        }
    }
}
