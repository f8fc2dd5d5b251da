//! An HTML page reduced to what its reader sees.

use html5ever::{Attribute, ns};
use markup5ever_rcdom::{Handle, NodeData, RcDom};
use url::Url;

use super::dom::{Tangled, parse};
use super::hidden::{HidingRules, style_hides};
use moltbot_guard::invisible;

/// Elements inside more others than this lose their tags, but not their text. Converters that call themselves for each
/// level could run out of stack otherwise.
const DEEPEST: usize = 100;

/// Behind this many elements the rest of a page is written without tags, for the sake of those who read on.
const MOST_ELEMENTS: usize = 100_000;

/// Elements whose content is not text of the page.
const NOT_TEXT: &[&str] = &[
    "annotation",
    "annotation-xml",
    "applet",
    "audio",
    "base",
    "canvas",
    "datalist",
    "embed",
    "frame",
    "frameset",
    "head",
    "iframe",
    "input",
    "link",
    "map",
    "meta",
    "noembed",
    "noframes",
    "noscript",
    "object",
    "param",
    "rp",
    "script",
    "select",
    "source",
    "style",
    "svg",
    "template",
    "textarea",
    "track",
    "video",
];

/// Elements that have no end.
const VOID: &[&str] = &["area", "br", "col", "hr", "img", "wbr"];

/// Attributes that help to tell an article from what is around it, or that belong to the text.
const KEPT: &[&str] = &[
    "class", "colspan", "datetime", "dir", "id", "itemprop", "lang", "role", "rowspan", "start",
];

/// A page without what is not seen.
#[derive(Debug)]
pub(crate) struct Visible {
    /// HTML without scripts, styles, comments and hidden elements, its links absolute.
    pub(crate) html: String,
    /// What the browser's tab says.
    pub(crate) title: Option<String>,
    /// The characters of its text, white space left out.
    pub(crate) length: usize,
}

/// Reduces a page that stood at `url` to what is seen.
pub(crate) fn visible(html: &str, url: &Url) -> Result<Visible, Tangled> {
    let dom = parse(html)?;
    let facts = Facts::of(&dom, url);
    let mut writer = Writer {
        out: String::new(),
        length: 0,
        elements: 0,
        facts: &facts,
    };
    writer.write(&dom.document);
    Ok(Visible {
        html: writer.out,
        length: writer.length,
        title: facts.title,
    })
}

/// What is said in one place of a page and holds for all of it.
struct Facts {
    title: Option<String>,
    base: Url,
    rules: HidingRules,
}

impl Facts {
    fn of(dom: &RcDom, url: &Url) -> Self {
        let mut title = None;
        let mut base = None;
        let mut rules = HidingRules::default();
        let mut open = vec![dom.document.clone()];
        while let Some(node) = open.pop() {
            if let NodeData::Element { name, attrs, .. } = &node.data
                && name.ns == ns!(html)
            {
                match &*name.local {
                    "title" if title.is_none() => title = Some(text_of(&node)),
                    "base" if base.is_none() => {
                        let href = attribute(&attrs.borrow(), "href").map(str::to_owned);
                        base = href.and_then(|href| url.join(&href).ok());
                    }
                    "style" => rules.read(&text_of(&node)),
                    _ => {}
                }
            }
            open.extend(node.children.borrow().iter().rev().cloned());
        }
        let title = title.map(|title| {
            let words: Vec<&str> = title.split_whitespace().collect();
            invisible::strip(&words.join(" "))
        });
        Self {
            title: title.filter(|title| !title.is_empty()),
            base: base.unwrap_or_else(|| url.clone()),
            rules,
        }
    }
}

/// The text right inside an element.
fn text_of(node: &Handle) -> String {
    let mut text = String::new();
    for child in node.children.borrow().iter() {
        if let NodeData::Text { contents } = &child.data {
            text.push_str(&contents.borrow());
        }
    }
    text
}

fn attribute<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a str> {
    let found = attributes
        .iter()
        .find(|attribute| &*attribute.name.local == name);
    found.map(|attribute| &*attribute.value)
}

/// What is to be written next: a node inside so many elements, or an end tag.
enum Next {
    Node(Handle, usize),
    End(String),
}

struct Writer<'a> {
    out: String,
    length: usize,
    elements: usize,
    facts: &'a Facts,
}

