//! Reading and changing single keys: `config get`, `config set`, `config unset`.
//!
//! A change is made in the owner's own text, with its comments, order, `${VAR}` and `$include`; the changed text is
//! loaded and checked like any other before it is written.

use std::path::Path;

use serde_json::{Map, Value};

use crate::environment::Environment;
use crate::include::INCLUDE_KEY;
use crate::key_path::{KeyPath, Segment};
use crate::load::{LoadError, Snapshot, load_text};
use crate::rewrite::{parse_plain, rewrite};
use crate::spanned::{Content, Node};
use crate::write::{Base, WriteError, write};

/// Why a key was not changed. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// Nothing is set at the path.
    #[error("Config path not found: {0}")]
    NotFound(String),
    /// The value is written in another file.
    #[error("{path} comes from {file} through $include; change it in that file.")]
    Included {
        /// The path as given.
        path: String,
        /// The included file, as shown to the owner.
        file: String,
    },
    /// The path leads through a value that holds no other values.
    #[error("{path} is {kind}, so that nothing can be set inside it.")]
    NoContainer {
        /// The path of the value in the way.
        path: String,
        /// What it is, such as `a number`.
        kind: &'static str,
    },
    /// The path leads through a list, but not by the number of an item.
    #[error(
        "{path} is a list with {length} items; write the number of an item, from 0 to {length} (one past the last adds an item)."
    )]
    NoItem {
        /// The path of the list.
        path: String,
        /// How many items it has.
        length: usize,
    },
    /// The value was to be JSON5 and is not.
    #[error("The value is not JSON5: {0}.")]
    Value(String),
    /// With the change, the configuration would be wrong.
    #[error("{}", failed_lines(.0))]
    Invalid(LoadError),
    /// The text could not be changed without changing something else.
    #[error("{0} could not be changed in place; edit the file by hand.")]
    Text(String),
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

fn failed_lines(error: &LoadError) -> String {
    let lines: Vec<String> = error
        .issues()
        .iter()
        .map(|issue| {
            format!(
                "Config validation failed: {}: {}",
                issue.shown_path(),
                issue.sentence()
            )
        })
        .collect();
    lines.join("\n")
}

/// The value at `path` in a configuration, such as [`Snapshot::value`].
pub fn get<'v>(value: &'v Value, path: &KeyPath) -> Option<&'v Value> {
    path.segments()
        .iter()
        .try_fold(value, |value, segment| match (value, segment) {
            (Value::Array(items), Segment::Index(index)) => items.get(*index),
            (Value::Object(map), segment) => map.get(&segment.as_key()),
            _ => None,
        })
}

/// Reads a value as the owner types it: JSON5, and with `strict` nothing else; otherwise what is not JSON5 is text.
///
/// # Errors
/// [`EditError::Value`] when `strict` is set and `text` is not JSON5.
pub fn parse_value(text: &str, strict: bool) -> Result<Value, EditError> {
    let source = std::sync::Arc::new(crate::spanned::SourceFile {
        path: "<value>".into(),
        shown: "value".to_owned(),
    });
    match crate::spanned::parse(text, &source, &mut Vec::new()) {
        Ok(node) => Ok(node.to_value()),
        Err(issue) if strict => Err(EditError::Value(issue.message)),
        Err(_) => Ok(Value::String(text.to_owned())),
    }
}

/// Sets the value at `path` in the config file and returns the new configuration.
///
/// Objects and lists on the way are made where they are missing: a list where the next step is `[0]`, else an
/// object. `environment` is what `snapshot` was loaded with.
///
/// # Errors
/// [`EditError`]; the file is as it was.
pub fn set(
    environment: &Environment,
    snapshot: &Snapshot,
    path: &KeyPath,
    value: Value,
) -> Result<Snapshot, EditError> {
    change(environment, snapshot, path, Some(value))
}

/// Removes the key or list item at `path` from the config file and returns the new configuration.
///
/// # Errors
/// [`EditError`]; the file is as it was.
pub fn unset(
    environment: &Environment,
    snapshot: &Snapshot,
    path: &KeyPath,
) -> Result<Snapshot, EditError> {
    change(environment, snapshot, path, None)
}

