//! What of a page its reader would not see.
//!
//! Judged by attributes, by the style of an element and by the simplest rules of the page's own style sheets. Style
//! sheets in other files are not read, and nothing is laid out: text that only these hide is not found.

use std::collections::HashSet;

/// Lengths below this many pixels are not readable as a size of type.
const SMALLEST_TYPE: f32 = 3.0;

/// What lies further off the page than this many pixels is not on it.
const OFF_THE_PAGE: f32 = -400.0;

/// Whether declarations (`display: none; color: red`) hide an element.
pub(crate) fn style_hides(style: &str) -> bool {
    let style = without_comments(style).to_ascii_lowercase();
    // Escapes have no use in a style attribute but to write a word so that it is not found.
    style.contains('\\') || hides(&style, true)
}

fn hides(style: &str, opacity_counts: bool) -> bool {
    let declarations = declarations(style);
    let value = |name: &str| {
        let found = declarations.iter().rev().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_str())
    };
    let is = |name: &str, words: &[&str]| value(name).is_some_and(|value| words.contains(&value));
    let is_tiny = |name: &str| {
        value(name)
            .and_then(length)
            .is_some_and(|size| size.abs() <= 1.0)
    };
    let is_off = |name: &str| {
        value(name)
            .and_then(length)
            .is_some_and(|at| at <= OFF_THE_PAGE)
    };
    let background = value("background").or_else(|| value("background-color"));
    is("display", &["none"])
        || is("visibility", &["hidden", "collapse"])
        || is("content-visibility", &["hidden"])
        || (opacity_counts && value("opacity").and_then(number).is_some_and(|o| o < 0.05))
        || value("font-size").is_some_and(is_unreadable)
        || value("font").is_some_and(font_is_unreadable)
        || value("zoom").or_else(|| value("scale")).and_then(number) == Some(0.0)
        || value("filter")
            .and_then(|filter| argument(filter, "opacity("))
            .and_then(number)
            == Some(0.0)
        || value("-webkit-text-fill-color").is_some_and(is_transparent)
        || value("color").is_some_and(|color| is_transparent(color) || background == Some(color))
        || (is("overflow", &["hidden", "clip"])
            && ["width", "height", "max-width", "max-height"]
                .into_iter()
                .any(is_tiny))
        || [
            "left",
            "top",
            "right",
            "bottom",
            "text-indent",
            "margin-left",
            "margin-top",
        ]
        .into_iter()
        .any(is_off)
        || value("clip").is_some_and(|clip| {
            clip.starts_with("rect(") && !clip.contains(|c: char| matches!(c, '2'..='9'))
        })
        || value("clip-path").is_some_and(|clip| {
            ["inset(50%", "inset(100%", "circle(0"]
                .iter()
                .any(|none| clip.starts_with(none))
        })
        || value("translate").is_some_and(leads_off)
        || value("transform").is_some_and(|transform| {
            argument(transform, "scale(").and_then(number) == Some(0.0)
                || ["translate(", "translatex(", "translatey(", "translate3d("]
                    .into_iter()
                    .any(|function| argument(transform, function).is_some_and(leads_off))
        })
}

/// What a function of a value is given.
fn argument<'a>(value: &'a str, function: &str) -> Option<&'a str> {
    let (_, behind) = value.split_once(function)?;
    behind.split(')').next()
}

/// Whether a move by these lengths leads off the page.
fn leads_off(by: &str) -> bool {
    by.split([',', ' '])
        .filter_map(|by| length(by.trim()))
        .any(|by| by <= OFF_THE_PAGE)
}

/// Names and values, without `!important`.
fn declarations(style: &str) -> Vec<(&str, String)> {
    let declarations = style.split(';').filter_map(|declaration| {
        let (name, value) = declaration.split_once(':')?;
        let value = value.split('!').next().unwrap_or_default();
        let words: Vec<&str> = value.split_whitespace().collect();
        Some((name.trim(), words.join(" ")))
    });
    declarations.collect()
}

fn without_comments(css: &str) -> String {
    let mut plain = String::new();
    let mut rest = css;
    while let Some((before, behind)) = rest.split_once("/*") {
        plain.push_str(before);
        rest = behind.split_once("*/").map_or("", |(_, rest)| rest);
    }
    plain.push_str(rest);
    plain
}

/// The number that a value begins with, and what stands behind it.
fn leading(value: &str) -> Option<(f32, &str)> {
    let end = value
        .find(|c: char| !matches!(c, '0'..='9' | '.' | '-' | '+'))
        .unwrap_or(value.len());
    let number = value[..end].parse().ok()?;
    Some((number, value[end..].trim()))
}

