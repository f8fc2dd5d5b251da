//! Jinja as Hugging Face's Python code runs it: its whitespace settings, its functions, Python's string methods and
//! Python's way of writing JSON.

use std::fmt::Write as _;
use std::io;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Kwargs;
use minijinja::{Environment, Error, ErrorKind, Value};
use minijinja_contrib::pycompat::unknown_method_callback;
use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

/// An environment that holds one template under `name`.
pub(super) fn environment(name: &'static str, source: &str) -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()?,
    );
    environment.set_unknown_method_callback(unknown_method_callback);
    environment.add_function("raise_exception", raise_exception);
    environment.add_function("strftime_now", strftime_now);
    environment.add_filter("tojson", to_json);
    environment.add_template_owned(name, without_generation_tags(source))?;
    Ok(environment)
}

/// The words of an error without the name of the template, which means nothing to anybody.
pub(super) fn reason(error: &Error) -> String {
    let kind = error.kind().to_string();
    match (error.detail(), error.line()) {
        // `raise_exception` speaks for itself.
        (Some(detail), _) if error.kind() == ErrorKind::InvalidOperation => detail.to_owned(),
        (Some(detail), Some(line)) => format!("{kind} in line {line}, {detail}"),
        (Some(detail), None) => format!("{kind}, {detail}"),
        (None, Some(line)) => format!("{kind} in line {line}"),
        (None, None) => kind,
    }
}

fn raise_exception(message: String) -> Result<Value, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, message))
}

/// Today's date in a `strftime` form; some templates write it into the system prompt.
fn strftime_now(format: &str) -> Result<String, Error> {
    let mut text = String::new();
    write!(text, "{}", chrono::Local::now().format(format)).map_err(|_| {
        Error::new(
            ErrorKind::InvalidOperation,
            format!("\"{format}\" is no date format"),
        )
    })?;
    Ok(text)
}

/// `json.dumps(value, ensure_ascii=False)`: unlike Jinja's own filter it escapes nothing for HTML and puts a space after
/// `,` and `:`, as the model saw it in training.
fn to_json(value: &Value, positional: Option<usize>, kwargs: Kwargs) -> Result<Value, Error> {
    let indent: Option<usize> = kwargs.get("indent")?;
    let separators: Option<Vec<String>> = kwargs.get("separators")?;
    let sorted: Option<bool> = kwargs.get("sort_keys")?;
    // Only a matter of spelling, and no template asks for the unreadable one.
    let _: Option<bool> = kwargs.get("ensure_ascii")?;
    kwargs.assert_all_used()?;
    json_text(value, indent.or(positional), separators, sorted)
        .map(Value::from_safe_string)
        .map_err(|error| {
            Error::new(
                ErrorKind::BadSerialization,
                format!("a value cannot be written as JSON: {error}"),
            )
        })
}

fn json_text(
    value: &Value,
    indent: Option<usize>,
    separators: Option<Vec<String>>,
    sorted: Option<bool>,
) -> Result<String, serde_json::Error> {
    let mut value = serde_json::to_value(value)?;
    if sorted == Some(true) {
        value.sort_all_objects();
    }
    let mut bytes = Vec::new();
    match indent {
        Some(width) => {
            let indent = vec![b' '; width];
            let pretty = PrettyFormatter::with_indent(&indent);
            value.serialize(&mut Serializer::with_formatter(&mut bytes, pretty))?;
        }
        None => {
            let (item, key) = match separators.as_deref() {
                Some([item, key]) => (item.as_str(), key.as_str()),
                _ => (", ", ": "),
            };
            let one_line = OneLine { item, key };
            value.serialize(&mut Serializer::with_formatter(&mut bytes, one_line))?;
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// JSON on one line with Python's separators.
struct OneLine<'a> {
    item: &'a str,
    key: &'a str,
}

impl OneLine<'_> {
    fn before_item<W: ?Sized + io::Write>(&self, writer: &mut W, first: bool) -> io::Result<()> {
        if first {
            Ok(())
        } else {
            writer.write_all(self.item.as_bytes())
        }
    }
}

impl Formatter for OneLine<'_> {
    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.before_item(writer, first)
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.before_item(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(self.key.as_bytes())
    }
}

/// Removes `{% generation %}` and `{% endgeneration %}`, which only mark, for training, what the assistant wrote.
fn without_generation_tags(source: &str) -> String {
    let mut kept = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{%") {
        let Some(length) = rest[start..].find("%}") else {
            break;
        };
        let tag = &rest[start + 2..start + length];
        let after = start + length + 2;
        let word = tag.trim_matches(|c: char| c == '-' || c == '+' || c.is_whitespace());
        if matches!(word, "generation" | "endgeneration") {
            let before = &rest[..start];
            kept.push_str(if tag.starts_with('-') {
                before.trim_end()
            } else {
                before
            });
            rest = &rest[after..];
            if tag.ends_with('-') {
                rest = rest.trim_start();
            } else {
                // `trim_blocks`: the line break after a tag belongs to the tag.
                rest = rest.strip_prefix('\n').unwrap_or(rest);
            }
        } else {
            kept.push_str(&rest[..after]);
            rest = &rest[after..];
        }
    }
    kept.push_str(rest);
    kept
}