/// Changes the config file to mean `wanted` (with `$include` and `${VAR}` as they stand in the file) and returns the
/// new configuration. What is equal stays as it is written.
///
/// # Errors
/// [`EditError`]; the file is as it was.
pub fn replace(
    environment: &Environment,
    snapshot: &Snapshot,
    wanted: &Value,
) -> Result<Snapshot, EditError> {
    let (new, text) = checked(environment, snapshot, wanted, "The configuration")?;
    commit(snapshot, new, &text)
}

/// The text of a config file with the value at `path` set, without loading or checking anything.
///
/// # Errors
/// [`EditError`] when the path leads nowhere or `text` is not JSON5.
pub fn set_text(text: &str, path: &KeyPath, value: Value) -> Result<String, EditError> {
    edited_text(text, path, Some(value))
}

/// The text of a config file without the key or list item at `path`, without loading or checking anything.
///
/// # Errors
/// [`EditError`] when nothing is set at the path or `text` is not JSON5.
pub fn unset_text(text: &str, path: &KeyPath) -> Result<String, EditError> {
    edited_text(text, path, None)
}

fn edited_text(text: &str, path: &KeyPath, value: Option<Value>) -> Result<String, EditError> {
    let unchangeable = || EditError::Text(path.to_string());
    let current = parse_plain(text).ok_or_else(unchangeable)?;
    let wanted = changed_value(&current, path, value)?;
    rewrite(text, &wanted).ok_or_else(unchangeable)
}

fn changed_value(current: &Node, path: &KeyPath, value: Option<Value>) -> Result<Value, EditError> {
    let mut wanted = current.to_value();
    match value {
        Some(value) => set_in(&mut wanted, path, 0, value)?,
        None => unset_in(&mut wanted, path)?,
    }
    Ok(wanted)
}

fn change(
    environment: &Environment,
    snapshot: &Snapshot,
    path: &KeyPath,
    value: Option<Value>,
) -> Result<Snapshot, EditError> {
    let written =
        parse_plain(text_of(snapshot)).ok_or_else(|| EditError::Text(path.to_string()))?;
    let is_set = value.is_some();
    let meets_include = check_reachable(&written, snapshot, path, is_set)?;
    let wanted = changed_value(&written, path, value)?;
    let (new, text) = checked(environment, snapshot, &wanted, &path.to_string())?;
    if meets_include && let Some(file) = foreign_file(&new, path) {
        return Err(EditError::Included {
            path: path.to_string(),
            file,
        });
    }
    commit(snapshot, new, &text)
}

/// The text that a change starts from.
fn text_of(snapshot: &Snapshot) -> &str {
    if snapshot.exists {
        &snapshot.raw
    } else {
        "{}\n"
    }
}

/// The configuration and the text that mean `wanted`.
fn checked(
    environment: &Environment,
    snapshot: &Snapshot,
    wanted: &Value,
    what: &str,
) -> Result<(Snapshot, String), EditError> {
    let text =
        rewrite(text_of(snapshot), wanted).ok_or_else(|| EditError::Text(what.to_owned()))?;
    let new = load_text(environment, &text).map_err(EditError::Invalid)?;
    Ok((new, text))
}

fn commit(snapshot: &Snapshot, new: Snapshot, text: &str) -> Result<Snapshot, EditError> {
    let base = if snapshot.exists {
        Base::Hash(&snapshot.hash)
    } else {
        Base::Absent
    };
    write(&snapshot.path, text, base)?;
    Ok(new)
}

/// Refuses a path whose value is written in an included file. Returns whether the path leads through an object that
/// includes a file, in which case the result has to be looked at as well.
fn check_reachable(
    written: &Node,
    snapshot: &Snapshot,
    path: &KeyPath,
    is_set: bool,
) -> Result<bool, EditError> {
    let included = |node: &Node| EditError::Included {
        path: path.to_string(),
        file: node.origin.file.shown.clone(),
    };
    let mut meets_include = false;
    let mut here = written;
    let mut resolved = Some(&snapshot.tree);
    for segment in path.segments() {
        meets_include |= here.get(INCLUDE_KEY).is_some();
        // Where lists were joined, the number of an item in the file is not its number in the configuration.
        if let (Content::Array(items), Some(Content::Array(joined))) =
            (&here.content, resolved.map(|node| &node.content))
            && items.len() != joined.len()
            && let Some(foreign) = joined.iter().find(|item| is_foreign(item, snapshot))
        {
            return Err(included(foreign));
        }
        let next = step(here, segment);
        resolved = resolved.and_then(|node| step(node, segment));
        match next {
            Some(next) => here = next,
            None => {
                return match resolved.filter(|_| meets_include) {
                    Some(node) => Err(included(node)),
                    None => Ok(meets_include),
                };
            }
        }
    }
    // Setting the key that an include fills would throw the include away; removing it says so plainly.
    if is_set
        && here.get(INCLUDE_KEY).is_some()
        && let Some(node) = resolved
    {
        let foreign = first_foreign(node, snapshot.path.as_path()).unwrap_or(node);
        return Err(included(foreign));
    }
    Ok(meets_include)
}

