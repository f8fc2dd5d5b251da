//! The configuration's JSON Schema, generated from the types.

use std::sync::LazyLock;

use serde_json::Value;

use crate::schema::Config;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| schemars::schema_for!(Config).to_value());

/// The JSON Schema (2020-12) of the configuration: every key with its type, bounds and meaning.
pub fn json_schema() -> Value {
    SCHEMA.clone()
}

/// The same, without a copy.
pub(crate) fn shared() -> &'static Value {
    &SCHEMA
}