fn number(value: &str) -> Option<f32> {
    let (number, unit) = leading(value)?;
    Some(if unit == "%" { number / 100.0 } else { number })
}

/// A length in pixels, about; `None` where it depends on what is around it.
fn length(value: &str) -> Option<f32> {
    let (number, unit) = leading(value)?;
    match unit {
        "" | "px" => Some(number),
        "pt" => Some(number * 4.0 / 3.0),
        "em" | "rem" | "ex" | "ch" => Some(number * 16.0),
        "cm" => Some(number * 38.0),
        "in" => Some(number * 96.0),
        "vw" | "vh" | "%" if number <= -100.0 => Some(number * 10.0),
        "vw" | "vh" | "%" if number == 0.0 => Some(0.0),
        _ => None,
    }
}

fn is_unreadable(size: &str) -> bool {
    match leading(size) {
        Some((number, "%")) => number < 20.0,
        _ => length(size).is_some_and(|size| size < SMALLEST_TYPE),
    }
}

/// Whether `font: bold 12px/1.5 serif` has such a size. What stands behind the slash is the height of a line.
fn font_is_unreadable(font: &str) -> bool {
    let (sizes, _) = font.split_once('/').unwrap_or((font, ""));
    let mut sizes = sizes
        .split(' ')
        .filter(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    sizes.any(is_unreadable)
}

fn is_transparent(color: &str) -> bool {
    let color: String = color.split_whitespace().collect();
    let has_clear_hex = match color
        .strip_prefix('#')
        .map(|digits| digits.split_at(digits.len() / 4 * 3))
    {
        Some((digits, alpha)) => matches!(digits.len(), 3 | 6) && matches!(alpha, "0" | "00"),
        None => false,
    };
    color == "transparent"
        || has_clear_hex
        || (color.contains('(')
            && [",0)", "/0)", ",0.0)", "/0%)"]
                .iter()
                .any(|end| color.ends_with(end)))
}

/// The rules of style sheets that hide every element of a name, a class or an id.
#[derive(Debug, Default)]
pub(crate) struct HidingRules {
    /// `name`, `.name` and `#name`, the latter two with an element's name in front where the rule has it there.
    selectors: HashSet<String>,
}

impl HidingRules {
    /// Adds a style sheet. Later rules win, as far as they have the same selector.
    pub(crate) fn read(&mut self, css: &str) {
        self.read_rules(&without_comments(css), true);
    }

    /// Rules that only hold for some screens show what they show, but hide nothing.
    fn read_rules(&mut self, css: &str, may_hide: bool) {
        let mut rest = css;
        while let Some(open) = rest.find('{') {
            let head = rest[..open]
                .rsplit([';', '}'])
                .next()
                .unwrap_or_default()
                .trim();
            let (body, behind) = block(&rest[open + 1..]);
            rest = behind;
            if head.starts_with("@media") || head.starts_with("@supports") {
                // One level of nesting is enough for real pages, and bounds the work.
                if may_hide && !head.contains("print") {
                    self.read_rules(body, false);
                }
            } else if !head.starts_with('@') {
                self.read_rule(head, &body.to_ascii_lowercase(), may_hide);
            }
        }
    }

    fn read_rule(&mut self, head: &str, body: &str, may_hide: bool) {
        // What a script fades in is not visible at first; it is what the page is about all the same.
        let hides = hides(body, false);
        let sets = body.contains("display") || body.contains("visibility");
        for selector in head.split(',').map(str::trim).filter(|s| is_simple(s)) {
            if hides && may_hide {
                self.selectors.insert(normal(selector));
            } else if !hides && sets {
                self.selectors.remove(&normal(selector));
            }
        }
    }

    /// Whether an element with these names is hidden.
    pub(crate) fn hide(&self, tag: &str, id: Option<&str>, classes: Option<&str>) -> bool {
        if self.selectors.is_empty() {
            return false;
        }
        let ids = id.into_iter().map(|id| format!("#{id}"));
        let classes = classes.unwrap_or_default().split_ascii_whitespace();
        let mut names = ids.chain(classes.map(|class| format!(".{class}")));
        self.selectors.contains(tag)
            || names.any(|name| {
                self.selectors.contains(&name) || self.selectors.contains(&format!("{tag}{name}"))
            })
    }
}

/// What stands before the brace that closes a block, and what behind it.
fn block(css: &str) -> (&str, &str) {
    let mut depth = 1_usize;
    for (at, byte) in css.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return (&css[..at], &css[at + 1..]);
        }
    }
    (css, "")
}