fn is_foreign(node: &Node, snapshot: &Snapshot) -> bool {
    node.origin.file.path != snapshot.path
}

/// The first value in `node` that is not written in the file at `main`.
fn first_foreign<'n>(node: &'n Node, main: &Path) -> Option<&'n Node> {
    if node.origin.file.path != main {
        return Some(node);
    }
    let items = node.items().iter();
    let values = node.members().iter().map(|member| &member.value);
    items
        .chain(values)
        .find_map(|child| first_foreign(child, main))
}

/// The included file, as shown, that still has a part in the value at `path`.
fn foreign_file(snapshot: &Snapshot, path: &KeyPath) -> Option<String> {
    let node = node_at(&snapshot.tree, path.segments())?;
    first_foreign(node, &snapshot.path).map(|node| node.origin.file.shown.clone())
}

/// The node at a chain of steps.
pub(crate) fn node_at<'n>(node: &'n Node, segments: &[Segment]) -> Option<&'n Node> {
    segments.iter().try_fold(node, step)
}

fn step<'n>(node: &'n Node, segment: &Segment) -> Option<&'n Node> {
    match (&node.content, segment) {
        (Content::Array(items), Segment::Index(index)) => items.get(*index),
        (Content::Object(_), segment) => node.get(&segment.as_key()),
        _ => None,
    }
}

fn set_in(place: &mut Value, path: &KeyPath, depth: usize, value: Value) -> Result<(), EditError> {
    let Some(segment) = path.segments().get(depth) else {
        *place = value;
        return Ok(());
    };
    if place.is_null() {
        // A number other than 0 can't be the first item of a new list, but it can be a key, such as a chat id.
        *place = if *segment == Segment::Index(0) {
            Value::Array(Vec::new())
        } else {
            Value::Object(Map::new())
        };
    }
    match place {
        Value::Object(map) => {
            let child = map.entry(segment.as_key()).or_insert(Value::Null);
            set_in(child, path, depth + 1, value)
        }
        Value::Array(items) => {
            let index = index_in(items.len() + 1, segment).ok_or_else(|| EditError::NoItem {
                path: path.first(depth).to_string(),
                length: items.len(),
            })?;
            if index == items.len() {
                items.push(Value::Null);
            }
            set_in(&mut items[index], path, depth + 1, value)
        }
        other => Err(EditError::NoContainer {
            path: path.first(depth).to_string(),
            kind: kind(other),
        }),
    }
}

fn unset_in(root: &mut Value, path: &KeyPath) -> Result<(), EditError> {
    let not_found = || EditError::NotFound(path.to_string());
    let (last, parents) = path.segments().split_last().ok_or_else(not_found)?;
    let mut place = root;
    for segment in parents {
        place = match place {
            Value::Object(map) => map.get_mut(&segment.as_key()),
            Value::Array(items) => index_in(items.len(), segment).map(|index| &mut items[index]),
            _ => None,
        }
        .ok_or_else(not_found)?;
    }
    match place {
        // Keeps the order of the other keys.
        Value::Object(map) => map.shift_remove(&last.as_key()).map(drop),
        Value::Array(items) => index_in(items.len(), last).map(|index| {
            items.remove(index);
        }),
        _ => None,
    }
    .ok_or_else(not_found)
}

fn index_in(length: usize, segment: &Segment) -> Option<usize> {
    match segment {
        Segment::Index(index) if *index < length => Some(*index),
        _ => None,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
