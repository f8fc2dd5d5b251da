//! Changing the owner's text to mean something else while leaving everything untouched that need not change:
//! comments, order, quotes, indentation, trailing commas.

use std::path::PathBuf;
use std::sync::Arc;

use jsonc_parser::cst::{CstArray, CstInputValue, CstNode, CstObject, CstRootNode};
use serde_json::Value;

use crate::spanned::{self, Content, Node, SourceFile};

/// Parses `text` for its content alone.
pub(crate) fn parse_plain(text: &str) -> Option<Node> {
    let nowhere = Arc::new(SourceFile {
        path: PathBuf::new(),
        shown: String::new(),
    });
    spanned::parse(text, &nowhere, &mut Vec::new()).ok()
}

/// The text changed so that it means `wanted`; `None` when `text` is not JSON5 or could not be changed safely. The
/// result is read again and compared before it is returned.
pub(crate) fn rewrite(text: &str, wanted: &Value) -> Option<String> {
    let body = spanned::without_bom(text);
    let current = parse_plain(body)?;
    let root = CstRootNode::parse(body, &spanned::parse_options()).ok()?;
    let value = root.value()?;
    if let Change::Replace = reconcile(&value, &current, wanted) {
        root.set_value(input(wanted));
    }
    let mark = &text[..text.len() - body.len()];
    let changed = format!("{mark}{root}");
    (parse_plain(&changed)?.to_value() == *wanted).then_some(changed)
}

/// What is left to do for the holder of a value.
enum Change {
    /// Nothing: the value is right now.
    Done,
    /// The value is of another kind and must be replaced whole.
    Replace,
}

fn reconcile(cst: &CstNode, current: &Node, wanted: &Value) -> Change {
    if current.to_value() == *wanted {
        return Change::Done;
    }
    match (&current.content, wanted) {
        (Content::Object(_), Value::Object(map)) => match cst.as_object() {
            Some(object) => {
                reconcile_object(&object, current, map);
                Change::Done
            }
            None => Change::Replace,
        },
        (Content::Array(items), Value::Array(list)) => match cst.as_array() {
            Some(array) => {
                reconcile_array(&array, items, list);
                Change::Done
            }
            None => Change::Replace,
        },
        _ => Change::Replace,
    }
}

fn reconcile_object(object: &CstObject, current: &Node, wanted: &serde_json::Map<String, Value>) {
    for property in object.properties() {
        if property
            .decoded_name()
            .is_some_and(|name| !wanted.contains_key(&name))
        {
            property.remove();
        }
    }
    for (key, value) in wanted {
        // Of a key that stands twice, the last one counts.
        let property = object
            .properties()
            .into_iter()
            .rev()
            .find(|property| property.decoded_name().as_deref() == Some(key));
        let Some(property) = property else {
            object.append(key, input(value));
            continue;
        };
        let change = match (property.value(), current.get(key)) {
            (Some(cst), Some(node)) => reconcile(&cst, node, value),
            _ => Change::Replace,
        };
        if let Change::Replace = change {
            property.set_value(input(value));
        }
    }
}

/// Leaves the items that both lists begin and end with, and changes those in between one by one.
fn reconcile_array(array: &CstArray, current: &[Node], wanted: &[Value]) {
    let is_same = |(node, value): &(&Node, &Value)| node.to_value() == **value;
    let begin = current.iter().zip(wanted).take_while(is_same).count();
    let end = current[begin..]
        .iter()
        .rev()
        .zip(wanted[begin..].iter().rev())
        .take_while(is_same)
        .count();
    let old = &current[begin..current.len() - end];
    let new = &wanted[begin..wanted.len() - end];
    let elements = array.elements();
    let elements = &elements[begin..current.len() - end];
    let both = old.len().min(new.len());
    for ((cst, node), value) in elements.iter().zip(old).zip(new) {
        if let Change::Replace = reconcile(cst, node, value) {
            replace(cst.clone(), value);
        }
    }
    for element in elements[both..].iter().rev() {
        element.clone().remove();
    }
    for (offset, value) in new[both..].iter().enumerate() {
        array.insert(begin + both + offset, input(value));
    }
}

fn replace(cst: CstNode, value: &Value) {
    let value = input(value);
    if let Some(node) = cst.as_object() {
        node.replace_with(value);
    } else if let Some(node) = cst.as_array() {
        node.replace_with(value);
    } else if let Some(node) = cst.as_string_lit() {
        node.replace_with(value);
    } else if let Some(node) = cst.as_number_lit() {
        node.replace_with(value);
    } else if let Some(node) = cst.as_boolean_lit() {
        node.replace_with(value);
    } else if let Some(node) = cst.as_null_keyword() {
        node.replace_with(value);
    }
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(value) => CstInputValue::Bool(*value),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Array(items) => CstInputValue::Array(items.iter().map(input).collect()),
        Value::Object(map) => CstInputValue::Object(
            map.iter()
                .map(|(key, value)| (key.clone(), input(value)))
                .collect(),
        ),
    }
}
