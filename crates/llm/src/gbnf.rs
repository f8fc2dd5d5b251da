//! A grammar of the answers to a request with tools, in the notation of llama.cpp (GBNF), which vLLM takes too: words,
//! then calls or none, in the form of [`CallForm::HERMES`].
//!
//! Whether to call is the model's choice, made when it begins a call; from there on only the name of a tool that is
//! offered, and arguments that its schema allows, can be written. Words never hold what announces a call.

#[cfg(test)]
mod tests;
mod values;

use std::fmt::Write as _;

use crate::call_form::{CallForm, MARK};
use crate::request::{ToolChoice, ToolSpec};

use values::Values;

/// Most calls in one answer. A small model makes one: it does not know when they are enough.
const MOST_CALLS: usize = 4;

/// Blanks, as a character class holds them.
const BLANKS: &str = " \\t\\r\\n";

/// The grammar of an answer. `bound` is how many tokens it may have, for models that would write one string until they
/// are used up. `None` where no answer would fit: a tool is required that is not offered.
pub(crate) fn grammar(
    tools: &[ToolSpec],
    choice: &ToolChoice,
    bound: Option<u64>,
) -> Option<String> {
    let callable: Vec<&ToolSpec> = match choice {
        ToolChoice::None => Vec::new(),
        ToolChoice::Named(name) => tools.iter().filter(|tool| tool.name == *name).collect(),
        ToolChoice::Auto | ToolChoice::Required => tools.iter().collect(),
    };
    let most = match (choice, bound) {
        (ToolChoice::Named(_), _) | (_, Some(_)) => 1,
        (_, None) => MOST_CALLS,
    };
    let mut text = match choice {
        ToolChoice::Auto => words(true),
        ToolChoice::None => words(false),
        ToolChoice::Required | ToolChoice::Named(_) => {
            format!("root ::= {} calls\n", literal(MARK))
        }
    };
    if matches!(choice, ToolChoice::None) {
        return Some(text);
    }
    if callable.is_empty() {
        return None;
    }
    text.push_str(&calls(&callable, most, bound));
    Some(text)
}

/// One call, and as many more. What announces the first has been written.
fn calls(tools: &[&ToolSpec], most: usize, bound: Option<u64>) -> String {
    let form = CallForm::HERMES;
    let before = form.before.strip_prefix(MARK).unwrap_or(form.before);
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = match most {
        1 => writeln!(text, "calls ::= call"),
        most => writeln!(
            text,
            "calls ::= call ({} call){{0,{}}}",
            literal(&format!("{}{MARK}", form.between)),
            most - 1
        ),
    };
    let mut values = Values::new(bound);
    let alternatives: Vec<String> = tools
        .iter()
        .map(|tool| {
            let head = literal(&format!("{}{}", tool.name, form.middle));
            format!("{head} {}", values.arguments(&tool.parameters))
        })
        .collect();
    let _ = writeln!(
        text,
        "call ::= {} tool {}\ntool ::= {}",
        literal(before),
        literal(form.after),
        alternatives.join(" | ")
    );
    text.push_str(&values.into_rules());
    text
}

/// Anything that is not blank and does not hold [`MARK`]; then, at the beginning of a word, calls may follow. This is the
/// automaton that looks for the mark, a rule for each of its states: `a` and a number where the mark may be whole, `b` and
/// a number where it may not, because it began within a word.
fn words(calls: bool) -> String {
    let begun = if calls { "a1" } else { "b1" };
    let mut text = format!(
        "root ::= [{BLANKS}]{{0,2}} (\"<\" {begun} | [^<{BLANKS}] within)\n\
         blank ::= \"\" | [{BLANKS}] blank | \"<\" {begun} | [^<{BLANKS}] within\n\
         within ::= \"\" | [{BLANKS}] blank | \"<\" b1 | [^<{BLANKS}] within\n"
    );
    let mark: Vec<char> = MARK.chars().collect();
    for track in if calls { &["a", "b"][..] } else { &["b"] } {
        for (seen, next) in mark.iter().enumerate().skip(1) {
            let goes_on = match (seen + 1 == mark.len(), *track) {
                (false, track) => format!(" | {} {track}{}", literal(&next.to_string()), seen + 1),
                (true, "a") => format!(" | {} calls", literal(&next.to_string())),
                (true, _) => String::new(),
            };
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{track}{seen} ::= \"\" | [{BLANKS}] blank | \"<\" b1 | [^<{next}{BLANKS}] within{goes_on}"
            );
        }
    }
    text
}

/// A text as the notation writes it.
fn literal(text: &str) -> String {
    let mut literal = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => literal.extend(['\\', c]),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            c => literal.push(c),
        }
    }
    literal.push('"');
    literal
}