impl Writer<'_> {
    fn write(&mut self, document: &Handle) {
        let mut open = vec![Next::Node(document.clone(), 0)];
        while let Some(next) = open.pop() {
            let (node, depth) = match next {
                Next::Node(node, depth) => (node, depth),
                Next::End(tag) => {
                    self.out.push_str(&format!("</{tag}>"));
                    continue;
                }
            };
            let mut inside = depth;
            match &node.data {
                NodeData::Text { contents } => {
                    let text = invisible::strip(&contents.borrow());
                    self.length += text.chars().filter(|c| !c.is_whitespace()).count();
                    escape(&text, &mut self.out);
                }
                NodeData::Element { name, attrs, .. } => {
                    let attributes = attrs.borrow();
                    if NOT_TEXT.contains(&&*name.local) || self.is_hidden(&name.local, &attributes)
                    {
                        continue;
                    }
                    self.elements += 1;
                    let may_tag = depth < DEEPEST && self.elements < MOST_ELEMENTS;
                    if let Some(tag) = tag(&name.local).filter(|_| may_tag) {
                        self.start(tag, &attributes);
                        if VOID.contains(&tag) {
                            continue;
                        }
                        open.push(Next::End(tag.to_owned()));
                        inside += 1;
                    }
                }
                NodeData::Document => {}
                // Comments, doctypes.
                _ => continue,
            }
            let children = node.children.borrow();
            open.extend(
                children
                    .iter()
                    .rev()
                    .map(|child| Next::Node(child.clone(), inside)),
            );
        }
    }

    fn is_hidden(&self, tag: &str, attributes: &[Attribute]) -> bool {
        // Pages hide themselves until their scripts have run.
        if matches!(tag, "html" | "body") {
            return false;
        }
        let get = |name| attribute(attributes, name);
        get("hidden").is_some()
            // Shown when somebody presses a button.
            || get("popover").is_some()
            || get("aria-hidden").is_some_and(|hidden| hidden.trim().eq_ignore_ascii_case("true"))
            || (tag == "dialog" && get("open").is_none())
            || get("style").is_some_and(style_hides)
            || self.facts.rules.hide(tag, get("id"), get("class"))
    }

    fn start(&mut self, tag: &str, attributes: &[Attribute]) {
        let get = |name| attribute(attributes, name);
        // A picture that nothing is said about is only a long address.
        let says = get("alt").is_some_and(|alt| !alt.trim().is_empty());
        if tag == "img" && !(says && self.link(get("src")).is_some()) {
            return;
        }
        self.out.push('<');
        self.out.push_str(tag);
        for attribute in attributes {
            let name = &*attribute.name.local;
            let value = match (tag, name) {
                ("a", "href") => self.link(Some(&attribute.value)),
                ("img", "src") => self.link(Some(&attribute.value)),
                ("img", "alt") => Some(attribute.value.to_string()),
                _ if KEPT.contains(&name) => Some(attribute.value.to_string()),
                _ => None,
            };
            if let Some(value) = value {
                self.out.push_str(&format!(" {name}=\""));
                escape(&invisible::strip(&value), &mut self.out);
                self.out.push('"');
            }
        }
        self.out.push('>');
    }

    /// A link made absolute; `None` where it leads to no other page.
    fn link(&self, target: Option<&str>) -> Option<String> {
        let target = target?.trim();
        if target.is_empty() || target.starts_with('#') {
            return None;
        }
        let url = self.facts.base.join(target).ok()?;
        matches!(url.scheme(), "http" | "https" | "mailto").then(|| url.into())
    }
}

