//! Blocks of which an agent's own keys stand over those of all agents.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A block with what it leaves out taken from `defaults`, whose keys it has too, key by key, at every depth.
pub(super) fn merged<T, D>(own: &T, defaults: &D) -> T
where
    T: Serialize + DeserializeOwned + Clone,
    D: Serialize,
{
    let merged = serde_json::to_value(own)
        .and_then(|own| Ok(fill(own, serde_json::to_value(defaults)?)))
        .and_then(serde_json::from_value);
    // Keys of two valid blocks make a valid block.
    merged.unwrap_or_else(|_| own.clone())
}

fn fill(own: Value, defaults: Value) -> Value {
    match (own, defaults) {
        (Value::Object(mut own), Value::Object(defaults)) => {
            for (key, default) in defaults {
                let value = match own.remove(&key) {
                    Some(value) => fill(value, default),
                    None => default,
                };
                own.insert(key, value);
            }
            Value::Object(own)
        }
        (own, _) => own,
    }
}