/// A selector whose element's name is in lower case, as HTML has it.
fn normal(selector: &str) -> String {
    let (tag, name) = selector.split_at(selector.find(['.', '#']).unwrap_or(selector.len()));
    format!("{}{name}", tag.to_ascii_lowercase())
}

/// Whether a selector is an element's name, or one class or id, perhaps with an element's name in front.
fn is_simple(selector: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    let Some(at) = selector.find(['.', '#']) else {
        return !selector.is_empty() && selector.chars().all(is_name);
    };
    selector[..at].chars().all(is_name)
        && selector.len() > at + 1
        && selector[at + 1..].chars().all(is_name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn styles_that_hide() {
        for style in [
            "display:none",
            "DISPLAY : None !important; color: red",
            "color:red;display:/* x */none",
            "display:n\\6fne",
            "visibility: hidden",
            "opacity:0",
            "opacity: 0.01",
            "opacity: 0%",
            "font-size:0",
            "font-size: 1px",
            "font-size:0.1em",
            "font: 0/0 a",
            "font: bold 1px serif",
            "color: transparent",
            "color: rgba(0, 0, 0, 0)",
            "color:#fff;background:#fff",
            "background-color: white; color: white",
            "height:0;overflow:hidden",
            "width: 1px; height: 1px; overflow: hidden",
            "position:absolute;left:-9999px",
            "text-indent:-999em",
            "position: absolute; clip: rect(0 0 0 0)",
            "clip-path: inset(50%)",
            "transform: scale(0)",
            "transform: scale(0, 0)",
            "transform:translateX(-9999px)",
            "transform: rotate(1deg) translate(0, -200vh)",
            "translate: -9999px",
            "scale: 0",
            "zoom:0",
            "filter: blur(1px) opacity(0%)",
            "display: none ! important",
            "color: #fff0",
            "color: #12345600",
            "-webkit-text-fill-color: transparent",
        ] {
            assert!(style_hides(style), "{style}");
        }
    }

    #[test]
    fn styles_that_do_not() {
        for style in [
            "",
            "display:block",
            "display:none;display:block",
            "opacity:1",
            "opacity:0.9",
            "font-size:12px",
            "font-size:80%",
            "font: 12px/1.5 serif",
            "font: 700 12px / 1.5 serif",
            "color: #333; background: #fff",
            "color: rgba(0,0,0,0.8)",
            "height:0",
            "overflow:hidden;height:100px",
            "margin-left:-15px",
            "left: -50%",
            "clip: rect(0, 200px, 100px, 0)",
            "color: #000",
            "color: #100100",
            "color: #12345678",
            "transform: scale(0.9) translate(-50%, -50%)",
            "filter: opacity(0.9)",
            "zoom: 1.2",
            "background: url(data:image/png;base64,none)",
        ] {
            assert!(!style_hides(style), "{style}");
        }
    }

    fn rules(css: &str) -> HidingRules {
        let mut rules = HidingRules::default();
        rules.read(css);
        rules
    }

    #[test]
    fn rules_hide_classes_and_ids() {
        let rules = rules(
            "@charset \"utf-8\"; @import url(x.css);
             .a, p.b { display: none } /* .never { display: none } */
             #c{position:absolute;left:-9999px}
             .d .e {display:none} .f:hover {display:none}
             @media print { .g { display: none } }
             @media (max-width: 10em) { .h { display: none } }
             .i { display: none } @media (min-width: 60em) { .i { display: block } }
             .j { display: none } .j { display: flex }
             .k { opacity: 0 }
             @font-face { font-family: x }
             .l{visibility:hidden}
             ASIDE, P.m { display: none ! important } em{display:none} em{display:inline}",
        );
        for (tag, id, class, hidden) in [
            ("div", None, Some("x a"), true),
            ("p", None, Some("b"), true),
            ("div", None, Some("b"), false),
            ("div", Some("c"), None, true),
            ("div", None, Some("e"), false),
            ("div", None, Some("f"), false),
            ("div", None, Some("g"), false),
            ("div", None, Some("h"), false),
            ("div", None, Some("i"), false),
            ("div", None, Some("j"), false),
            ("div", None, Some("k"), false),
            ("div", None, Some("l"), true),
            ("aside", None, None, true),
            ("p", None, Some("m"), true),
            ("em", None, None, false),
            ("div", None, Some("never"), false),
            ("div", None, None, false),
        ] {
            assert_eq!(rules.hide(tag, id, class), hidden, "{tag} {id:?} {class:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_style(text in "[a-z{}:;@/*.#\\\\ 0-9%é-]*") {
            style_hides(&text);
            rules(&text).hide("p", Some("a"), Some("b c"));
        }
    }
}