/// The tag that an element is written with; `None` where its name is none that HTML knows how to write.
fn tag(name: &str) -> Option<&str> {
    match name {
        // Their text would be taken for what it stands for.
        "xmp" | "listing" | "plaintext" => Some("pre"),
        _ => name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            .then_some(name),
    }
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn clean(html: &str) -> Visible {
        visible(html, &Url::parse("https://example.com/a/page?x#y").unwrap()).unwrap()
    }

    #[test]
    fn what_is_hidden_is_left_out() {
        for hidden in [
            "<!-- HIDDEN -->",
            "<!-- a > b --><!--> <!-- HIDDEN --!>",
            "<p hidden>HIDDEN</p>",
            "<p hidden=until-found>HIDDEN</p>",
            "<div popover>HIDDEN</div>",
            "<style>i{display:none}</style><i>HIDDEN</i>",
            "<p aria-hidden=true>HIDDEN</p>",
            "<P STYLE='Display:None'>HIDDEN</P>",
            "<div style='display:none'><p>a <b>HIDDEN</b></p></div>",
            "<div hidden><table><tr><td>HIDDEN</table></div>",
            "<span style='font-size:0'>HIDDEN</span>",
            "<span style='position:absolute;left:-9999px'>HIDDEN</span>",
            "<style>.sr{display:none}</style><p class='x sr'>HIDDEN</p>",
            "<p class=sr>HIDDEN</p><style>.sr{display:none}</style>",
            "<script>HIDDEN</script>",
            "<noscript>HIDDEN</noscript>",
            "<template><p>HIDDEN</template>",
            "<iframe srcdoc='HIDDEN'>HIDDEN</iframe>",
            "<object>HIDDEN</object>",
            "<svg><text>HIDDEN</text><title>HIDDEN</title></svg>",
            "<dialog>HIDDEN</dialog>",
            "<input type=hidden value=HIDDEN>",
            "<input value=x placeholder=HIDDEN>",
            "<p title=HIDDEN data-x=HIDDEN aria-label=HIDDEN>x</p>",
            "<a href='https://example.com' title=HIDDEN>x</a>",
            "<a href='javascript:HIDDEN'>x</a>",
            "<img src='data:text/plain,HIDDEN' alt=HIDDEN>",
            "<img src='https://example.com/HIDDEN.png'>",
            "<meta name=description content=HIDDEN>",
            "<math><annotation>HIDDEN</annotation></math>",
            "<datalist><option>HIDDEN</datalist>",
        ] {
            let page = clean(&format!("<body><p>before</p>{hidden}<p>after</p>"));
            assert!(!page.html.contains("HIDDEN"), "{hidden}: {}", page.html);
            assert!(
                page.html.contains("before") && page.html.contains("after"),
                "{hidden}"
            );
        }
    }

    #[test]
    fn characters_that_are_not_seen_are_left_out() {
        let page =
            clean("<title>a\u{200b}b</title><p class='c\u{2063}d'>x&#x202e;y&ZeroWidthSpace;z");
        assert_eq!(page.title.as_deref(), Some("ab"));
        assert!(
            page.html.contains("<p class=\"cd\">xyz</p>"),
            "{}",
            page.html
        );
    }

    #[test]
    fn what_is_seen_stays() {
        let page = clean(
            "<html style='opacity:0'><head><title> The\n title </title></head><body style='display:none'>
             <h1 style='color:red'>Head</h1><a href='../b?c=1&amp;d'>link</a><a href='#top'>up</a>
             <img src=i.png alt='a picture'><p>1 &lt; 2 &amp; <code>&lt;!-- shown --&gt;</code></p>
             <xmp><b>raw</b></xmp><details><summary>More</summary>text</details>",
        );
        assert_eq!(page.title.as_deref(), Some("The title"));
        for part in [
            "<h1>Head</h1>",
            "<a href=\"https://example.com/b?c=1&amp;d\">link</a>",
            "<a>up</a>",
            "<img src=\"https://example.com/a/i.png\" alt=\"a picture\">",
            "1 &lt; 2 &amp; <code>&lt;!-- shown --&gt;</code>",
            "<pre>&lt;b&gt;raw&lt;/b&gt;</pre>",
            "<summary>More</summary>text",
        ] {
            assert!(page.html.contains(part), "{part} in {}", page.html);
        }
        let based = clean("<base href='https://other.example/x/'><a href=y>z</a>");
        assert!(
            based.html.contains("https://other.example/x/y"),
            "{}",
            based.html
        );
    }

    #[test]
    fn a_deep_page_is_flattened() {
        let depth = 3000;
        let page = clean(&format!(
            "{}core{}",
            "<div>".repeat(depth),
            "</div>".repeat(depth)
        ));
        assert!(page.html.contains("core"));
        assert!(page.html.matches("<div>").count() <= DEEPEST);
    }

    proptest! {
        #[test]
        fn any_text_is_a_page(
            parts in prop::collection::vec(prop_oneof![
                Just("<p hidden>".to_owned()), Just("</p>".to_owned()), Just("<table>".to_owned()),
                Just("<b a='".to_owned()), Just("<svg>".to_owned()), Just("<select>".to_owned()),
                Just("<template>".to_owned()), Just("<!--".to_owned()), Just("<style>.a{".to_owned()),
                Just("<math><mi>".to_owned()), any::<String>(),
            ], 0..20)
        ) {
            let html = parts.concat();
            let page = clean(&html);
            // Once cleaned, there is nothing left to take out.
            let again = clean(&page.html);
            prop_assert!(again.length <= page.length);
            prop_assert!(!page.html.contains("<!--"));
        }
    }
}
